"""Names under which other services list a title."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

Listed = tuple[str, int | None]

_ARTICLE = re.compile(r"(The|A|An|Le|La|Les|El|Der|Die|Das|Il) (.+)")
_BRACKETS = re.compile(r" *\(([^()]*)\)")
_DIGITS = {"II": "2", "III": "3", "IV": "4", "VI": "6", "VII": "7", "VIII": "8", "Two": "2"}
_ROMAN = {"2": "II", "3": "III", "4": "IV", "5": "V", "6": "VI", "Three": "III", "Four": "4"}


def _without_brackets(title: str) -> str:
    return _BRACKETS.sub("", title).strip() or title


def _as_movielens(title: str, year: int | None) -> Listed:
    """Move the article to the end: "Matrix, The (1999)"."""
    article = _ARTICLE.fullmatch(_without_brackets(title))
    title = f"{article[2]}, {article[1]}" if article else title
    return (f"{title} ({year})", None) if year else (title, None)


def _in_plain_letters(title: str, year: int | None) -> Listed:
    """Write capitals without accents and punctuation: "AMELIE"."""
    plain = unicodedata.normalize("NFKD", _without_brackets(title)).encode("ascii", "ignore")
    letters = re.sub(r"[^\w ]", " ", plain.decode().replace("'", "")).upper()
    return (" ".join(letters.split()), year) if re.search(r"\w", letters) else (title, year)


def _in_typeset_letters(title: str, year: int | None) -> Listed:
    """Use typographic apostrophes and dashes, a dash for the colon, the "and" as a sign."""
    title = _without_brackets(title).replace("'", "’").replace(": ", " – ")
    return (title.replace(" & ", " and ") if "&" in title else title.replace(" and ", " & ")), year


def _with_other_numerals(title: str, year: int | None) -> Listed:
    """Write "Rocky 2" for "Rocky II", "Guardians of the Galaxy II", and "Vol." for "Part"."""
    words = _without_brackets(title).split(" ")
    first, *others = words
    swapped = [_DIGITS.get(word) or _ROMAN.get(word) or word for word in others]
    swapped = ["Vol." if word in ("Part", "Volume") else word for word in swapped]
    return " ".join([first, *swapped]), year


def _before_colon(title: str, year: int | None) -> Listed:
    return re.split(r": | - ", _without_brackets(title))[0], year


def _after_colon(title: str, year: int | None) -> Listed:
    return re.split(r": | - ", _without_brackets(title))[-1], year


def _a_year_later(title: str, year: int | None) -> Listed:
    return _without_brackets(title), year and year + 1


def _without_year(title: str, year: int | None) -> Listed:
    return title, None


def _without_article(title: str, year: int | None) -> Listed:
    """Drop the article in front: "Lord of the Rings: The Two Towers"."""
    title = _without_brackets(title)
    article = re.match(r"(?:The|A|An) (?=\w)", title)
    return (title[article.end() :] if article else title), year


def _under_its_other_title(title: str, year: int | None) -> Listed:
    """Give the title in brackets alone, or add a remark of a service in brackets."""
    others = [other for other in _BRACKETS.findall(title) if len(other) > 3]
    if not others:
        return f"{title} (Director's Cut)", year
    return others[0].removeprefix("a.k.a. "), year


VARIATIONS: tuple[Callable[[str, int | None], Listed], ...] = (
    *(_as_movielens, _in_plain_letters, _in_typeset_letters, _with_other_numerals),
    *(_before_colon, _after_colon, _a_year_later, _without_year, _without_article),
    _under_its_other_title,
)


def variations(title: str, year: int | None) -> Iterator[tuple[str, Listed]]:
    """Yield (kind of variation, (title, year)) for each of VARIATIONS; a title without, say, an
    article is the same without one."""
    for vary in VARIATIONS:
        yield vary.__name__.strip("_"), vary(title, year)
