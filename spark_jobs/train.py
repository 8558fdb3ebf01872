"""Fits both models on every rating there is and publishes the result as a release.

    spark-submit --py-files dist/jobs.zip spark_jobs/train.py --data FOLDER --releases FOLDER

Before that the same parameters are fitted without some of the people, and measured on them.

Exit status 0: a release was written, and promoted except with --promote never. 2: bad input,
nothing was written. 3: a release was written and not promoted, because it is not good enough.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    # spark-submit puts this file's folder on the path; imports start one above.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Sequence

from spark_jobs.command import check_folders, command, data_folders
from spark_jobs.config.configuration import load_config
from spark_jobs.config.options import add_options, add_releases_option, open_releases
from spark_jobs.data_in_service import take_data_in_service
from spark_jobs.job_parser import JobParser
from spark_jobs.session import build_session
from spark_jobs.training import PROMOTE, SOLVERS, train, warm_starts
from spark_jobs.training_set import tell


@command
def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    take_data_in_service(options)
    settings = load_config(options)
    store = open_releases(options.releases)
    store.check_writable()
    starts = warm_starts(store, settings, options.solver) if options.warm_start else {}
    check_folders(options.ratings)
    folders = data_folders(options.data, settings)
    trained = train(
        build_session("marquee train"),
        folders,
        settings,
        store,
        solver=options.solver,
        starts=starts,
        promote=options.promote,
        exported=options.ratings,
    )
    version, facts = trained.release.version, trained.release.catalogue
    state = "in service" if trained.promoted else "written, and not promoted"
    print(
        f"Release {version} is {state}: {facts.ratings:,} ratings by {facts.users:,} people,"
        f" {facts.items:,} titles."
    )
    for reason in trained.reasons:
        tell(f"gate: {reason}")
    if options.promote != "gate" or trained.promoted:
        return 0
    tell(f"Promote it all the same: `flask releases promote {version} --force`")
    return 3


def _parser() -> argparse.ArgumentParser:
    parser = JobParser(
        "spark_jobs.train",
        "Fit both models and publish a release.",
        ("--data ~/ml-25m", "--data ~/ml-25m --ratings exported --params tuned.yaml"),
    )
    parser.add_argument(
        "--data",
        action="append",
        metavar="FOLDER",
        help="a data set's folder; give it again to add inputs, of which later ones win"
        " (default: that of the release in service; before the first MovieLens latest-small, or the"
        " built-in sample where there is no network)",
    )
    parser.add_argument(
        "--ratings",
        action="append",
        default=[],
        metavar="FOLDER",
        help="what `flask export-ratings` wrote, beside the data: for a pair rated twice the newest"
        " rating wins",
    )
    add_releases_option(parser)
    parser.add_argument(
        "--solver",
        choices=SOLVERS,
        default=SOLVERS[0],
        help="als: ours; mllib: Spark's own, for factors that no single machine holds"
        " (default: %(default)s)",
    )
    parser.add_argument(
        "--promote",
        choices=PROMOTE,
        default=PROMOTE[0],
        help="gate: only what reaches the configured floors and is not much worse than the release"
        " in service; always: without measuring; never: measure and write (default: %(default)s)",
    )
    parser.add_argument(
        "--warm-start",
        action="store_true",
        help="start from the factors of the release in service, where ranks agree, so that fewer"
        " iterations do",
    )
    add_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
