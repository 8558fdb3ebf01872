"""Writes a first catalogue.yaml by looking at tables, for a catalogue of one's own.

    python -m spark_jobs.catalogue FOLDER --out catalogue.yaml

Exit status 0: the file was written. 2: bad input, or the file is there already.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    # spark-submit puts this file's folder on the path; imports start one above.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import gzip
import os
from collections.abc import Sequence

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from recommender.errors import ConfigError, DataError
from spark_jobs.command import command
from spark_jobs.datasets.catalogue_source.description import FORMAT_BY_ENDING, Option, Table
from spark_jobs.datasets.catalogue_source.guess import Sketch, as_yaml, guess
from spark_jobs.datasets.catalogue_source.sources import open_table, readable, session_of
from spark_jobs.job_parser import JobParser
from spark_jobs.session import build_session

SAMPLE = 20_000
SEPARATORS = (",", ";", "\t", "|")


@command
def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    out, places = Path(options.out), [Path(place) for place in options.place]
    if out.exists():
        raise ConfigError(f"{out}: is there already; remove it, or give another name by --out")
    files = [file for place in places for file in _tables_in(place)]
    if not files:
        raise DataError(
            f"{', '.join(options.place)}: no tables; give files or folders of"
            f" {', '.join(FORMAT_BY_ENDING)}"
        )
    session = session_of(build_session("marquee catalogue"), "UTC")
    found = guess([sketch(session, file, out.parent) for file in files])
    values = _values(found.ratings, found.rating_columns.get("value"))
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(as_yaml(found, places[0].absolute().stem, values))
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written ({error}); give another --out") from error
    print(
        f"Written to {out}: look at the lines that end in `# ?`, then `make explore CONFIG={out}`."
    )
    return 0


def sketch(session: SparkSession, file: Path, folder: Path) -> Sketch:
    """Return names and a sample of a table; ``folder``: that its path will be relative to."""
    path = os.path.relpath(file, folder)
    if path.startswith(os.pardir):
        path = str(file.absolute())
    table = Table(path=str(file.absolute()))
    sep = _separator(file) if table.kind == "csv" and file.is_file() else ","
    options: dict[str, Option] = {"sep": sep} if sep != "," else {}
    frame = open_table(session, table, folder, options)
    with readable(table):
        rows = frame.select(*(F.col(_name(n)).cast("string") for n in frame.columns)).take(SAMPLE)
    columns = {
        name: [text for row in rows if (text := row[n]) is not None]
        for n, name in enumerate(frame.columns)
    }
    return Sketch(path, columns, "" if sep == "," else sep)


def _name(column: str) -> str:
    escaped = column.replace("`", "``")
    return f"`{escaped}`"


def _tables_in(place: Path) -> list[Path]:
    """Return the tables of a place: a file, a folder of tables, or one that is a table itself."""
    if not place.exists():
        raise DataError(f"{place}: no such file or folder; give one that holds tables")
    if place.is_file():
        return [place]
    inside = sorted(path for path in place.iterdir() if not path.name.startswith((".", "_")))
    if any(path.name.startswith("part-") for path in inside):
        return [place]
    return [path for path in inside if _is_table(path)]


def _is_table(path: Path) -> bool:
    if path.is_dir():
        return any(child.name.startswith("part-") for child in path.iterdir())
    name = path.name.lower().removesuffix(".gz").removesuffix(".bz2")
    return name.rsplit(".", 1)[-1] in set(FORMAT_BY_ENDING) - {"txt"}


def _separator(file: Path) -> str:
    """Return what separates the columns of a CSV file's first line."""
    try:
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as lines:
            header = lines.readline(100_000).decode("utf-8", "replace")
    except (OSError, EOFError) as error:
        raise DataError(f"{file}: cannot be read ({error}); copy it here again") from error
    return max(SEPARATORS, key=header.count)


def _values(table: Sketch, column: str | None) -> list[float]:
    numbers = []
    for text in table.columns[column] if column else ():
        try:
            numbers.append(float(text))
        except ValueError:
            continue
    return numbers


def _parser() -> argparse.ArgumentParser:
    parser = JobParser(
        "spark_jobs.catalogue",
        "Write a first configuration of a catalogue of your own.",
        ("~/library", "loans.parquet books.csv --out library.yaml"),
    )
    parser.add_argument("place", nargs="+", metavar="PLACE", help="files, or a folder of them")
    parser.add_argument(
        "--out", default="catalogue.yaml", metavar="FILE", help="(default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
