"""Parses titles of data sets and normalizes titles for search."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Time is linear in the length of a title: no pattern here backtracks from each character.
_YEAR = re.compile(r"\((\d{4})(?:\s*[-–]\s*(?:\d{4})?)?\)")
_BRACKETS = re.compile(r"([()]+)")
_ENGLISH_AND_ROMANCE = "The A An Le La Les Un Une Des El Los Las Una Il Lo Gli I O Os As Uma"
_GERMANIC = "Der Die Das Ein Eine De Het Det Den En"
_ARTICLES = frozenset(f"{_ENGLISH_AND_ROMANCE} {_GERMANIC}".split())
_ELISIONS = frozenset(("L'", "L’"))
_ALSO_KNOWN_AS = "a.k.a. "

_NO_WORD = re.compile(r"[\W_]+")


def split_title(raw: str) -> tuple[str, int | None]:
    """Parse a MovieLens title: "Matrix, The (1999)" gives ("The Matrix", 1999).

    A range of years gives its first. Without a year in brackets at the end, the year is None.
    """
    title = raw.rstrip()
    bracket = max(title.rfind("("), 0)
    match = _YEAR.fullmatch(title, bracket)
    if match:
        title = title[:bracket].rstrip()
    parts = _BRACKETS.split(title)
    title = "".join(_move_articles(part) if ", " in part else part for part in parts)
    return " ".join(title.split()), int(match.group(1)) if match else None


def _move_articles(part: str) -> str:
    """Move the article at the end of a part between brackets to its front."""
    return _move(_move(part, _ARTICLES, " "), _ELISIONS, "")


def _move(part: str, articles: frozenset[str], separator: str) -> str:
    stripped = part.rstrip()
    name, _, article = stripped.rpartition(", ")
    if not name or article not in articles:
        return part
    front = _ALSO_KNOWN_AS if name != _ALSO_KNOWN_AS and name.startswith(_ALSO_KNOWN_AS) else ""
    moved = f"{front}{article}{separator}{name.removeprefix(front)}"
    return moved + part[len(stripped) :]


def search_key(text: str) -> str:
    """Remove case, accents and punctuation, and separate words by one space.

    "Amélie" and "AMELIE" have the same key, as have "Spider-Man" and "spider man".
    """
    words = _spaced(text.lower()) if text.isascii() else "".join(map(_letters_of, text))
    return " ".join(words.split())


# Letter by letter, because normalizing a long run of accents takes quadratic time.
@lru_cache(maxsize=4096)
def _letters_of(character: str) -> str:
    """Remove case and accents; punctuation becomes a space."""
    folded = unicodedata.normalize("NFKD", character).casefold()
    plain = unicodedata.normalize("NFKD", folded)
    return _spaced("".join(c for c in plain if not unicodedata.combining(c)))


def _spaced(text: str) -> str:
    return _NO_WORD.sub(" ", text.replace("'", "").replace("’", ""))
