"""A backup as a file: gzip, and in it a JSON text a line.

The first line is the header (``Header``). Each table begins with a line that names it, and has a
line for each row, an array in the order of the header's columns. The last line counts the rows of
each table and has their digests and the SHA-256 of all lines before it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

from recommender.errors import ConfigError, DataError

FORMAT = "marquee backup 1"
# Rows in memory at once; the report of an import may have hundreds of lines.
BATCH = 1000
LEVEL = 6


@dataclass(frozen=True)
class Header:
    """``revision`` of the migrations; ``tables``: what each column of each holds, parents first."""

    format: str
    revision: str
    made_at: str
    tables: dict[str, dict[str, str]]


class Tally:
    """How many rows, and a digest that does not depend on their order: the sum of their hashes."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, line: bytes) -> None:
        self.rows += 1
        self._sum += int.from_bytes(hashlib.sha256(line).digest(), "big")

    @property
    def digest(self) -> str:
        return f"{self._sum % 2**256:064x}"


def _text_of(value: Any) -> str:
    if isinstance(value, date):  # or a moment
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a backup")


# One text for one value: some databases keep the keys of an object in an order of their own.
_encoder = json.JSONEncoder(
    default=_text_of, ensure_ascii=False, separators=(",", ":"), sort_keys=True
)


def encoded(row: Sequence[Any]) -> bytes:
    """A row as a line of the file."""
    return _encoder.encode(row).encode() + b"\n"


def _told(about: dict[str, Any]) -> bytes:
    """A line that is no row; its keys stay in their order."""
    return json.dumps(about).encode() + b"\n"


def write(
    stream: IO[bytes],
    header: Header,
    tables: Iterable[tuple[str, Iterable[Sequence[bytes]]]],
) -> dict[str, int]:
    """Write the header and each table's batches of encoded rows; how many rows each has."""
    whole, tallies = hashlib.sha256(), {name: Tally() for name in header.tables}
    with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=LEVEL, filename="") as packed:

        def put(content: bytes) -> None:
            whole.update(content)
            packed.write(content)

        put(_told(asdict(header)))
        for name, batches in tables:
            put(_told({"table": name}))
            for lines in batches:
                for line in lines:
                    tallies[name].add(line)
                put(b"".join(lines))
        end = {
            "rows": {name: tally.rows for name, tally in tallies.items()},
            "digests": {name: tally.digest for name, tally in tallies.items()},
            "sha256": whole.hexdigest(),
        }
        packed.write(_told(end))
    return {name: tally.rows for name, tally in tallies.items()}


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that only its owner may read, and that has its name once it is complete.

    Raises ConfigError where it cannot be written.
    """
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.absolute().parent, prefix=f".{path.name}.", delete=False
        ) as unfinished:
            try:
                yield unfinished
                unfinished.flush()
                os.fsync(unfinished.fileno())
                os.replace(unfinished.name, path)
            finally:
                Path(unfinished.name).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written ({error}); is there room, and permission to write?"
        ) from error


class Backup:
    """A backup that was read from its first byte to its last and found whole.

    ``stream`` can be read twice. Raises DataError, naming ``name``, where it is damaged.
    """

    header: Header
    rows: Mapping[str, int]
    digests: Mapping[str, str]

    def __init__(self, stream: IO[bytes], name: str):
        self._stream = stream
        self.name = name
        try:
            self._check()
        except (ValueError, KeyError, TypeError, EOFError, zlib.error, OSError) as error:
            raise DataError(
                f"{name}: is damaged, cut off, or no backup ({error}); nothing was changed."
                " Use another backup"
            ) from error

    def batches(self) -> Iterator[tuple[str, list[list[Any]]]]:
        """(table, some of its rows), in the order in which they can be stored."""
        table, rows = "", []
        for line in self._lines():
            if line.startswith(b"["):
                rows.append(json.loads(line))
            if rows and (len(rows) == BATCH or line.startswith(b"{")):
                yield table, rows
                rows = []
            if line.startswith(b"{"):
                table = json.loads(line).get("table", "")

    def _check(self) -> None:
        whole, last = hashlib.sha256(), b""
        for line in self._lines():
            if not last:
                self._read_header(line)
            whole.update(last)
            last = line
        end = json.loads(last)
        if end["sha256"] != whole.hexdigest():
            raise ValueError("its checksum is another")
        self.rows, self.digests = end["rows"], end["digests"]

    def _read_header(self, line: bytes) -> None:
        told = json.loads(line)
        if told["format"] != FORMAT:
            raise ValueError(f"its format is {told['format']!r}, not {FORMAT!r}")
        self.header = Header(**told)

    def _lines(self) -> Iterator[bytes]:
        self._stream.seek(0)
        with gzip.GzipFile(fileobj=self._stream, mode="rb") as packed:
            yield from packed
