"""Measure reading Steam libraries at several sizes: time, and the memory of the driver.

    python -m benchmarks.steam ../shared/data/steam 1 10 30

Each size repeats the given libraries under new user names. Only reading is measured: workers hold
one batch of lines, and the memory of the driver's Python and Java should not grow with users.
"""

from __future__ import annotations

import gzip
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.results import markdown_table
from recommender.formats.steam import GAMES, LIBRARIES

USER = re.compile(rb"('user_id': ')")


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--read"]:
        print(json.dumps(_read(arguments[1])))
        return
    source, times = Path(arguments[0]), [int(text) for text in arguments[1:]]
    rows = []
    for count in times:
        with tempfile.TemporaryDirectory(prefix="marquee-steam-") as folder:
            repeat(source, Path(folder), count)
            finished = subprocess.run(  # our own command  # noqa: S603  # nosec B603
                [sys.executable, "-m", "benchmarks.steam", "--read", folder],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
        read = json.loads(finished.stdout)
        figures = (read["pairs"], read["seconds"], read["python_mb"], read["java_mb"])
        rows.append([str(count), *(f"{figure:,.0f}" for figure in figures)])
    header = ["times", "pairs", "seconds", "driver's Python, MB", "driver's Java, MB"]
    print("\n".join(markdown_table(header, rows)))


def repeat(source: Path, target: Path, count: int) -> None:
    """Write the data set with its libraries ``count`` times, each time under new names."""
    (libraries,) = source.glob(f"*{LIBRARIES}*")
    (games,) = source.glob(f"*{GAMES}*")
    shutil.copy(games, target / games.name)
    with gzip.open(target / libraries.name, "wb", compresslevel=1) as out:
        for n in range(count):
            with gzip.open(libraries) as lines:
                out.writelines(USER.sub(rb"\g<1>%d-" % n, line, count=1) for line in lines)


def _read(folder: str) -> dict[str, float]:
    from spark_jobs.datasets.steam import read_steam
    from spark_jobs.session import build_session

    spark = build_session("marquee benchmark")
    # The first task starts Spark's workers, which is not part of reading.
    spark.sparkContext.parallelize(range(8)).map(str).collect()
    started = time.perf_counter()
    pairs = read_steam(spark, folder).rows
    seconds = time.perf_counter() - started
    java: int = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()  # type: ignore[union-attr]
    peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{java}/status").read_text("ascii"))
    return {
        "pairs": pairs,
        "seconds": seconds,
        "python_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "java_mb": int(peak.group(1)) / 1e3 if peak else float("nan"),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
