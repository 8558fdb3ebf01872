"""Parses the published Steam files: each line is a Python dict literal of a library or a game.

``ast.literal_eval`` builds values and runs no code.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from recommender.catalogue import LARGEST_ID, CatalogueItem
from recommender.feedback import IMPLICIT, SCALES

LIBRARIES, GAMES = "users_items", "steam_games"
ENDINGS = (".json.gz", ".json")
# Parsing takes a hundred times a line's size in memory; the largest known library has 1 MB.
LONGEST_LINE = 4_000_000
MINUTES = 60
_MOST_HOURS = SCALES[IMPLICIT].high
_CONTAINERS = (dict, list, tuple, set)
_DIGITS = re.compile(r"[0-9]{1,10}")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


class BadLine(Exception):
    """A line that is invalid; the message says why."""


@dataclass(frozen=True)
class Owned:
    """One game of a library."""

    app_id: int
    name: str
    hours: float


@dataclass
class Library:
    """One person's games. ``bad``: why games were left out, one message each."""

    user: str
    games: list[Owned] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)


def is_steam(names: Iterable[str]) -> bool:
    """Whether a folder of files with these names holds Steam libraries."""
    return any(LIBRARIES in name and name.endswith(ENDINGS) for name in names)


def library_of(line: bytes) -> Library:
    """Read a line of the libraries' file. Raises BadLine."""
    values = _literal(line)
    user, games = values.get("user_id"), values.get("items")
    if not isinstance(user, str) or not user:
        raise BadLine("no user_id")
    if not isinstance(games, list):
        raise BadLine("no list of items")
    library = Library(user)
    for game in games:
        try:
            library.games.append(owned(game))
        except BadLine as error:
            library.bad.append(str(error))
    return library


def owned(game: Any) -> Owned:
    """Read one game of a library, as Steam's own service or the published file gives it.

    Raises BadLine.
    """
    if not isinstance(game, dict):
        raise BadLine("an item that is not a game")
    app_id = _app_id(game.get("item_id", game.get("appid")))
    minutes = game.get("playtime_forever", 0)
    if isinstance(minutes, bool) or not isinstance(minutes, (int, float)):
        raise BadLine(f"game {app_id}: playtime_forever is {_shown(minutes)}, not a number")
    if not 0 <= minutes <= _MOST_HOURS * MINUTES:
        short = isinstance(minutes, float) or _text(minutes)
        shown = f"{minutes:g}" if short else "a huge number"
        raise BadLine(f"game {app_id}: playtime_forever is {shown}, out of range")
    name = _text(game.get("item_name", game.get("name", "")))
    return Owned(app_id, name or f"Game {app_id}", minutes / MINUTES)


def game_of(line: bytes) -> CatalogueItem:
    """Read a line of the catalogue's file. Raises BadLine."""
    values = _literal(line)
    app_id = _app_id(values.get("id"))
    title = _text(html.unescape(_text(values.get("title") or values.get("app_name") or "")))
    if not title:
        raise BadLine(f"game {app_id} has no title")
    year = _YEAR.search(_text(values.get("release_date") or ""))
    return CatalogueItem(
        item_id=app_id,
        title=title,
        year=int(year.group()) if year else None,
        genres=tuple(_words(values, "genres")),
        description=", ".join(_words(values, "tags")) or None,
    )


def _literal(line: bytes) -> dict[Any, Any]:
    if len(line) > LONGEST_LINE:
        raise BadLine(f"longer than {LONGEST_LINE:,} bytes")
    try:
        values = ast.literal_eval(line.decode("utf-8").strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise BadLine(f"not a Python literal ({type(error).__name__})") from error
    if not isinstance(values, dict):
        raise BadLine("not a Python dict")
    return values


def _app_id(value: Any) -> int:
    """Read an id, given as a number or as its digits."""
    app_id = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
    if type(app_id) is not int or not 0 <= app_id <= LARGEST_ID:
        raise BadLine(f"{_shown(value)} is not the id of a game")
    return app_id


def _text(value: Any) -> str:
    """Convert to text that UTF-8 and every database can store; "" for containers and for numbers
    with more digits than Python converts."""
    if (isinstance(value, int) and abs(value) > LARGEST_ID) or isinstance(value, _CONTAINERS):
        return ""
    return str(value).encode("utf-8", "replace").decode("utf-8").replace("\0", "").strip()


def _shown(value: Any) -> str:
    return repr(_text(value)[:20]) if _text(value) else f"a {type(value).__name__}"


def _words(values: dict[Any, Any], name: str) -> list[str]:
    words = values.get(name) or []
    if not isinstance(words, list):
        raise BadLine(f"{name} is not a list")
    # "|" separates genres in the site's database.
    known = (_text(html.unescape(_text(word)).replace("|", "/")) for word in words)
    return list(dict.fromkeys(filter(None, known)))
