"""Packs the code that Spark's workers import, and sends it with a job.

    python -m spark_jobs.job_archive dist/jobs.zip

Needs the standard library alone.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from spark_jobs.temporary_folders import temporary_folder

if TYPE_CHECKING:
    from pyspark import SparkContext

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("recommender", "spark_jobs")
SHIPPED = "marquee-jobs.zip"


def pack_code(target: Path) -> None:
    """Write a zip of both packages and their data, for ``--py-files``."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for package in PACKAGES:
            for path in sorted((ROOT / package).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    packed.write(path, path.relative_to(ROOT))


def ship_code(context: SparkContext) -> None:
    """Make this code importable on the workers, wherever the job was started."""
    if any(path.endswith(f"/{SHIPPED}") for path in context.listFiles):
        return
    # Executors fetch the file from this path when they start, so it lives as long as the process.
    shipped = temporary_folder() / SHIPPED
    pack_code(shipped)
    context.addPyFile(str(shipped))


if __name__ == "__main__":
    pack_code(Path(sys.argv[1]))
