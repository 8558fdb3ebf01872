"""Compare names and email addresses, and reject names that could be mistaken for others."""

from __future__ import annotations

import unicodedata

LONGEST = 254
# Thai, Hebrew and Tibetan put up to four marks on a letter; more only disturb a page.
MOST_MARKS = 4
WRONG_CHARACTER = "Letters, digits, blanks and . ' - only, please."
INVISIBLE = "One of these characters cannot be seen. Only letters that show, please."
TOO_MANY_MARKS = "There is an accent without a letter, or too many on one letter."
MIXED_SCRIPTS = "Letters of one alphabet, please: some of these look like those of another."

_PUNCTUATION = frozenset(" _.'-")
_LETTERS_MARKS_DIGITS = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"})
# Words in the Unicode names of letters and marks that have no visible form.
_WITHOUT_FORM = frozenset({"FILLER", "BLANK", "INHERENT", "JOINER", "SUBJOINER", "SELECTOR"})
_OF_EVERY_SCRIPT = frozenset({"COMBINING", "DIGIT"})
_PART_OF_SCRIPT = {
    "ARABIC-INDIC": "ARABIC",
    "EXTENDED": "ARABIC",
    "IDEOGRAPHIC": "CJK",
    "KATAKANA-HIRAGANA": "KATAKANA",
}
# Scripts that are written together: "highly restrictive" of Unicode's UTS #39.
_MIXES = (
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA"},
    {"LATIN", "CJK", "BOPOMOFO"},
    {"LATIN", "CJK", "HANGUL"},
)
# Cyrillic and Greek letters of which the small or the capital form looks like a Latin letter.
_LATIN_LOOKALIKES = str.maketrans(
    "авекмнорстухѕіјһԁԛԝӏѵαβεζηικμνορτυχγ",
    "abekmhopctyxsijhdqwlvabezhikmvoptuxy",
)


def fold(text: str) -> str:
    """Return what names and addresses are compared by; it may be longer than ``text``.

    Raises ValueError beyond LONGEST characters, since normalizing takes time quadratic in the
    number of combining marks; callers check the length of text from outside.
    """
    if len(text) > LONGEST:
        raise ValueError(f"text of {len(text)} characters; check that it has at most {LONGEST}")
    # PostgreSQL rejects NUL; no name and no address contains its replacement.
    return unicodedata.normalize("NFKC", text).strip().casefold().replace("\0", "\ufffd")


def unique_key(name: str) -> str:
    """Return what is unique among new names: the folded name, in Latin if all of it looks Latin.

    Cyrillic "сосо" and Latin "coco" have the same key. Raises ValueError as ``fold`` does.
    """
    folded = fold(name)
    latin = folded.translate(_LATIN_LOOKALIKES)
    return latin if latin.isascii() else folded


def problem_of_name(name: str) -> str | None:
    """Return why a new name is rejected (invisible, or easily mistaken for another), or None.

    Raises ValueError as ``fold`` does.
    """
    folded = fold(name)
    characters = [char for char in folded if char not in _PUNCTUATION]
    if any(unicodedata.category(char) not in _LETTERS_MARKS_DIGITS for char in characters):
        return WRONG_CHARACTER
    words = [unicodedata.name(char, "").replace("-", " ").split() for char in characters]
    if any(not _WITHOUT_FORM.isdisjoint(name) for name in words):
        return INVISIBLE
    if _has_stray_marks(folded):
        return TOO_MANY_MARKS
    scripts = {_script(char) for char in characters} - _OF_EVERY_SCRIPT
    if len(scripts) > 1 and not any(scripts <= mix for mix in _MIXES):
        return MIXED_SCRIPTS
    return None


def _has_stray_marks(text: str) -> bool:
    """Return whether a combining mark has no letter, or a letter more than MOST_MARKS."""
    room = 0
    for character in text:
        if unicodedata.category(character).startswith("M"):
            room -= 1
        else:
            room = 0 if character in _PUNCTUATION else MOST_MARKS
        if room < 0:
            return True
    return False


def _script(character: str) -> str:
    first = unicodedata.name(character, "unnamed").partition(" ")[0]
    return _PART_OF_SCRIPT.get(first, first)
