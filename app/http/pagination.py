"""Pages of long lists."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from flask import request

PAGE_SIZE = 100


@dataclass(frozen=True)
class Page:
    """The page ``number``, from 1, of a list of ``total`` entries; an empty list has one page."""

    number: int
    total: int

    @classmethod
    def requested(cls, total: int) -> Page:
        """Return the page in the query string, at most the last one."""
        last = max(ceil(total / PAGE_SIZE), 1)
        return cls(min(max(request.args.get("page", 1, type=int), 1), last), total)

    @property
    def offset(self) -> int:
        """The number of entries before the page."""
        return (self.number - 1) * PAGE_SIZE

    @property
    def end(self) -> int:
        """The number of entries on the page or before it."""
        return min(self.number * PAGE_SIZE, self.total)

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.end < self.total else None
