"""Titles as data sets write them, as people write them, and as a search compares them."""

from __future__ import annotations

import re
import unicodedata

_YEAR = re.compile(r"\s*\((\d{4})(?:\s*[-–]\s*(?:\d{4})?)?\)\s*$")
_ENGLISH_AND_ROMANCE = "The|A|An|Le|La|Les|Un|Une|Des|El|Los|Las|Una|Il|Lo|Gli|I|O|Os|As|Uma"
_GERMANIC = "Der|Die|Das|Ein|Eine|De|Het|Det|Den|En"
# The article of each part stands last, before a bracket or the end: "City, The (Ville, La)".
_TRAILING_ARTICLE = re.compile(
    rf"(a\.k\.a\. )?([^()]+?), ({_ENGLISH_AND_ROMANCE}|{_GERMANIC})(?=\s*[()]|\s*$)"
)
_TRAILING_ELISION = re.compile(r"(a\.k\.a\. )?([^()]+?), (L['’])(?=\s*[()]|\s*$)")

_NO_WORD = re.compile(r"[\W_]+")


def split_title(raw: str) -> tuple[str, int | None]:
    """A MovieLens title as (title, year): "Matrix, The (1999)" is ("The Matrix", 1999).

    A range of years gives its first. Without a year in brackets at the end, the year is None.
    """
    match = _YEAR.search(raw)
    title = raw[: match.start()] if match else raw
    title = _TRAILING_ARTICLE.sub(r"\1\3 \2", title)
    title = _TRAILING_ELISION.sub(r"\1\3\2", title)
    return " ".join(title.split()), int(match.group(1)) if match else None


def search_key(text: str) -> str:
    """``text`` without case, accents and punctuation, words parted by one blank.

    "Amélie" and "AMELIE" have one key, so have "Spider-Man" and "spider man".
    """
    plain = text.lower() if text.isascii() else _without_accents(text)
    return " ".join(_NO_WORD.sub(" ", plain.replace("'", "").replace("’", "")).split())


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))
