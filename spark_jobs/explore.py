"""Shows the data as a person wants to see it, before anything is fitted on it.

    python -m spark_jobs.explore --data FOLDER --out exploration.json

Prints a summary and writes the figures as JSON and, beside it, as a page.

Exit status 0: the page was written. 2: bad input.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    # spark-submit puts this file's folder on the path; imports start one above.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Sequence

from spark_jobs.command import command, command_line, data_folders
from spark_jobs.config.configuration import load_config
from spark_jobs.config.options import add_file_options
from spark_jobs.data_in_service import take_data_in_service
from spark_jobs.exploration import explore, summary
from spark_jobs.filesystem import check_out
from spark_jobs.job_parser import JobParser
from spark_jobs.session import build_session


@command
def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    take_data_in_service(options)
    settings, out = load_config(options), check_out(options.out)
    folders = data_folders(options.data, settings)
    explored = explore(build_session("marquee explore"), folders, settings)
    # Only where a page is written, so that Spark's workers need no Matplotlib.
    from spark_jobs.reporting.html import exploration_page, write

    explored["command"] = command_line("spark_jobs.explore", arguments)
    page = write(out, explored, exploration_page)
    print(summary(explored))
    print(f"Written to {page} and {out}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = JobParser(
        "spark_jobs.explore",
        "Show what the data is like.",
        ("--data ~/ml-25m", "--data ~/steam --out steam.json"),
    )
    parser.add_argument("--data", action="append", metavar="FOLDER", help="a data set's folder")
    parser.add_argument(
        "--out",
        default="exploration.json",
        metavar="FILE.json",
        help="the page is written beside it (default: %(default)s)",
    )
    add_file_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
