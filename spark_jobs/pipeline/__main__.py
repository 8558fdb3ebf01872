"""From published data to a release in service, in stages, from one configuration file.

    python -m spark_jobs.pipeline --config FILE [--stage NAME ...] [--again]

acquire, process, train, evaluate, ingest, publish. A stage is left out while it is up to date: what
it reads, its parameters and what it made are as they were when it ended. Where a stage ran again,
those that read its result do too.

Exit status 0: every stage is up to date. 2: a stage failed, and the later ones did not run. 3: the
release is not good enough to be put into service.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from recommender.errors import ConfigError
from spark_jobs.command import command
from spark_jobs.config.configuration import load_config
from spark_jobs.config.options import add_options, add_releases_option, open_releases
from spark_jobs.job_parser import JobParser
from spark_jobs.pipeline.runner import Outcome, State, alone, run
from spark_jobs.pipeline.stages import STAGES


@command
def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    settings = load_config(options)
    store = open_releases(options.releases)
    store.check_writable()
    stages = _chosen(options.stage)
    with alone(Path(settings.pipeline.folder)) as folder:
        outcomes = run(settings, store, State(folder), stages, options.again)
    print(table(outcomes))
    states = [outcome.state for outcome in outcomes]
    return 2 if "failed" in states else 3 if "refused" in states else 0


def table(outcomes: Sequence[Outcome]) -> str:
    """One line a stage, and further ones of its summary below it."""
    below = "\n" + " " * 12
    return "\n".join(
        f"{one.stage:<9} {one.state:<11}{one.seconds:8.1f} s"
        f"  {one.summary.replace(chr(10), below)}".rstrip()
        for one in outcomes
    )


def _chosen(requested: Sequence[str] | None) -> list[str]:
    """The stages asked for, in their order; all where none is."""
    names = {name.strip() for part in requested or STAGES for name in part.split(",")}
    if unknown := sorted(names - set(STAGES)):
        raise ConfigError(f"--stage: {unknown[0]!r} is none of {', '.join(STAGES)}")
    return [stage for stage in STAGES if stage in names]


def _parser() -> argparse.ArgumentParser:
    parser = JobParser(
        "spark_jobs.pipeline",
        "Bring data from its publisher into service, in stages.",
        ("--config ours.yaml", "--config ours.yaml --stage train,evaluate --again"),
    )
    parser.add_argument(
        "--stage",
        action="append",
        metavar="NAME",
        help=f"run this stage alone, or several: {', '.join(STAGES)} (default: all)",
    )
    parser.add_argument(
        "--again", action="store_true", help="run the stages also where they are up to date"
    )
    add_releases_option(parser)
    add_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
