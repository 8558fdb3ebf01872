"""Titles: the article moved to the front, the year split off, and the key a search compares."""

import csv
import re
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from recommender.formats.titles import search_key, split_title
from tests.support.fuzzing import any_text, fuzz

TITLES: dict[str, tuple[str, str, int | None]] = {
    "plain": ("Toy Story (1995)", "Toy Story", 1995),
    "the": ("Matrix, The (1999)", "The Matrix", 1999),
    "a": ("Bug's Life, A (1998)", "A Bug's Life", 1998),
    "an": ("American in Paris, An (1951)", "An American in Paris", 1951),
    "le": ("Samouraï, Le (1967)", "Le Samouraï", 1967),
    "les": ("Misérables, Les (1998)", "Les Misérables", 1998),
    "elided": ("Avventura, L' (1960)", "L'Avventura", 1960),
    "elided_with_a_typographic_apostrophe": ("Atalante, L’ (1934)", "L’Atalante", 1934),
    "el": ("Mariachi, El (1992)", "El Mariachi", 1992),
    "il": ("Postino, Il (1994)", "Il Postino", 1994),
    "i": ("Vitelloni, I (1953)", "I Vitelloni", 1953),
    "das": ("Boot, Das (1981)", "Das Boot", 1981),
    "die": ("Welle, Die (2008)", "Die Welle", 2008),
    "no_year": ("Babylon 5", "Babylon 5", None),
    "no_year_but_an_article": ("OA, The", "The OA", None),
    "blanks_around": ("  Toy  Story  (1995)  ", "Toy Story", 1995),
    "range_of_years": ("Death Note (2006–2007)", "Death Note", 2006),
    "range_with_a_hyphen": ("Fargo (2014-2024)", "Fargo", 2014),
    "range_without_an_end": ("Doctor Who (2005- )", "Doctor Who", 2005),
    "a_year_in_the_title": ("2001: A Space Odyssey (1968)", "2001: A Space Odyssey", 1968),
    "a_year_as_the_title": ("1984 (1956)", "1984", 1956),
    "a_number_in_brackets": ("(500) Days of Summer (2009)", "(500) Days of Summer", 2009),
    "an_older_year_in_brackets": ("Psycho (1960) (1998)", "Psycho (1960)", 1998),
    "three_digits_are_no_year": ("300 (300)", "300 (300)", None),
    "a_comma_that_parts_no_article": ("Hello, Dolly! (1969)", "Hello, Dolly!", 1969),
    "a_comma_before_a_word_like_one": ("McFarland, USA (2015)", "McFarland, USA", 2015),
    "articles_inside": (
        "Good, the Bad and the Ugly, The (Buono, il brutto, il cattivo, Il) (1966)",
        "The Good, the Bad and the Ugly (Il Buono, il brutto, il cattivo)",
        1966,
    ),
    "another_title": (
        "City of Lost Children, The (Cité des enfants perdus, La) (1995)",
        "The City of Lost Children (La Cité des enfants perdus)",
        1995,
    ),
    "another_title_elided": (
        "Avventura, L' (Adventure, The) (1960)",
        "L'Avventura (The Adventure)",
        1960,
    ),
    "two_other_titles": (
        "Protector, The (a.k.a. Warrior King) (Tom yum goong) (2005)",
        "The Protector (a.k.a. Warrior King) (Tom yum goong)",
        2005,
    ),
    "another_title_after_aka": (
        "Macbeth (a.k.a. Tragedy of Macbeth, The) (1971)",
        "Macbeth (a.k.a. The Tragedy of Macbeth)",
        1971,
    ),
    "nothing": ("", "", None),
}

KEYS: dict[str, tuple[str, str]] = {
    "case": ("The MATRIX", "the matrix"),
    "accents": ("Amélie", "amelie"),
    "accents_written_apart": ("Ame\u0301lie", "amelie"),
    "sharp_s": ("Straße", "strasse"),
    "punctuation_parts_words": ("Spider-Man: Homecoming", "spider man homecoming"),
    "an_underscore_is_punctuation": ("Spider_Man", "spider man"),
    "apostrophes_join": ("Schindler's List", "schindlers list"),
    "typographic_apostrophes_too": ("Schindler’s List", "schindlers list"),
    "many_blanks_are_one": ("  Toy \t Story\n", "toy story"),
    "numbers_stay": ("(500) Days", "500 days"),
    "wide_letters_are_letters": ("ＡＫＩＲＡ", "akira"),
    "a_sign_made_of_capitals": ("Rocky™", "rockytm"),
    "cyrillic": ("Сталкер", "сталкер"),
    "chinese_and_japanese_stay": ("七人の侍", "七人の侍"),
    "only_punctuation": ("?!", ""),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("raw", "title", "year"), TITLES.values(), ids=TITLES)
def test_split_title_separates_title_and_year(raw: str, title: str, year: int | None):
    assert split_title(raw) == (title, year)


@pytest.mark.parametrize("title", [title for _, title, _ in TITLES.values()])
def test_split_title_keeps_titles_in_reading_order(title: str):
    assert split_title(f"{title} (1999)") == (title, 1999)


@pytest.mark.parametrize(("text", "key"), KEYS.values(), ids=KEYS)
def test_search_key_equals_the_expected_key(text: str, key: str):
    assert search_key(text) == key


@pytest.mark.parametrize("text", [text for text, _ in KEYS.values()])
def test_search_key_is_idempotent(text: str):
    assert search_key(search_key(text)) == search_key(text)


def test_search_key_of_part_of_a_korean_title_is_contained_in_the_whole():
    assert search_key("생충") in search_key("기생충")


# The same rules as regular expressions, which take quadratic time: reference for short titles.
YEAR = re.compile(r"\s*\((\d{4})(?:\s*[-–]\s*(?:\d{4})?)?\)\s*$")
ARTICLES = (
    "The|A|An|Le|La|Les|Un|Une|Des|El|Los|Las|Una|Il|Lo|Gli|I|O|Os|As|Uma"
    "|Der|Die|Das|Ein|Eine|De|Het|Det|Den|En"
)
ARTICLE = re.compile(rf"(a\.k\.a\. )?([^()]+?), ({ARTICLES})(?=\s*[()]|\s*$)")
ELISION = re.compile(r"(a\.k\.a\. )?([^()]+?), (L['’])(?=\s*[()]|\s*$)")


def split_title_by_patterns(raw: str) -> tuple[str, int | None]:
    match = YEAR.search(raw)
    title = raw[: match.start()] if match else raw
    title = ELISION.sub(r"\1\3\2", ARTICLE.sub(r"\1\3 \2", title))
    return " ".join(title.split()), int(match.group(1)) if match else None


def search_key_of_whole_text(text: str) -> str:
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(re.sub(r"[\W_]+", " ", re.sub("['’]", "", plain)).split())


pieces = [", The", ", A", ", L'", ", L’", "a.k.a. ", "(", ")", " ", "\n", "\t", "\x1c", "\xa0"]
pieces += ["(1999)", "(2001- )", " (2001–2004)", "The", "X", "é", ",", "-", "1984", "(٣٣٣٣)"]
marks = st.sampled_from("\u0315\u0300\u0345\u0327αςΣİßåﬁ각\u1161\ufdfa'’ ")


@fuzz("titles", 1000, 20_000, parts=st.lists(st.sampled_from(pieces), max_size=9))
def test_split_title_equals_regular_expressions_for_short_titles(parts: list[str]) -> None:
    title = "".join(parts)
    assert split_title(title) == split_title_by_patterns(title)


@fuzz("titles", 500, 10_000, text=any_text.filter(lambda it: len(it) < 1000) | st.text(marks))
def test_search_key_equals_normalization_of_the_whole_text(text: str) -> None:
    assert search_key(text) == search_key_of_whole_text(text)


def test_movielens_titles_equal_regular_expressions(movielens: Path) -> None:
    with (movielens / "movies.csv").open(encoding="utf-8", newline="") as file:
        titles = [row["title"] for row in csv.DictReader(file)]
    assert len(titles) > 9_000
    for title in titles:
        assert split_title(title) == split_title_by_patterns(title)
        assert search_key(title) == search_key_of_whole_text(title)


@pytest.mark.parametrize("function", [split_title, search_key])
@pytest.mark.parametrize(
    "title",
    [
        "a" + " " * 500_000 + "b",
        "(" * 500_000,
        ", A(" * 100_000,
        "a, The " * 70_000,
        "(1999) " * 70_000,
        "(1999" + " " * 500_000 + "-",
        "a" + "\u0315\u0300" * 200_000,
    ],
    ids=["blanks", "brackets", "articles in brackets", "articles", "years", "year", "accents"],
)
def test_title_functions_take_linear_time(function: Callable[[str], object], title: str) -> None:
    started = time.process_time()
    function(title)
    assert time.process_time() - started < 5
