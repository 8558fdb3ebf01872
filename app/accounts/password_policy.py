"""Which passwords are refused: those that others try first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import util
from pathlib import Path

SHORTEST = 8
# 15 or more are advised; so many at most are hashed, whatever is sent.
LONGEST = 128
# What people of this site would think of.
OUR_WORDS = ("marquee", "movie", "movies", "film", "films", "cinema", "password")


def is_easy_to_guess(password: str, about: Iterable[str | None] = ()) -> bool:
    """Whether it is a common one or says no more than what is known ``about`` the person, also with
    as many digits and marks around it as it has letters."""
    folded = password.casefold()
    core = _between_letters(folded)
    tried = {folded, core} if 2 * len(core) >= len(folded) else {folded}
    return not tried.isdisjoint(_common() | {*OUR_WORDS, *_words(about)})


def _between_letters(text: str) -> str:
    """Return the text from its first letter to its last, without the digits and marks around."""
    letters = [place for place, character in enumerate(text) if character.isalpha()]
    return text[letters[0] : letters[-1] + 1] if letters else ""


def _words(about: Iterable[str | None]) -> set[str]:
    """Return the given texts, their parts of four letters or more, and each without marks."""
    texts = [text.casefold() for text in about if text]
    parts = {part for text in texts for part in re.split(r"[^\w]+", text) if len(part) > 3}
    joined = {re.sub(r"\W+", "", text) for text in texts}
    return {*texts, *parts, *joined}


@cache
def _common() -> frozenset[str]:
    """Return the 30,000 leaked passwords of zxcvbn.

    Only its file of lists is loaded, and only this list retained: the whole package takes three
    times the memory, in every process.
    """
    package = util.find_spec("zxcvbn")
    assert package is not None
    assert package.origin is not None
    file = Path(package.origin).with_name("frequency_lists.py")
    spec = util.spec_from_file_location("frequency_lists", file)
    assert spec is not None
    assert spec.loader is not None
    lists = util.module_from_spec(spec)
    spec.loader.exec_module(lists)
    return frozenset(lists.FREQUENCY_LISTS["passwords"])
