"""Translate the API's names to those of the release, in requests and in responses.

In code an item is a movie and its value a rating; in a catalogue of games they are a game and
hours, votes are owners, and a predicted rating is a match.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from typing import Any

from werkzeug.routing import BaseConverter, ValidationError

from app.api.summaries import DESCRIPTIONS_FOR_HOURS, SUMMARIES_FOR_HOURS
from app.recommend.feedback_kind import HOURS
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
# Replaced in the document by the highest value of the scale.
HIGHEST = "highest"
# Errors under this key have names as the client sent them; all others have our names.
AS_SENT = "_as_sent"
# Names in paths.
WORDS = (MOVIE, "movies", "rating", "ratings")


def noun() -> str:
    """Return the item's name in the release in service; "movie" before the first release."""
    try:
        return serving.watcher.model.catalogue.noun
    except NoRelease:
        return MOVIE


def to_response(name: str) -> str:
    """Return the name of our ``name`` in requests and responses."""
    word = noun()
    if word == MOVIE or name not in NAMES:
        return name
    return RATED.get(name) or name.replace(MOVIE, word)


def from_request(data: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return ``data`` by our ``names``, without those of ``unknown_names``."""
    ours = {to_response(name): name for name in names}
    unknown = unknown_names(data, names)
    return {ours.get(key, key): value for key, value in data.items() if key not in unknown}


def unknown_names(data: Mapping[str, Any], names: Collection[str]) -> set[str]:
    """Return those of our ``names`` in ``data`` that this catalogue has another name for."""
    return data.keys() & set(names) - set(map(to_response, names))


class WordConverter(BaseConverter):
    """``<word("movies"):movies>``: a part of a path, in the name of the release in service.

    The first request loads the release, since the name decides whether the path exists.
    """

    def __init__(self, url_map: Any, word: str):
        super().__init__(url_map)
        self.word = word

    def to_python(self, value: str) -> str:
        serving.watcher.look()
        if value != to_response(self.word):
            raise ValidationError
        return value


def in_document(document: Mapping[str, Any]) -> Any:
    """Return the OpenAPI document in the names of the release in service."""
    if serving.feedback_kind is HOURS:
        document = _describe_hours(document)
    return _translate(document)


def _describe_hours(document: Mapping[str, Any]) -> Mapping[str, Any]:
    described = deepcopy(document)
    for tag in described["tags"]:
        tag["description"] = DESCRIPTIONS_FOR_HOURS.get(tag["name"], tag["description"])
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if summary := SUMMARIES_FOR_HOURS.get(f"{method.upper()} {path}"):
                operation["summary"] = summary
    return described


def _translate(value: Any) -> Any:
    if isinstance(value, list):
        return [_translate(item) for item in value if not _is_word(item)]
    if value == HIGHEST:
        return SCALES[serving.feedback_kind.feedback].high
    if isinstance(value, dict):
        return {_in_path(to_response(key)): _translate(item) for key, item in value.items()}
    return to_response(value) if isinstance(value, str) else value


def _is_word(value: Any) -> bool:
    """Return whether this is the path parameter of a ``WordConverter``."""
    return isinstance(value, dict) and value.get("in") == "path" and value.get("name") in WORDS


def _in_path(key: str) -> str:
    if not key.startswith("/"):
        return key
    key = key.replace("{movie_id}", f"{{{to_response('movie_id')}}}")
    for word in WORDS:
        key = key.replace(f"{{{word}}}", to_response(word))
    return key
