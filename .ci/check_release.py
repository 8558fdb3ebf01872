"""Ends with status 2 and a remedy if the release in service is of other data than CONFIG."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from recommender.errors import MarqueeError
from spark_jobs.config.options import open_releases
from spark_jobs.data_in_service import check_is_in_service

try:
    check_is_in_service(sys.argv[1], open_releases(os.environ.get("RELEASES") or "releases"))
except MarqueeError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)
