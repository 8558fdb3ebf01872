"""Translate the API's names to those of the release, in requests and in responses.

In code an item is a movie and its value a rating; in a catalogue of games they are a game and
hours, votes are owners, and a predicted rating is a match. ``FeedbackKind.names`` has those of the
values; those of items are made of the catalogue's noun.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from flask import current_app, request
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter, ValidationError

from app.http.negotiation import is_api_path
from app.recommend.catalogue_kinds import kind_of
from app.recommend.model_watcher import serving
from recommender.catalogue import Catalogue
from recommender.errors import NoRelease

MOVIE = "movie"
OF_ITEMS = (MOVIE, "movies", "movie_id", "top_movies")
OF_VALUES = ("rating", "ratings", "avg_rating", "votes", "predicted_rating", "watched")
NAMES = (*OF_ITEMS, *OF_VALUES)
# Errors under this key have names as the client sent them; all others have our names.
AS_SENT = "_as_sent"
# Ids at services for films, which no other catalogue speaks of.
IDS_OF_FILMS = ("imdb_id", "tmdb_id")
# Names in paths.
WORDS = (MOVIE, "movies", "rating", "ratings", "watched")


def catalogue() -> Catalogue | None:
    """Return the catalogue of the release in service; None before the first release."""
    try:
        return serving.watcher.model.catalogue
    except NoRelease:
        return None


def noun() -> str:
    """Return the item's name in the release in service; "movie" before the first release."""
    served = catalogue()
    return served.noun if served else MOVIE


def is_keyed() -> bool:
    """Return whether users and items have keys, ids of the catalogue's own."""
    served = catalogue()
    return served is not None and served.keyed


def to_response(name: str) -> str:
    """Return the name of our ``name`` in requests and responses."""
    return names().get(name, name)


def names() -> Mapping[str, str]:
    """Return the names of the release in service by ours, for those that differ."""
    served = catalogue()
    return names_of(served) if served else {}


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


class SeenConverter(WordConverter):
    """``WordConverter`` for "watched", which stands where "rating" may, and is tried before it."""

    regex = "(?:watched|known)"
    weight = 50


def hide_other_words() -> None:
    """Answer 404, not 405, to a path with a word that is no name of the release in service.

    Werkzeug looks at the methods of a route before it asks a converter.
    """
    error = request.routing_exception
    if not (isinstance(error, MethodNotAllowed) and is_api_path()):
        return
    paths = current_app.create_url_adapter(request)
    if paths and not any(paths.test(method=method) for method in error.valid_methods or ()):
        request.routing_exception = NotFound()


@lru_cache(maxsize=8)
def names_of(catalogue: Catalogue) -> Mapping[str, str]:
    """Return the names of a catalogue by ours, for those that differ."""
    one, many = _as_name(catalogue.noun), _as_name(catalogue.nouns)
    items = {name: name.replace("movies", many).replace(MOVIE, one) for name in OF_ITEMS}
    values = {name: _as_name(other) for name, other in kind_of(catalogue).names.items()}
    return {name: translated for name, translated in (items | values).items() if name != translated}


def _as_name(word: str) -> str:
    """Return "board game" as "board_game", which needs no escapes in paths."""
    return re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_") or "item"
