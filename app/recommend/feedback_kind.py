"""What differs between a catalogue whose titles get stars and one of games with hours played: here,
and in the template of words that each kind names. The release in service says which it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.catalogue.items import most_rated, popular
from app.feedback.ratings import usual_rating
from app.feedback.user_lists import HIDDEN, UNSEEN, WATCHLIST
from app.models import Item
from app.recommend.model_watcher import serving
from recommender.errors import NoRelease
from recommender.feedback import EXPLICIT, IMPLICIT, SCALES
from recommender.group_aggregation import VETO_BELOW, VETO_BELOW_MATCH
from recommender.model import Model, Person

STARS = [half / 2 for half in range(1, 11)]
# The charter's target for the mean rating of recommended titles.
RATING_TARGET = 4.0
_BY_TEXT = {f"{stars:g}": stars for stars in STARS}


@dataclass(frozen=True)
class FeedbackKind:
    """A number is what a person says of a title: stars, or hours.

    ``words``: the template with the words and macros of pages. ``feedback``: as a release has it.
    ``column``: what files call the number. ``read``: the number in a form's text, None where it is
    none; ``unsaid``: what an empty field means. ``kept``: what is stored of a REST client's
    number, by the scale's step. ``written``: for people. ``watched``: the number of who has seen or
    has a title and said no more, by it and how many must have rated it for its mean to count.
    ``guess``: of titles, by id. ``foretold``: whether guesses can be compared with the numbers that
    follow. ``target``: the charter's for the mean of what was recommended. ``veto_below``: a guess
    that spoils a group's evening. ``genres_of_unknown``: what is drawn for a title without genres.
    ``numbers``: what they are called. ``summaries``: of the API's rows that are said differently,
    by how they are said of films. The others are messages.
    """

    words: str
    feedback: str
    column: str
    read: Callable[[str], float | None]
    unsaid: float | None
    kept: Callable[[float, float], float]
    written: Callable[[float], str]
    watched: Callable[[Item, int], float]
    guess: Callable[[Model, Person, Iterable[int]], dict[int, float]]
    foretold: bool
    target: float | None
    popular: Callable[[int, str | None], list[Item]]
    veto_below: float
    genres_of_unknown: Sequence[str]
    numbers: str
    removed: str
    marked: Mapping[str, str]
    unmarked: Mapping[str, str]
    guest_knows_too_few: str
    broken: str
    summaries: Mapping[str, str]


def hours_in_words(hours: float) -> str:
    """ "40 min", "2.5 h", "1,234 h"."""
    if hours < 0.01:
        return "not played yet"
    if hours < 1:
        return f"{max(round(hours * 60), 1)} min"
    return f"{hours:.1f}".removesuffix(".0") + " h" if hours < 99.95 else f"{hours:,.0f} h"


def _hours(text: str) -> float | None:
    scale = SCALES[IMPLICIT]
    try:
        hours = float(text.replace(",", "."))
    except ValueError:
        return None
    return hours if scale.low <= hours <= scale.high else None


def _nearest(stars: float, step: float) -> float:
    """The nearest step, halves of one upwards."""
    return math.floor(stars / step + 0.5) * step


# How rows of the API are described, by how they are in a catalogue of films.
_SUMMARIES_OF_GAMES = {
    "People, ratings and recommendations.": "People, what they have, and recommendations.",
    "What someone rated, highest first, newer first among equals.": (
        "What someone has, most hours first, newer first among equals."
    ),
    "What someone rated, newest first, higher first among equals.": (
        "What someone has, newest first, more hours first among equals."
    ),
    "Rate, in place of any earlier rating; rounded to the nearest half, halves of it upwards.": (
        "Say that someone has a title and for how many hours they played it."
    ),
    "Remove a rating; done already, it stays done.": (
        "Take a title out of what someone has; done already, it stays done."
    ),
    "Note that someone watched a title, as an implicit rating, unless they rated it.": (
        "Note that someone has a title, with 0 hours, unless theirs are known."
    ),
    "Take that back; what they rated themselves stays.": (
        "Take that back; hours that were given stay."
    ),
    "The best titles for someone by their ratings of this moment; without any, popular ones.": (
        "The best titles by what someone has at this moment; without any, popular ones."
    ),
    "The same for many people at once, known ones and lists of ratings that nobody keeps.": (
        "The same for many people at once, known ones and lists of hours that nobody keeps."
    ),
    "Titles, most rated first, better rated first among equals.": (
        "Titles that most people have, longer played first among equals."
    ),
    "What someone would rate a title, as far as their ratings of this moment tell.": (
        "How well a title fits what someone has at this moment, from 0 to 1."
    ),
    "What each of someone's ratings adds to the score of a title, exactly.": (
        "What each title that someone has adds to the score of a title, exactly."
    ),
    "Ids of what someone rated, ascending.": "Ids of what someone has, ascending.",
}
FILMS = FeedbackKind(
    words="kinds/stars.html",
    feedback=EXPLICIT,
    column="rating",
    read=_BY_TEXT.get,
    unsaid=None,
    kept=_nearest,
    written="{:g} ★".format,
    watched=usual_rating,
    guess=Model.estimate,
    foretold=True,
    target=RATING_TARGET,
    popular=popular,
    veto_below=VETO_BELOW,
    genres_of_unknown=(),
    numbers="ratings",
    removed="{}: rating removed",
    marked={
        WATCHLIST: "{} is on your watchlist",
        HIDDEN: "{} will not be suggested again",
        UNSEEN: "{}: not seen",
    },
    unmarked={
        WATCHLIST: "{} is off your watchlist",
        HIDDEN: "{} may be suggested again",
        UNSEEN: "{}: we may ask again",
    },
    guest_knows_too_few="Rate at least {}, so that we have something to go by.",
    broken="The projector broke down",
    summaries={},
)
GAMES = FeedbackKind(
    words="kinds/hours.html",
    feedback=IMPLICIT,
    column="hours",
    read=_hours,
    unsaid=0.0,
    kept=lambda hours, _step: hours,
    written=hours_in_words,
    watched=lambda _item, _enough: 0.0,
    guess=Model.match,
    foretold=False,
    target=None,
    popular=most_rated,
    veto_below=VETO_BELOW_MATCH,
    genres_of_unknown=("Game",),
    numbers="games",
    removed="{}: no longer among your games",
    marked={
        WATCHLIST: "{} is on your wishlist",
        HIDDEN: "{} will not be suggested again",
        UNSEEN: "{}: not yours",
    },
    unmarked={
        WATCHLIST: "{} is off your wishlist",
        HIDDEN: "{} may be suggested again",
        UNSEEN: "{}: we may ask again",
    },
    guest_knows_too_few="Give the hours of at least {} games, so that we have something to go by.",
    broken="The machine stopped",
    summaries=_SUMMARIES_OF_GAMES,
)
KINDS = {kind.feedback: kind for kind in (FILMS, GAMES)}


def current() -> FeedbackKind:
    """That of the release in service; before the first one, films."""
    try:
        return KINDS[serving.watcher.model.catalogue.feedback]
    except NoRelease:
        return FILMS
