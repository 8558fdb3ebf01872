"""Steam libraries as the publisher writes them."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

LIBRARIES, CATALOGUE = "tiny_users_items.json.gz", "steam_games.json.gz"
GAME = {"app_name": "Portal", "title": "Portal", "id": "400", "release_date": "2007-10-10"}


def library(user: str, **minutes: object) -> str:
    """Return a line of a library; ``_400=60``: game 400 was played for 60 minutes."""
    items = [
        {"item_id": app_id[1:], "item_name": f"Game {app_id[1:]}", "playtime_forever": played}
        for app_id, played in minutes.items()
    ]
    return repr({"user_id": user, "items_count": len(items), "items": items})


def folder_of(path: Path, libraries: Iterable[str], games: Iterable[str] = (repr(GAME),)) -> str:
    path.mkdir(exist_ok=True)
    for name, lines in ((LIBRARIES, libraries), (CATALOGUE, games)):
        (path / name).write_bytes(gzip.compress("".join(f"{x}\n" for x in lines).encode()))
    return str(path)


MANY = [library(f"person {n}", _400=60) for n in range(300)]
