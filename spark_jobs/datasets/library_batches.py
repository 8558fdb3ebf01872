"""Lines of Steam libraries as batches of (user, item, hours)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.formats.steam import BadLine, library_of
from spark_jobs.datasets.findings import Findings

# Pairs in one batch of a worker.
BATCH = 200_000
UNREADABLE = "lines that cannot be read"
CUT_SHORT = "files that end in the middle"
ODD_GAMES = "games of a library that cannot be read"
NO_GAMES = "people without games"
# (number from 1, line), or None in place of the line where the file ends in the middle.
Line = tuple[int, bytes | None]


class LibraryBatch(NamedTuple):
    """Pairs in the file's order; ``users`` are numbers of lines. ``people``: the number of each
    line that names someone, and ``keys`` a hash of who that is. ``names``: of games that the
    catalogue does not list, by id."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    hours: NDArray[np.float32]
    people: NDArray[np.int64]
    keys: NDArray[np.uint64]
    lines: int
    names: dict[int, str]
    findings: Findings


def batches(lines: Iterable[Line], listed: frozenset[int]) -> Iterator[LibraryBatch]:
    """``listed``: ids of the games that the catalogue lists."""
    batch = _Growing(listed)
    for number, line in lines:
        batch.add(number, line)
        if len(batch.hours) >= BATCH:
            yield batch.done()
            batch = _Growing(listed)
    yield batch.done()


class _Growing:
    """A batch that is being read."""

    def __init__(self, listed: frozenset[int]) -> None:
        self.hours: list[float] = []
        self._listed = listed
        self._users: list[int] = []
        self._items: list[int] = []
        self._people: list[int] = []
        self._keys: list[int] = []
        self._lines = 0
        self._names: dict[int, str] = {}
        self._findings = Findings()

    def add(self, number: int, line: bytes | None) -> None:
        if line is not None and not line.strip():
            return
        self._lines += 1
        if line is None:
            self._findings.add(CUT_SHORT, f"line {number}: the file ends in it; fetch it again")
            return
        try:
            library = library_of(line)
        except BadLine as error:
            self._findings.add(UNREADABLE, f"line {number}: {error}")
            return
        for problem in library.bad:
            self._findings.add(ODD_GAMES, f"line {number}: {problem}")
        if not library.games and not library.bad:
            self._findings.add(NO_GAMES, f"line {number}: {library.user!r}")
        self._people.append(number)
        self._keys.append(_key(library.user))
        for game in library.games:
            self._users.append(number)
            self._items.append(game.app_id)
            self.hours.append(game.hours)
            if game.app_id not in self._listed:
                self._names[game.app_id] = game.name

    def done(self) -> LibraryBatch:
        return LibraryBatch(
            np.array(self._users, np.int32),
            np.array(self._items, np.int32),
            np.array(self.hours, np.float32),
            np.array(self._people, np.int64),
            np.array(self._keys, np.uint64),
            self._lines,
            self._names,
            self._findings,
        )


def _key(user: str) -> int:
    """Hash a user's name to 64 bits. Among a billion users, one data set in forty has a
    collision."""
    return int.from_bytes(hashlib.blake2b(user.encode(), digest_size=8).digest(), "big")
