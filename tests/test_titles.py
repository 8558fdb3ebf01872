"""Titles: the article moved to the front, the year split off, and the key a search compares."""

import pytest

from recommender.titles import search_key, split_title

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
def test_split_title(raw: str, title: str, year: int | None):
    assert split_title(raw) == (title, year)


@pytest.mark.parametrize("title", [title for _, title, _ in TITLES.values()])
def test_a_title_in_reading_order_stays_as_it_is(title: str):
    assert split_title(f"{title} (1999)") == (title, 1999)


@pytest.mark.parametrize(("text", "key"), KEYS.values(), ids=KEYS)
def test_search_key(text: str, key: str):
    assert search_key(text) == key


@pytest.mark.parametrize("text", [text for text, _ in KEYS.values()])
def test_the_key_of_a_key_is_that_key(text: str):
    assert search_key(search_key(text)) == search_key(text)


def test_a_part_of_a_korean_title_is_found_in_it():
    assert search_key("생충") in search_key("기생충")
