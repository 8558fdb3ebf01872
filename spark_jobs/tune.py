"""Searches a grid of parameters by k-fold cross-validation and writes the best into a file.

    python -m spark_jobs.tune --data FOLDER --grid grid.yaml --out tuned.yaml

Each model is judged by itself, by what it is for: the rating model by the RMSE of held-out ratings,
the ranking model and the neighbourhood beside it by NDCG@10 for people held out entirely, as
protocols A and B of ``evaluate`` do. All candidates are measured on the first fold, the better half
of them on the second, and so on. What has been measured is kept in a file of results, so an
interrupted search goes on where it stopped, and a changed grid measures only what is new.

Exit status 0: the search is complete. 2: bad input, nothing was fitted. 130: interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    # spark-submit puts this file's folder on the path; imports start one above.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pyspark.sql import SparkSession

from recommender.errors import ConfigError
from spark_jobs.command import command, data_folders
from spark_jobs.config.configuration import load_config, read_params
from spark_jobs.config.options import add_file_options, add_params_option
from spark_jobs.data_in_service import take_data_in_service
from spark_jobs.job_parser import JobParser
from spark_jobs.session import build_session
from spark_jobs.training_set import tell
from spark_jobs.tuning.grid import GRID, read_grid
from spark_jobs.tuning.outcome import check_target, table, write_best
from spark_jobs.tuning.results import TuningResults
from spark_jobs.tuning.search import tune

INTERRUPTED = 130


@command
def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    results = Path(options.results)
    try:
        take_data_in_service(options)
        settings = load_config(options)
        grid = read_grid(Path(options.grid) if options.grid else GRID, settings)
        target = Path(options.out)
        check_target(target)
        chosen = read_params(Path(options.params)) if options.params else {}
        known = TuningResults.read(results)
        if options.folds < 2:
            raise ConfigError(f"--folds: must be 2 or more, not {options.folds}")
        if options.minutes is not None and not options.minutes > 0:
            raise ConfigError(f"--minutes: must be above 0, not {options.minutes:g}")
        folders = data_folders(options.data, settings)
        spark = build_session("marquee tune")
        with _quiet_interruption(spark):
            measures = tune(spark, folders, settings, grid, options.folds, known, options.minutes)
    except KeyboardInterrupt:
        tell(
            f"Interrupted. What was measured is in {results}; the same command goes on from there."
        )
        return INTERRUPTED
    print(table(measures))
    write_best(target, measures, chosen, settings.chosen)
    return 0


@contextmanager
def _quiet_interruption(spark: SparkSession) -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, without what Spark and Py4J would say to it.

    PySpark's own handler talks to Java, which fails where Python is waiting for Java's answer; and
    Py4J reports a KeyboardInterrupt with a traceback, but lets a SystemExit pass.
    """
    asked = []

    def leave(*_: object) -> None:
        asked.append(True)
        raise SystemExit(INTERRUPTED)

    spark.sparkContext.setLogLevel("FATAL")
    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if asked:
            # Instead of whatever broke in Spark's own code on the way here.
            raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = JobParser(
        "spark_jobs.tune",
        "Find better parameters by cross-validation.",
        ("--data ~/ml-latest-small", "--data ~/ml-25m --grid grid.yaml --out ours.yaml"),
    )
    parser.add_argument("--data", action="append", metavar="FOLDER", help="a MovieLens folder")
    parser.add_argument(
        "--grid",
        metavar="FILE",
        help="YAML lists of values by model and parameter (default: pipelines/movies-grid.yaml)",
    )
    parser.add_argument("--folds", type=int, default=3, metavar="K", help="(default: %(default)s)")
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="N",
        help="end after about N minutes, with the best that was found (default: when all is done)",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        default="tuned.yaml",
        help="the best parameters are written to it, for --params (default: %(default)s)",
    )
    parser.add_argument(
        "--results",
        default="tuning.jsonl",
        metavar="FILE",
        help="what has been measured, to go on from (default: %(default)s)",
    )
    add_file_options(parser)
    add_params_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
