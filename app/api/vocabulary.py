"""The words of the API follow the release: in a catalogue of games a movie is a game, a rating
hours, a vote an owner, and what is guessed a match. Inside it is always a movie and a rating; here
names are translated on their way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from werkzeug.routing import BaseConverter, ValidationError

from app.recommend import feedback_kind
from app.recommend.model_watcher import serving
from recommender.errors import NoRelease
from recommender.feedback import SCALES

MOVIE = "movie"
RATED = {
    "rating": "hours",
    "ratings": "hours",
    "avg_rating": "avg_hours",
    "votes": "owners",
    "predicted_rating": "match",
}
NAMES = (MOVIE, "movies", "movie_id", "top_movies", *RATED)
# Stands in the document for the highest number that people may give.
HIGHEST = "highest"
# Those that stand in paths.
WORDS = (MOVIE, "movies", "rating", "ratings")


def noun() -> str:
    """What the release in service calls a title; before the first one a movie."""
    try:
        return serving.watcher.model.catalogue.noun
    except NoRelease:
        return MOVIE


def to_response(name: str) -> str:
    """How a name of ours is said outside."""
    said = noun()
    if said == MOVIE or name not in NAMES:
        return name
    return RATED.get(name) or name.replace(MOVIE, said)


def from_request(said: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """What a request says, by our ``names``; one of those that is not said here stays unknown."""
    ours = {to_response(name): name for name in names}
    return {ours.get(key, f"{key} " if key in names else key): value for key, value in said.items()}


class WordConverter(BaseConverter):
    """``<word("movies"):movies>``: a step of a path, said as the release has it."""

    def __init__(self, url_map: Any, word: str):
        super().__init__(url_map)
        self.word = word

    def to_python(self, value: str) -> str:
        serving.watcher.look()
        if value != to_response(self.word):
            raise ValidationError
        return value


def in_document(value: Any) -> Any:
    """The OpenAPI document, or a part of it, in the words of the release in service."""
    if isinstance(value, list):
        return [in_document(each) for each in value if not _is_word(each)]
    if value == HIGHEST:
        return SCALES[feedback_kind.current().feedback].high
    if isinstance(value, dict):
        return {_in_path(to_response(key)): in_document(each) for key, each in value.items()}
    if isinstance(value, str):
        return feedback_kind.current().summaries.get(value) or to_response(value)
    return value


def _is_word(value: Any) -> bool:
    """Whether this is the parameter that a ``WordConverter`` stands for."""
    return isinstance(value, dict) and value.get("in") == "path" and value.get("name") in WORDS


def _in_path(key: str) -> str:
    if not key.startswith("/"):
        return key
    key = key.replace("{movie_id}", f"{{{to_response('movie_id')}}}")
    for word in WORDS:
        key = key.replace(f"{{{word}}}", to_response(word))
    return key
