"""Irregularities in a data set: how many of each kind, with examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

EXAMPLES = 3


@dataclass
class Findings:
    """Counts and examples of irregularities, by kind."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, example: str) -> None:
        self._add(kind, 1, [example])

    def only(self, kinds: Iterable[str]) -> Findings:
        there = [kind for kind in kinds if kind in self.counts]
        return Findings({k: self.counts[k] for k in there}, {k: self.examples[k] for k in there})

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        for kind, count in self.counts.items():
            more = ", …" if count > len(self.examples[kind]) else ""
            yield f"{count:,} {kind}: {', '.join(self.examples[kind])}{more}"

    def as_json(self) -> list[dict[str, Any]]:
        return [
            {"what": kind, "count": count, "examples": self.examples[kind]}
            for kind, count in self.counts.items()
        ]

    def _add(self, kind: str, count: int, examples: list[str]) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + count
        self.examples[kind] = [*self.examples.get(kind, []), *examples][:EXAMPLES]

    @classmethod
    def merged(cls, several: Iterable[Findings]) -> Findings:
        together = cls()
        for findings in several:
            for kind, count in findings.counts.items():
                together._add(kind, count, findings.examples[kind])
        return together
