"""What the name of a file says of the titles in it."""

from __future__ import annotations

import re
from itertools import pairwise

from app.portability.entries import SEEN, WISHED

_WORD = re.compile(r"[a-z]+")
# Characters of a name that are looked at.
LONGEST_NAME = 200
_WISHES = frozenset(("watchlist", "wishlist", "wish", "wishes", "towatch", "tosee", "want"))
_VIEWINGS = frozenset(("watched", "seen", "diary", "history", "viewed"))


def mark_of_name(name: str) -> str | None:
    """Return SEEN or WISHED, or None where the name does not tell.

    "to-see-with-friends.csv" and "My Watchlist.csv" are wishes, "watched (2).csv" are viewings.
    """
    words = _WORD.findall(name.rpartition("/")[2].lower()[:LONGEST_NAME])
    # "watch-list", "to see"
    pairs = {first + second for first, second in pairwise(words)}
    if _WISHES & {*words, *pairs}:
        return WISHED
    return SEEN if _VIEWINGS & set(words) else None
