"""Matching entries of files to items of the catalogue, by ids and by names."""

from __future__ import annotations

import pytest

from app import create_app
from app.extensions import db
from app.portability.entries import Entry
from app.portability.matching import BY_ID, BY_NAME, Match, Matcher
from app.portability.title_names import (
    LONGEST_NAME,
    MOST_BRACKETS,
    MOST_PARTS,
    Name,
    alternative_names,
    part_names,
    whole_names,
)
from tests.support.fixtures.site import ReadySite
from tests.support.movielens_site import movielens_items
from tests.support.site import real_data, settings
from tests.support.title_variations import VARIATIONS, variations

HEAT, FARGO, TOY_STORY = 6, 608, 1


@pytest.fixture(scope="module")
def matcher(movielens_site: ReadySite) -> Matcher:
    """A matcher of MovieLens latest-small; it reads the database once, when it is made."""
    app = create_app(settings(movielens_site.database, movielens_site.releases))
    with app.app_context():
        made = Matcher()
        db.session.remove()
        db.engine.dispose()
    return made


def test_matcher_finds_titles_under_ten_variations_of_their_names(matcher: Matcher) -> None:
    """Variations that are another title's own name and year do not count: they mean that title."""
    assert len(VARIATIONS) == 10
    items = movielens_items(real_data("ml-latest-small"))
    title_of = {item.item_id: (item.title, item.year) for item in items}
    own_names = {(item.title.partition(" (")[0].lower(), item.year) for item in items}
    found, tried = 0, 0
    wrong = []
    for item in items:
        for kind, (title, year) in variations(item.title, item.year):
            match = matcher.match(Entry(1, title, year))
            tried += 1
            if match is None:
                continue
            if title_of[match.item_id] == (item.title, item.year):
                found += 1
            elif (title.strip("'").lower(), year) not in own_names:
                wrong.append((kind, title, year, title_of[match.item_id]))
    assert wrong == []
    assert tried == len(items) * 10
    assert found / tried > 0.985


@pytest.mark.parametrize(
    ("title", "year", "item_id"),
    [
        ("Star Wars", 1977, 260),
        ("The Empire Strikes Back", 1980, 1196),
        ("Return of the Jedi", 1983, 1210),
        ("Star Wars: Return of the Jedi", 1983, 1210),
        ("Star Wars 4", 1977, 260),
        ("Star Wars: Episode V - The Empire Strikes Back (Theatrical Version)", None, 1196),
        ("Guardians of the Galaxy Vol. 2", 2017, 122918),
        ("Interview with the Vampire", 1994, 253),
        ("Harry Potter and the Philosopher's Stone", 2001, 4896),
        ("Lord of the Rings, The: The Two Towers", 2002, 5952),
        ("Doctor Strangelove", 1964, 750),
        ("Spiderman 2", 2004, 8636),
        ("Alien 3", 1992, 1320),
        ("Se7en", 1995, 47),
        ("Seven aka Se7en", 1995, 47),
        ("Wall-E", 2008, 60069),
        ("Romeo and Juliet", 1996, None),
        ("William Shakespeare's Romeo and Juliet", 1996, 1059),
        ("Heat", 1996, HEAT),
        ("Heat", 1997, None),
        ("Fargo", None, FARGO),
        ("Moonlight", 2016, 162414),
    ],
)
def test_matcher_matches_names_of_other_services(
    matcher: Matcher, title: str, year: int | None, item_id: int | None
) -> None:
    match = matcher.match(Entry(1, title, year))
    assert match == (Match(item_id, BY_NAME) if item_id else None)


@pytest.mark.parametrize(
    ("title", "year"),
    [
        ("Titanic", None),
        ("The Lord of the Rings", 2002),
        ("Kill Bill", 2003),
        ("The Hunger Games", 2013),
        ("Part II", 1974),
        ("Episode IV", 1977),
        ("The Movie", 2001),
        ("Les Misérables", 1999),
        ("Return of the Jedi", 1984),
    ],
)
def test_matcher_matches_nothing_when_several_titles_come_into_question(
    matcher: Matcher, title: str, year: int | None
) -> None:
    assert matcher.match(Entry(1, title, year)) is None


def test_matcher_takes_the_title_rated_most_of_two_with_one_name_and_year(
    matcher: Matcher,
) -> None:
    assert matcher.match(Entry(1, "War of the Worlds", 2005)) == Match(34048, BY_NAME)


def test_matcher_matches_the_original_title_when_the_title_is_translated(
    matcher: Matcher,
) -> None:
    entry = Entry(1, "Die Verurteilten", 1994, original_title="The Shawshank Redemption")
    assert matcher.match(entry) == Match(318, BY_NAME)


def test_matcher_prefers_ids_to_names(matcher: Matcher) -> None:
    assert matcher.match(Entry(1, "Heat", 1995, imdb_id="tt0116282")) == Match(FARGO, BY_ID)
    assert matcher.match(Entry(1, "Heat", 1995, tmdb_id=862)) == Match(TOY_STORY, BY_ID)
    assert matcher.match(Entry(1, "Heat", 1995, item_id=FARGO)) == Match(FARGO, BY_ID)


@pytest.mark.parametrize(
    "entry",
    [
        Entry(1, "Heat", 1995, imdb_id="tt9900001"),
        Entry(1, "Heat", 1995, tmdb_id=99_000_001),
        Entry(1, "Heat", 1995, item_id=HEAT, imdb_id="tt9900001"),
        Entry(1, "Heat", 1995, tmdb_id=949, imdb_id="tt9900001"),
    ],
    ids=["imdb", "tmdb", "imdb but not the item id", "imdb but not tmdb"],
)
def test_matcher_never_takes_an_item_whose_external_id_is_another(
    matcher: Matcher, entry: Entry
) -> None:
    assert matcher.match(entry) is None


@pytest.mark.parametrize(
    "names", [whole_names, alternative_names, part_names], ids=lambda names: names.__name__
)
def test_names_of_a_title_are_few_and_none_when_it_is_too_long(names) -> None:
    hostile = ["Amelie" + " (a) (b)" * 30, "a: " * 80, "a aka " * 40, "(a: b - c; d | e)" * 10]
    for title in hostile:
        found: list[Name] = list(names(title))
        assert len(found) <= 3 * (MOST_BRACKETS + 5) * MOST_PARTS**2
        assert list(names(title + "x" * LONGEST_NAME)) == []
