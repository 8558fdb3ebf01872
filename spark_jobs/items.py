"""Writes the items of a catalogue of one's own as JSON lines, which ``flask sync-items`` takes.

    python -m spark_jobs.items --config catalogue.yaml --out items.jsonl

Exit status 0: the file was written. 2: bad input, nothing was written.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    # spark-submit puts this file's folder on the path; imports start one above.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
from collections.abc import Collection, Sequence
from typing import Any

from recommender.errors import ConfigError
from recommender.storage.atomic_files import write_atomically
from spark_jobs.command import command
from spark_jobs.config.own_catalogue import CATALOGUE, is_own, read_own
from spark_jobs.config.yaml_files import read_yaml
from spark_jobs.datasets.catalogue_source.description import ItemColumns, OwnCatalogue
from spark_jobs.datasets.catalogue_source.items import ItemRow, open_items, read_items_table
from spark_jobs.datasets.catalogue_source.sources import session_of
from spark_jobs.job_parser import JobParser
from spark_jobs.session import build_session
from spark_jobs.training_set import tell

OPTIONAL = ("year", "genres", "creators", "image", "link", "description", "available")


@command
def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    own = _described_in(options.config)
    session = session_of(build_session("marquee items"), "UTC")
    table = read_items_table(open_items(session, own), own.items)
    for line in table.findings.lines():
        tell(line)
    roles = columns_said(own.items.columns)
    names = [fact.name for fact in table.facts]
    lines = (json.dumps(_line(item, roles, names), ensure_ascii=False) for item in table.items)
    content = "".join(f"{line}\n" for line in lines).encode()
    try:
        write_atomically(Path(options.out), content)
    except OSError as error:
        raise ConfigError(
            f"{options.out}: cannot be written ({error}); give another --out"
        ) from error
    print(f"{len(table.items):,} {own.catalogue.noun.plural} written to {options.out}")
    return 0


def columns_said(columns: ItemColumns) -> list[str]:
    """Return what the file says of items; the site keeps what it has of all else."""
    return [role for role in OPTIONAL if getattr(columns, role)]


def _line(item: ItemRow, roles: Collection[str], names: Collection[str]) -> dict[str, Any]:
    line = {"item": item.key, "title": item.facts["title"]}
    line |= {role: item.facts[role] for role in roles}
    if names:
        line["facts"] = {name: item.facts["facts"].get(name) for name in names}
    return line


def _described_in(path: str) -> OwnCatalogue:
    values = read_yaml(Path(path))
    if not is_own(values):
        raise ConfigError(
            f"{path}: has no section `{CATALOGUE}`; give a file that describes tables of your own"
        )
    return read_own(values, path)


def _parser() -> argparse.ArgumentParser:
    parser = JobParser(
        "spark_jobs.items",
        "Write the items of a catalogue of your own as `flask sync-items` takes them.",
        (
            "--config library.yaml --out items.jsonl",
            "--config shop.yaml --out /srv/shop/today.jsonl",
        ),
    )
    parser.add_argument(
        "--config", required=True, metavar="FILE", help="describes the catalogue's tables"
    )
    parser.add_argument(
        "--out", default="items.jsonl", metavar="FILE", help="(default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
