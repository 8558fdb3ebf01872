"""Tiny releases of catalogues of one's own: books on a scale of ten points, songs with counts of
plays, and tools that people only have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from msgspec import structs

from recommender.catalogue import Catalogue, CatalogueItem
from recommender.feedback import EXPLICIT, IMPLICIT
from recommender.item_facts import NUMBER, Fact, FactValue
from recommender.keys import FIRST_KEYED_ITEM, FIRST_KEYED_USER, CatalogueKeys, Keys
from recommender.params import RankingParams
from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore
from tests.support.releases import no_parity_sample, prior_of, tiny_release

COVERS = "https://covers.example"
LE_GUIN = "Ursula K. Le Guin"


def _book(number: int, title: str, year: int | None, genre: str, *creators: str) -> CatalogueItem:
    key = f"0-441-{number:05}/x"
    image = f"{COVERS}/{number}.jpg" if number % 2 else None
    link = f"https://www.library.example/books/{number}"
    genres = (genre,) if genre else ()
    return CatalogueItem(
        number, title, year, genres, key=key, creators=creators, image=image, link=link
    )


# Two tastes, as in the tiny release of films.
BOOKS = [
    _book(1, "The Left Hand of Darkness", 1969, "Science Fiction", LE_GUIN),
    _book(2, "The Dispossessed", 1974, "Science Fiction", LE_GUIN),
    _book(3, "Good Omens", 1990, "Fantasy", "Terry Pratchett", "Neil Gaiman"),
    _book(4, "Rocannon’s World", 1966, "Science Fiction", LE_GUIN),
    _book(5, "Emma", 1815, "Romance", "Jane Austen"),
    _book(6, "Persuasion", 1817, "Romance", "Jane Austen"),
    _book(7, "Sanditon", None, "", "Jane Austen"),
    _book(8, "Middlemarch", 1871, "", "George Eliot"),
    _book(9, "Nobody’s Book", 2020, "Drama"),
]
MARKUP = "<b onclick=alert(1)>Audio</b>"
FACTS = (Fact("list_price", "Price", NUMBER, "€"), Fact("format", "Format"))
_SAID: dict[int, dict[str, FactValue]] = {
    1: {"list_price": 12.5, "format": "Paperback"},
    2: {"list_price": 30.0, "format": "Hardback"},
    3: {"list_price": 8.0, "format": MARKUP},
    4: {"format": "Paperback"},
    5: {"list_price": 12.5},
}
PRICED = [structs.replace(book, facts=_SAID.get(book.item_id, {})) for book in BOOKS]
READERS = [f"reader-{number}" for number in range(1, 21)]
READER = FIRST_KEYED_USER

SONGS = [
    CatalogueItem(number, title, year, genres, key=f"s{number}", creators=("The Band",))
    for number, (title, year, genres) in enumerate(
        (
            *(("Night Train", 1969, ("Jazz",)), ("Blue Corner", 1974, ("Jazz",))),
            *(("Slow Bells", 1990, ()), ("Low Tide", 1966, ("Jazz",))),
            *(("Bright Noise", 2015, ("Punk",)), ("Three Chords", 2017, ("Punk",))),
            *(("Louder", None, ()), ("Broken Amp", 2001, ("Punk",)), ("Unheard", 2020, ())),
        ),
        FIRST_KEYED_ITEM,
    )
]
TOOLS = [
    CatalogueItem(item.item_id, title)
    for item, title in zip(
        SONGS,
        "Hammer|Saw|Chisel|Plane|Spade|Rake|Hoe|Shears|Anvil".split("|"),
        strict=True,
    )
]


def books_release(version: str = "20260303-000000-cccc", points: float = 10.0) -> Release:
    catalogue = Catalogue(
        *("The village library", "book", EXPLICIT, 0.5, 5.0, 0.5, 88, 20, 9, 0),
        points=points,
        keyed=True,
    )
    return _release(version, BOOKS, catalogue=catalogue, keys=_keys(BOOKS))


def priced_release(version: str = "20260606-000000-ffff") -> Release:
    """The books with facts of their own: PRICED."""
    release = books_release(version)
    catalogue = structs.replace(release.catalogue, facts=FACTS)
    return replace(release, catalogue=catalogue)


def songs_release(version: str = "20260404-000000-dddd") -> Release:
    catalogue = Catalogue(
        *("A radio station", "song", IMPLICIT, 1.0, 100_000.0, 1.0, 88, 20, 9, 0),
        measure="play",
        measures="plays",
        keyed=True,
    )
    return _counted(version, SONGS, catalogue, keys=_keys(SONGS))


def tools_release(version: str = "20260505-000000-eeee") -> Release:
    catalogue = Catalogue(
        *("A tool shed", "tool", IMPLICIT, 0.0, 1.0, 1.0, 88, 20, 9, 20), having=True
    )
    return _counted(version, TOOLS, catalogue)


def publish(store: ReleaseStore, release: Release, items: list[CatalogueItem]) -> Release:
    """Write and promote a release."""
    width = release.arrays.rating_factors.shape[1]
    store.publish(release, items, no_parity_sample(rating_width=width))
    store.promote(release.version)
    return release


def _counted(
    version: str, items: list[CatalogueItem], catalogue: Catalogue, **changes: object
) -> Release:
    release = _release(version, items, catalogue=catalogue, **changes)
    means = np.ones(8) if catalogue.having else np.linspace(40.0, 2.0, 8)
    arrays = replace(
        release.arrays,
        rating_factors=np.zeros((8, 0), np.float32),
        item_bias=np.zeros(8, np.float32),
        item_means=means.astype(np.float32),
    )
    ranking = RankingParams(rank=2, regularization=0.1, popularity_weight=0.01, playtime_weight=0.1)
    mean = float(means.mean())
    of_counts = {"rating": None, "mean_rating": mean, "item_prior": prior_of(arrays)}
    return replace(release, ranking=ranking, arrays=arrays, **of_counts)


def _release(version: str, items: list[CatalogueItem], **changes: object) -> Release:
    ids = np.array([item.item_id for item in items[:-1]])
    return tiny_release(version, arrays=replace(tiny_release().arrays, item_ids=ids), **changes)


def _keys(items: list[CatalogueItem]) -> CatalogueKeys:
    keys = [item.key or "" for item in items]
    return CatalogueKeys(Keys.build(FIRST_KEYED_USER, READERS), Keys.build(FIRST_KEYED_ITEM, keys))
