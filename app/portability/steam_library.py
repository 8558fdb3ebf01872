"""Read a Steam library: an answer of GetOwnedGames (JSON), or a line of the published data set."""

from __future__ import annotations

import json
from typing import Any

from app.portability.entries import LONGEST_FIELD, Contents, Entry, parse_line
from app.portability.python_literal import as_json
from app.portability.text import MOST_LINES, TextFile
from app.portability.uploads import ImportProblem
from recommender.feedback import IMPLICIT
from recommender.formats.steam import owned

# Characters; the largest Steam library seen has a million.
LARGEST_LIBRARY = 3_000_000
# Characters from the start within which JSON and CSV differ.
START = 1_000
TOO_MANY_GAMES = f"This Steam file lists more than {MOST_LINES:,} games."


def is_steam(text: TextFile) -> bool:
    return text.start(START).lstrip()[:1] == "{"


def read_steam(text: TextFile) -> Contents:
    """Read a library. Raises ImportProblem if it is too large, damaged or of several people."""
    library = text.start(LARGEST_LIBRARY + 1)
    if len(library) > LARGEST_LIBRARY:
        raise ImportProblem("This is too large for the Steam library of one person.")
    games = _games_of(_parse_library(library))
    rows = (parse_line(_game, line, game) for line, game in enumerate(games, start=1))
    return Contents("Steam", IMPLICIT, rows)


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
    library = library.get("response", library) if isinstance(library, dict) else library
    games = library.get("items", library.get("games")) if isinstance(library, dict) else None
    if not isinstance(games, list):
        raise ImportProblem("This Steam file lists no games.")
    if len(games) > MOST_LINES:
        raise ImportProblem(TOO_MANY_GAMES)
    return games


def _game(line: int, game: Any) -> Entry:
    game = owned(game)
    return Entry(line, game.name[:LONGEST_FIELD], item_id=game.app_id, hours=game.hours)
