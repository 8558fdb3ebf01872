"""``python -m spark_jobs.pipeline``: see ``spark_jobs.pipeline.runner``."""

from __future__ import annotations

import sys

from spark_jobs.pipeline.runner import main

if __name__ == "__main__":
    sys.exit(main())
