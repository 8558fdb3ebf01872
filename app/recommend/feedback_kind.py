"""What differs by the kind of feedback: stars for movies, and hours played for games.

``app.recommend.catalogue_kinds`` makes that of any other catalogue, and chooses: a release names
its kind, and ``serving.feedback_kind`` is that of the release in service.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement

from app.catalogue.items import most_rated, popular
from app.feedback.ratings import usual_rating
from app.feedback.user_lists import HIDDEN, SEEN, UNSEEN, WATCHLIST
from app.models import Item
from recommender.feedback import EXPLICIT, IMPLICIT, SCALES
from recommender.group_aggregation import VETO_BELOW, VETO_BELOW_MATCH
from recommender.model import Model, Person

BEST = 5.0
_STARS_BY_TEXT = {f"{half / 2:g}": half / 2 for half in range(1, 11)}
_STAR_WORDS = ("", "one", "two", "three", "four", "five")
TMDB_PICTURES = "https://image.tmdb.org"


@dataclass(frozen=True)
class FeedbackKind:
    """How one kind of feedback is read, stored, predicted and named; a value is stars or hours.

    Values:
    ``feedback``: EXPLICIT or IMPLICIT, as in a release's manifest. ``column``: the value's name in
    exported files. ``parse``: the value in a form's text, None if there is none. ``default``: the
    value of an empty field, None if a value is needed. ``to_step``: the stored value of a REST
    client's value, by the step of the release's scale. ``format``: a value for people.
    ``value_if_watched``: the value of a title that a person has seen and not rated, by the title
    and the ratings that its mean needs to count. ``seen_if_watched``: whether such a title is on
    the person's list of seen ones, not among what they rated: who has a game need not have played.

    Predictions:
    ``predict``: values by item id. ``has_accuracy``: whether predictions can be compared with the
    values that follow. ``popular``: the best titles for everybody, by limit, genre, and the
    condition of those that are left out.
    ``veto_below``: a prediction that vetoes a title for a group.

    Text:
    ``template``: the template with the words and macros of pages, which takes ``words``.
    ``numbers``: the values' name in the plural. ``spoken``: a value as it is read aloud.
    ``default_genres``: drawn on the poster of a title without genres. The others are messages,
    with ``{}`` for the title or the number.

    Other services:
    ``exports``: the files that we read, in words. ``sources``: their services where no others fit.
    ``picture_host``: whose posters are shown, beside the catalogue's own pictures.

    REST API:
    ``names``: its names for ours that differ. ``summaries``: those of its routes, a key of
    ``app.api.summaries``. ``per_star``: what one star is on the catalogue's own scale, which it
    speaks.

    ``is_general``: made of what a catalogue says, in words and pictures that fit anything; its
    scale is taken as it is, while films and games also take values from 0 on.
    """

    feedback: str
    column: str
    parse: Callable[[str], float | None]
    default: float | None
    to_step: Callable[[float, float], float]
    format: Callable[[float], str]
    value_if_watched: Callable[[Item, int], float]
    seen_if_watched: bool
    predict: Callable[[Model, Person, Iterable[int]], dict[int, float]]
    has_accuracy: bool
    popular: Callable[[int, str | None, ColumnElement[bool]], list[Item]]
    veto_below: float
    template: str
    numbers: str
    default_genres: Sequence[str]
    removed: str
    marked: Mapping[str, str]
    unmarked: Mapping[str, str]
    too_few_for_guest: str
    failure: str
    exports: str
    spoken: Callable[[float], str]
    too_many_guests: str = "{} guests are as many as fit on the sofa. Remove one first."
    words: Mapping[str, Any] = field(default_factory=lambda: {"points": BEST})
    sources: frozenset[str] | None = None
    picture_host: str = TMDB_PICTURES
    names: Mapping[str, str] = field(default_factory=dict)
    summaries: str = ""
    per_star: float = 1.0
    is_general: bool = False


def stars_in_words(rating: float) -> str:
    """Return 3.5 as "three and a half stars"."""
    whole, half = int(rating), rating % 1 >= 0.5
    if not half:
        return f"{_STAR_WORDS[whole]} star{'s' if whole != 1 else ''}"
    return f"{_STAR_WORDS[whole]} and a half stars" if whole else "half a star"


def hours_in_words(hours: float) -> str:
    """Return hours as "40 min", "2.5 h" or "1,234 h"."""
    if hours < 0.01:
        return "not played yet"
    if hours < 1:
        return f"{max(round(hours * 60), 1)} min"
    return f"{hours:.1f}".removesuffix(".0") + " h" if hours < 99.95 else f"{hours:,.0f} h"


def _parse_hours(text: str) -> float | None:
    """Return the hours in ``text``, None if it is no number or outside of the scale."""
    scale = SCALES[IMPLICIT]
    try:
        hours = float(text.replace(",", "."))
    except ValueError:
        return None
    return hours if scale.low <= hours <= scale.high else None


def _round_to_step(stars: float, step: float) -> float:
    """Round to the nearest step, halves of one upwards."""
    return math.floor(stars / step + 0.5) * step


EXPORTS = (
    "the exports of IMDb (Const, Your Rating), Letterboxd (Name, Year, Rating), Trakt, MovieLens"
    " (userId, movieId, rating), Goodreads and Steam, and what you exported here"
)
_HIDDEN = {HIDDEN: "{} will not be suggested again"}
_SUGGESTED_AGAIN = {
    **dict.fromkeys((HIDDEN, SEEN), "{} may be suggested again"),
    UNSEEN: "{}: we may ask again",
}
STARS = FeedbackKind(
    template="kinds/stars.html",
    feedback=EXPLICIT,
    column="rating",
    parse=_STARS_BY_TEXT.get,
    default=None,
    to_step=_round_to_step,
    format="{:g} ★".format,
    value_if_watched=usual_rating,
    seen_if_watched=True,
    predict=Model.estimate,
    has_accuracy=True,
    popular=popular,
    veto_below=VETO_BELOW,
    default_genres=(),
    numbers="ratings",
    removed="{}: rating removed",
    marked={
        **{WATCHLIST: "{} is on your watchlist", UNSEEN: "{}: not seen"},
        **{SEEN: "{}: seen, and not suggested again", **_HIDDEN},
    },
    unmarked={WATCHLIST: "{} is off your watchlist", **_SUGGESTED_AGAIN},
    too_few_for_guest="Rate at least {}, so that we have something to go by.",
    failure="The projector broke down",
    exports=EXPORTS,
    spoken=stars_in_words,
)
HOURS = FeedbackKind(
    template="kinds/hours.html",
    feedback=IMPLICIT,
    column="hours",
    parse=_parse_hours,
    default=0.0,
    to_step=lambda hours, _step: hours,
    format=hours_in_words,
    value_if_watched=lambda _item, _enough: 0.0,
    seen_if_watched=False,
    predict=Model.match,
    has_accuracy=False,
    popular=most_rated,
    veto_below=VETO_BELOW_MATCH,
    default_genres=("Game",),
    numbers="games",
    removed="{}: no longer among your games",
    marked={
        **{WATCHLIST: "{} is on your wishlist", UNSEEN: "{}: not yours"},
        **{SEEN: "{}: played, and not suggested again", **_HIDDEN},
    },
    unmarked={WATCHLIST: "{} is off your wishlist", **_SUGGESTED_AGAIN},
    too_few_for_guest="Give the hours of at least {} games, so that we have something to go by.",
    failure="The machine stopped",
    exports=EXPORTS,
    spoken=hours_in_words,
    names={
        "rating": "hours",
        "ratings": "hours",
        "avg_rating": "avg_hours",
        "votes": "owners",
        "predicted_rating": "match",
    },
    summaries="hours",
)
