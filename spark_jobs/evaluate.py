"""Measures the model the way the literature does, beside baselines on the same splits.

    python -m spark_jobs.evaluate --data FOLDER --protocol A,B,C,E --seeds 0,1,2,3,4

A: stars, 80:20 by rating. B: ranking for people held out entirely, 80 % of each one's ratings
folded in, a held-out rating of 4 or more being relevant. C: ranking, 75:25 within each person,
every held-out title being relevant (Microsoft's recommenders benchmark). D: ranking, 80:20 by
rating, every held-out title being relevant. E: beyond accuracy, and quality after the first few
ratings, on the splits of B. G: stars and ranking for people held out, from one fit: what the gate
of ``train`` looks at. T: ranking of later ratings, fitted on the first 80 % by time. N: the order
of titles that were left out of the fit. Every other protocol ranks the whole catalogue but what a
person has rated.

Where hours played stand in place of stars, whatever people have is relevant; there is no A and T.

Exit status 0: tables were printed and written. 2: bad input, nothing was fitted.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    # spark-submit puts this file's folder on the path; imports start one above.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from recommender.errors import ConfigError
from spark_jobs.command import command, command_line, data_folders
from spark_jobs.config.configuration import load_config
from spark_jobs.config.options import add_options
from spark_jobs.data_in_service import take_data_in_service
from spark_jobs.evaluation.measuring import evaluate
from spark_jobs.evaluation.protocol_splits import EvaluationPlan
from spark_jobs.evaluation.tables import tables
from spark_jobs.filesystem import check_out, link_newest, new_report
from spark_jobs.job_parser import JobParser
from spark_jobs.protocols import DEFAULT_PROTOCOLS, PROTOCOLS
from spark_jobs.session import build_session

# The beginning of a report's name.
REPORT = "evaluation"


@command
def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    take_data_in_service(options)
    settings, out = load_config(options), check_out(options.out or f"{REPORT}.json")
    plan = _plan(options, settings.feedback)
    folders = data_folders(options.data, settings)
    report = evaluate(build_session("marquee evaluate"), folders, settings, plan)
    report["command"] = command_line("spark_jobs.evaluate", arguments)
    # Only where a page is written, so that Spark's workers need no Matplotlib.
    from spark_jobs.reporting.html import evaluation_page, write

    out = out if options.out else new_report(REPORT, datetime.now(UTC))
    page = write(out, report, evaluation_page)
    print(tables(report))
    newest = ""
    if not options.out:
        link_newest(out, REPORT)
        newest = f" (the newest: {link_newest(page, REPORT)})"
    print(f"Written to {page}{newest} and {out}. Again: {report['command']}")
    return 0


def _plan(options: argparse.Namespace, feedback: str) -> EvaluationPlan:
    asked = options.protocol or DEFAULT_PROTOCOLS[feedback]
    protocols = tuple(name.strip().upper() for name in asked.split(","))
    if unknown := [name for name in protocols if name not in PROTOCOLS]:
        raise ConfigError(
            f"--protocol: {unknown[0]!r} is none of {', '.join(PROTOCOLS)}; give some of them"
        )
    try:
        seeds = tuple(int(seed) for seed in options.seeds.split(","))
    except ValueError as error:
        raise ConfigError(f"--seeds: {options.seeds!r} must be like 0,1,2") from error
    if min(seeds) < 0:
        raise ConfigError(f"--seeds: must be 0 or more, not {min(seeds)}")
    return EvaluationPlan(protocols, seeds, options.validation)


def _parser() -> argparse.ArgumentParser:
    parser = JobParser(
        "spark_jobs.evaluate",
        "Measure the model beside baselines.",
        ("--data ~/ml-25m", "--data ~/ml-25m --protocol B --seeds 0 --params tuned.yaml"),
    )
    parser.add_argument("--data", action="append", metavar="FOLDER", help="a data set's folder")
    defaults = " or ".join(DEFAULT_PROTOCOLS.values())
    parser.add_argument(
        "--protocol", help=f"which protocols (default: {defaults}, by the feedback)"
    )
    parser.add_argument(
        "--seeds", default="0,1,2,3,4", help="seeds of the splits (default: %(default)s)"
    )
    parser.add_argument(
        "--validation",
        action="store_true",
        help="splits that test on nothing the test splits of seeds 0 to 4 do: to choose parameters",
    )
    parser.add_argument(
        "--out",
        metavar="FILE.json",
        help="the report is written beside it as a page (default: evaluation-DATE-TIME.json of each"
        " run, in UTC; evaluation.json and evaluation.html are links to the newest)",
    )
    add_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
