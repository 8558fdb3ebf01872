"""The kind of feedback of any catalogue, made of what its release says: noun, measure, scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from app.feedback.user_lists import HIDDEN, SEEN, UNSEEN, WATCHLIST
from app.recommend.feedback_kind import BEST, HOURS, STARS, FeedbackKind
from recommender.catalogue import Catalogue
from recommender.feedback import EXPLICIT

MOVIE = "movie"


@dataclass(frozen=True)
class Verb:
    """What people do with a title: they want to ``do`` it, and have ``done`` it."""

    do: str
    done: str


NOUNS_BY_VERB = {
    Verb("read", "read"): ("book", "novel", "comic", "manga", "article", "story", "paper"),
    Verb("hear", "heard"): ("artist", "band", "album", "song", "track", "podcast", "station"),
    Verb("see", "seen"): (MOVIE, "film", "series", "show", "exhibition"),
    Verb("play", "played"): ("game", "board game", "boardgame"),
}
VERBS = {noun: verb for verb, nouns in NOUNS_BY_VERB.items() for noun in nouns}
TRY = Verb("try", "tried")
# The services whose exports fit a noun; what was exported here fits always.
SERVICES = {MOVIE: ("IMDb", "Letterboxd", "Trakt", "MovieLens"), "book": ("Goodreads",)}
OURS = "Marquee"
_ONLY_ONE = {"1": 1.0}


@lru_cache(maxsize=8)
def kind_of(catalogue: Catalogue) -> FeedbackKind:
    """Return the kind of feedback of a catalogue, with its words."""
    if catalogue.feedback == EXPLICIT:
        is_of_films = catalogue.noun == MOVIE and catalogue.points == BEST
        return STARS if is_of_films else _ratings(catalogue)
    return _counts(catalogue) if catalogue.measure or catalogue.having else HOURS


def with_article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def _ratings(catalogue: Catalogue) -> FeedbackKind:
    """Ratings of anything, in stars or on a scale of the catalogue's own."""
    kind = replace(
        _general(STARS, catalogue, points=catalogue.points),
        template="kinds/ratings.html",
        names={"watched": "known"},
        summaries="ratings",
    )
    if catalogue.points == BEST:
        return kind
    per_star = catalogue.points / BEST
    in_words = partial(_of_points, per_star, catalogue.points)
    return replace(kind, format=in_words, spoken=in_words, per_star=per_star)


def _counts(catalogue: Catalogue) -> FeedbackKind:
    """How often people used a title, by the catalogue's measure, or that they have it."""
    nouns, having = catalogue.nouns, catalogue.having
    measure = catalogue.measure or "use"
    measures = catalogue.measures or f"{measure}s"
    value = "having" if having else measures
    parse = _ONLY_ONE.get if having else _parse_count(catalogue)
    in_words = partial(_counted, measure, measures)
    give = "Tick" if having else f"Give the {measures} of"
    return replace(
        _general(HOURS, catalogue, having=having, measure=measure, measures=measures),
        template="kinds/counts.html",
        column="count",
        parse=parse,
        default=1.0,
        format=(lambda _value: "yours") if having else in_words,
        spoken=in_words,
        value_if_watched=lambda _item, _enough: 1.0,
        numbers=nouns,
        removed=f"{{}}: no longer among your {nouns}",
        too_few_for_guest=f"{give} at least {{}} {nouns}, so that we have something to go by.",
        names={
            **dict.fromkeys(("rating", "ratings"), value),
            **{"avg_rating": f"avg_{value}", "votes": "users", "predicted_rating": "match"},
            "watched": "known",
        },
        summaries="having" if having else "counts",
    )


def _general(kind: FeedbackKind, catalogue: Catalogue, **words: Any) -> FeedbackKind:
    """Return ``kind`` in words that fit any noun."""
    verb = VERBS.get(catalogue.noun, TRY)
    services = SERVICES.get(catalogue.noun, ())
    here = "what you exported here"
    return replace(
        kind,
        words={"do": verb.do, "done": verb.done, **words},
        default_genres=(),
        marked={
            WATCHLIST: "{} is on your wishlist",
            UNSEEN: f"{{}}: not {verb.done}",
            SEEN: f"{{}}: {verb.done}, and not suggested again",
            HIDDEN: STARS.marked[HIDDEN],
        },
        unmarked=HOURS.unmarked,
        failure="Something broke down here",
        too_many_guests="{} guests are as many as one list can take in. Remove one first.",
        exports=f"the exports of {' and '.join(services)}, and {here}" if services else here,
        sources=frozenset((OURS, *services)),
        picture_host="",
        is_general=True,
    )


def _of_points(per_star: float, points: float, stars: float) -> str:
    return f"{stars * per_star:g} of {points:g}"


def _counted(measure: str, measures: str, value: float) -> str:
    """Return "1 play", "142 plays" or "2.5 plays"."""
    number = f"{value:,.1f}".removesuffix(".0")
    return f"{number} {measure if number == '1' else measures}"


def _parse_count(catalogue: Catalogue) -> Callable[[str], float | None]:
    low, high = max(catalogue.rating_min, 0.0), catalogue.rating_max

    def parse(text: str) -> float | None:
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            return None
        return number if math.isfinite(number) and low <= number <= high else None

    return parse


def page_words(catalogue: Catalogue | None) -> Mapping[str, str]:
    """Return the words for titles on pages: one, one with its article, and many."""
    noun, nouns = (catalogue.noun, catalogue.nouns) if catalogue else (MOVIE, "movies")
    return {"noun": noun, "a_noun": with_article(noun), "nouns": nouns}
