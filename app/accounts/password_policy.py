"""Which passwords are rejected: those that others try first."""

from __future__ import annotations

import re
from collections.abc import Iterable

SHORTEST = 8
# 15 or more are advised. Nothing longer than this is hashed.
LONGEST = 128
# As many leaked passwords does zxcvbn know; the longest has 20 letters.
FIRST_GUESSES, LONGEST_COMMON = 30_000, 20
# What users of this site would think of.
OUR_WORDS = ("marquee", "movie", "movies", "film", "films", "cinema", "password")


def is_easy_to_guess(password: str, about: Iterable[str | None] = ()) -> bool:
    """Return whether a password is common or says no more than is known ``about`` the user.

    Digits and marks around it do not count, up to as many as it has letters.
    """
    folded = password.casefold()
    core = _between_letters(folded)
    tried = {folded, core} if 2 * len(core) >= len(folded) else {folded}
    return not tried.isdisjoint({*OUR_WORDS, *_words(about)}) or any(map(_is_common, tried))


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


def _is_common(text: str) -> bool:
    """Return whether who guesses would arrive at a text within the first FIRST_GUESSES."""
    # Loaded with the first password that is set: its lists take 12 MB.
    from zxcvbn import zxcvbn  # type: ignore[import-untyped]

    return 0 < len(text) <= LONGEST_COMMON and zxcvbn(text)["guesses"] <= FIRST_GUESSES
