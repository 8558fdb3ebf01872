"""``python -m benchmarks.load``: see ``benchmarks.load.run``."""

import sys

from benchmarks.load.run import main

sys.exit(main())
