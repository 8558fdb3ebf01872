"""Filters of the list of recommendations, from and to the query string."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from app.catalogue.fact_filters import FactFilters
from recommender.item_facts import Fact
from recommender.item_metadata import Filter

# Positions of the popularity slider; see ``recommender.popularity.BANDS``.
KNOWN = {-2: "little known", -1: "less known", 0: "", 1: "better known", 2: "well known"}
FIRST_YEAR, LAST_YEAR = 1870, 2100
MOST_YEARS = 50
# Steps of the slider from what a user would pick to what they would rate highest; see
# ``recommender.reordering.WEIGHTS``.
MIXES = {
    0: "",
    1: "leaning to what you would rate highest",
    2: "half by what you would rate highest",
    3: "mostly by what you would rate highest",
    4: "by what you would rate highest",
}
OWN_YEARS = (1, 2, 3, 5, 10)


@dataclass(frozen=True)
class ListFilters:
    """Genres, years, popularity and own facts of items; only ratings of the last ``years`` years
    count. ``mix``: a key of MIXES. ``again``: titles that were passed over do not sink.

    ``numbers``: the plural of what users give, such as "ratings".
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    year_from: int | None = None
    year_to: int | None = None
    known: int = 0
    years: int | None = None
    numbers: str = "ratings"
    facts: FactFilters = field(default_factory=FactFilters)
    mix: int = 0
    again: bool = False

    @classmethod
    def of(
        cls,
        args: MultiDict[str, str],
        genres: Collection[str],
        numbers: str = "ratings",
        facts: tuple[Fact, ...] = (),
    ) -> ListFilters:
        """Read filters from the query string; ignore invalid values, sort the years.

        A genre that is both included and excluded is excluded.
        """
        exclude = tuple(sorted(set(args.getlist("not")) & set(genres)))
        include = tuple(sorted(set(args.getlist("genre")) & set(genres) - set(exclude)))
        bounds = [_within(args.get(end), FIRST_YEAR, LAST_YEAR) for end in ("from", "to")]
        if None not in bounds:
            bounds.sort(key=lambda year: year or 0)
        known = _within(args.get("known"), min(KNOWN), max(KNOWN)) or 0
        years = _within(args.get("years"), 1, MOST_YEARS)
        own = FactFilters.of(args.to_dict(flat=False), facts)
        mix = _within(args.get("mix"), min(MIXES), max(MIXES)) or 0
        again = args.get("again") == "1"
        years_of = bounds[0], bounds[1]
        return cls(include, exclude, *years_of, known, years, numbers, own, mix, again)

    @property
    def filter(self) -> Filter:
        genres = frozenset(self.include), frozenset(self.exclude)
        return Filter(*genres, self.year_from, self.year_to, self.facts.ids)

    @property
    def in_words(self) -> str:
        """The filters as "drama or comedy, not horror, 1970–1999, less known"; may be empty."""
        years = "year" if self.years == 1 else f"{self.years} years"
        parts = [
            " or ".join(self.include).lower(),
            "not " + " or ".join(self.exclude).lower() if self.exclude else "",
            self._span,
            self.facts.in_words,
            KNOWN[self.known],
            f"by your {self.numbers} of the last {years}" if self.years else "",
            MIXES[self.mix],
        ]
        return ", ".join(part for part in parts if part)

    @property
    def as_args(self) -> dict[str, Any]:
        """The filters as parameters of a query string."""
        args = {
            "genre": list(self.include),
            "not": list(self.exclude),
            "from": self.year_from,
            "to": self.year_to,
            "known": self.known or None,
            "years": self.years,
            "mix": self.mix or None,
            "again": int(self.again) or None,
            **self.facts.as_args,
        }
        return {name: value for name, value in args.items() if value}

    @property
    def _span(self) -> str:
        first, last = self.year_from, self.year_to
        if first and last:
            return str(first) if first == last else f"{first}–{last}"
        return f"from {first}" if first else f"until {last}" if last else ""


def _within(text: str | None, low: int, high: int) -> int | None:
    try:
        number = int(text or "")
    except ValueError:
        return None
    return min(max(number, low), high)
