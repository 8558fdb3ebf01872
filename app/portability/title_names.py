"""The names under which services list a title, as keys that are equal for equal names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum
from itertools import combinations
from typing import NamedTuple

from recommender.formats.titles import search_key

# The longest title that the catalogue stores.
LONGEST_NAME = 255
# Bracketed names that are tried; MovieLens has three at most. Parts between colons or dashes.
MOST_BRACKETS = 5
MOST_PARTS = 4

_BRACKETS = re.compile(r"\(([^()]*)\)")
_SEPARATOR = re.compile(r"[:;|–—]|\s-\s")
_ALSO_KNOWN_AS = re.compile(r"\b(?:a\.k\.a\.?|aka)\s", re.IGNORECASE)
_AND = re.compile(r"[&+]")
_LETTERS = str.maketrans(
    {
        **{"ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L"},
        **{"đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i"},
        **dict.fromkeys("‘ʼ′`´", "'"),
    }
)

_UNSTRESSED = frozenset(("the", "a", "an", "and"))
_FOREIGN_ARTICLES = frozenset(
    "le la les l un une des el los las una il lo gli i o os as der die das ein eine de het det den"
    " en".split()
)
_PART_WORDS = frozenset("volume vol part pt episode ep chapter".split())
_SHORT = {"doctor": "dr", "mister": "mr", "versus": "vs", "saint": "st"}
# Parts that say nothing of a title, as do numbers: "Episode IV", "The Movie".
_NO_NAMES = frozenset(("movie", "film", "beginning", "sequel"))
_IN_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen twenty"
)
_ROMAN = "ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii xviii xix xx"
_NUMBERS = {
    **{word: str(number) for number, word in enumerate(_IN_WORDS.split())},
    **{word: str(number) for number, word in enumerate(_ROMAN.split(), start=2)},
}


class Strength(IntEnum):
    """How much a name says, the most first.

    LITERAL: the whole title, letter by letter but for case, accents and punctuation. NORMAL: but
    for articles, numerals and abbreviations too. LOOSE: but for articles of other languages, which
    may be words of English ("Die Hard"). PART: what stands on one side of a colon or dash.
    """

    LITERAL = 0
    NORMAL = 1
    LOOSE = 2
    PART = 3


class Name(NamedTuple):
    key: str
    strength: Strength


def whole_names(title: str) -> Iterator[Name]:
    """Yield names of the title as it stands, and without what is in brackets."""
    if len(title) <= LONGEST_NAME:
        for text in _main_texts(title):
            yield from _names_of(text)


def alternative_names(title: str) -> Iterator[Name]:
    """Yield names of other titles that brackets or "a.k.a." add.

    "Amelie (Le Fabuleux destin d'Amélie Poulain)" has one.
    """
    if len(title) <= LONGEST_NAME:
        for text in _other_texts(title):
            yield from _names_of(text)


def part_names(title: str) -> Iterator[Name]:
    """Yield names made of parts of the title: each, neighbours together, the first and the last."""
    if len(title) > LONGEST_NAME:
        return
    for text in (*_main_texts(title), *_other_texts(title)):
        parts = _parts_of(text)
        for start, end in combinations(range(len(parts) + 1), 2):
            if end - start < len(parts):
                name = _part(parts[start:end])
                if not (name.key.isdecimal() or name.key in _NO_NAMES):
                    yield name
        if len(parts) > 2:
            yield _part([parts[0], parts[-1]])


def _main_texts(title: str) -> Iterator[str]:
    title = title.translate(_LETTERS)
    yield title
    if "(" in title:
        yield _BRACKETS.sub(" ", title)


def _other_texts(title: str) -> Iterator[str]:
    title = title.translate(_LETTERS)
    for text in _BRACKETS.findall(title)[:MOST_BRACKETS]:
        yield _ALSO_KNOWN_AS.sub(" ", text)
    if len(texts := _ALSO_KNOWN_AS.split(_BRACKETS.sub(" ", title), maxsplit=2)) > 1:
        yield from texts


def _names_of(text: str) -> Iterator[Name]:
    words = search_key(text).split()
    if not words:
        return
    yield Name("".join(words), Strength.LITERAL)
    words = search_key(_AND.sub(" and ", text)).split()
    yield Name(_normal(words), Strength.NORMAL)
    bare = words
    while len(bare) > 1 and bare[0] in _FOREIGN_ARTICLES:
        bare = bare[1:]
    while len(bare) > 1 and bare[-1] in _FOREIGN_ARTICLES and bare[-1] != "i":
        bare = bare[:-1]
    if bare is not words:
        yield Name(_normal(bare), Strength.LOOSE)


def _normal(words: list[str]) -> str:
    """Join words without articles, "and" and "part", with digits for numerals.

    Words are joined because services differ in "Spiderman", "Spider-Man" and "Alien³".
    """
    kept = []
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in _UNSTRESSED or (word in _PART_WORDS and _is_numeral(following)):
            continue
        # "I" is a numeral at the end alone, as in "Part I".
        number = "1" if word == "i" and not following and len(words) > 1 else _NUMBERS.get(word)
        kept.append(number or _SHORT.get(word, word))
    return "".join(kept or words)


def _is_numeral(word: str) -> bool:
    return word.isdecimal() or word == "i" or word in _NUMBERS


def _parts_of(text: str) -> list[list[str]]:
    """Split a title at colons and dashes; return the words of each part."""
    parts = _SEPARATOR.split(text, maxsplit=MOST_PARTS - 1)
    if len(parts) < 2:
        return []
    words = (search_key(_AND.sub(" and ", part)).split() for part in parts)
    return [without for each in words if (without := _without_or(each))]


def _without_or(words: list[str]) -> list[str]:
    """Remove "or" at either end: "Dr. Strangelove or: How I Learned to Stop Worrying"."""
    if words[-1:] == ["or"]:
        words = words[:-1]
    return words[1:] if words[:1] == ["or"] else words


def _part(parts: list[list[str]]) -> Name:
    return Name("".join(_normal(words) for words in parts), Strength.PART)
