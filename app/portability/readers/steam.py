"""Read a Steam library: an answer of GetOwnedGames (JSON), or a line of the published data set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from app.portability.entries import LONGEST_FIELD, Contents, Entry, FileRow, LeftOut, parse_line
from app.portability.python_literal import as_json
from app.portability.text import MOST_LINES, TextFile
from app.portability.uploads import ImportProblem
from recommender.feedback import IMPLICIT
from recommender.formats.rating_format import LAST_SECOND
from recommender.formats.steam import owned

# Characters; the largest Steam library seen has a million.
LARGEST_LIBRARY = 3_000_000
# Characters from the start within which JSON and CSV differ.
START = 1_000
SOURCE = "Steam"
# One of these is in the beginning of a library.
WORDS = ("response", "games", "items", "steam_id")
# Ids of what a person added by hand; Steam's own are smaller.
FIRST_SHORTCUT = 2**31
TOO_MANY_GAMES = f"This Steam file lists more than {MOST_LINES:,} games."


def read_steam(text: TextFile) -> Contents:
    """Read a library. Raises ImportProblem if it is too large, damaged or of several people."""
    library = text.start(LARGEST_LIBRARY + 1)
    if len(library) > LARGEST_LIBRARY:
        raise ImportProblem("This is too large for the Steam library of one person.")
    games = _games_of(_parse_library(library))
    return Contents(SOURCE, IMPLICIT, _rows(games))


def _rows(games: list[Any]) -> Iterator[FileRow]:
    for line, game in enumerate(games, start=1):
        if _is_shortcut(game):
            yield LeftOut(line, _name(game), "a shortcut to what is not on Steam")
        else:
            yield parse_line(_game, line, game)


def _parse_library(text: str) -> Any:
    # Text that is small but needs much memory once parsed has a bracket for each object.
    if text.count("{") + text.count("[") > MOST_LINES:
        raise ImportProblem(TOO_MANY_GAMES)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        line, _, rest = text.strip().partition("\n")
    try:
        library = json.loads(as_json(line))
    except (ValueError, RecursionError) as error:
        raise ImportProblem("We could not read this as a Steam library.") from error
    if rest:
        raise ImportProblem(
            "This file holds the Steam libraries of several people. Send one with yours alone."
        )
    return library


def _games_of(library: Any) -> list[Any]:
    if library == {"response": {}}:
        raise ImportProblem(
            "This answer of Steam is empty, because the profile is private. In Steam, under Edit"
            " Profile, Privacy Settings, set Game details to Public, and ask again."
        )
    library = library.get("response", library) if isinstance(library, dict) else library
    games = library.get("items", library.get("games")) if isinstance(library, dict) else None
    if not isinstance(games, list):
        raise ImportProblem("This Steam file lists no games.")
    if len(games) > MOST_LINES:
        raise ImportProblem(TOO_MANY_GAMES)
    return games


def _is_shortcut(game: Any) -> bool:
    app_id = game.get("appid", game.get("item_id")) if isinstance(game, dict) else None
    if isinstance(app_id, str) and app_id.isascii() and app_id.isdecimal() and len(app_id) < 21:
        app_id = int(app_id)
    return type(app_id) is int and FIRST_SHORTCUT <= app_id < 2**64


def _name(game: dict[str, Any]) -> str:
    name = game.get("item_name", game.get("name"))
    text = name[:LONGEST_FIELD] if isinstance(name, str) else ""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def _game(line: int, game: Any) -> Entry:
    game, played = owned(game), _played_at(game)
    return Entry(line, game.name[:LONGEST_FIELD], item_id=game.app_id, hours=game.hours, at=played)


def _played_at(game: Any) -> datetime | None:
    """Return when a game was last played; Steam writes 0, or the second day of 1970, for never."""
    seconds = game.get("rtime_last_played") if isinstance(game, dict) else None
    if type(seconds) is not int or not 86_400 < seconds < LAST_SECOND:
        return None
    return datetime.fromtimestamp(seconds, UTC)
