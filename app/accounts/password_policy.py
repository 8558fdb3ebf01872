"""Which passwords are rejected: those that others try first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

SHORTEST = 8
# 15 or more are advised. Nothing longer than this is hashed.
LONGEST = 128
# What users of this site would think of.
OUR_WORDS = ("marquee", "movie", "movies", "film", "films", "cinema", "password")


def is_easy_to_guess(password: str, about: Iterable[str | None] = ()) -> bool:
    """Return whether a password is common or says no more than is known ``about`` the user.

    Digits and marks around it do not count, up to as many as it has letters.
    """
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
    """Return the 30,000 leaked passwords that zxcvbn 4.5.0 lists, most common first in the file."""
    file = Path(__file__).with_name("common_passwords.txt")
    return frozenset(file.read_text(encoding="utf-8").split())
