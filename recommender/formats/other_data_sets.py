"""Known data sets that are not in MovieLens's format, by the names of their files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

# The page of the manual on data of one's own.
OWN_DATA = "docs/own_data.md"


class OtherDataSet(NamedTuple):
    """``signs``: beginnings of names of files, in lower case, one of which every copy has.
    ``difference``: why it is not read, and what to do."""

    name: str
    signs: tuple[str, ...]
    difference: str


OTHER_DATA_SETS = (
    OtherDataSet(
        "The Movies Dataset",
        ("movies_metadata.csv",),
        "its ratings are those of MovieLens, but its titles are in movies_metadata.csv under ids of"
        " TMDB; give MovieLens itself (grouplens.org), or write movies.csv (movieId,title,genres)"
        " with the movieId of its links.csv",
    ),
    OtherDataSet(
        "Book-Crossing",
        ("bx-book-ratings", "bx_book_ratings", "bx-books"),
        "its books have ISBNs for ids, and its ratings go from 0 to 10; number the books, and write"
        " half of each rating but 0",
    ),
    OtherDataSet(
        "Netflix Prize",
        ("combined_data_", "mv_0", "training_set", "movie_titles."),
        "it lists customer, rating and date below the number of each film; write each as a line of"
        " userId,movieId,rating,timestamp",
    ),
)
_BOOK_CROSSING = OTHER_DATA_SETS[1]
# A copy of it at Kaggle has names that do not tell.
_BOOK_CROSSING_FILES = frozenset(("books.csv", "ratings.csv", "users.csv"))


def find_other_data_set(names: Iterable[str]) -> OtherDataSet | None:
    """Return the known data set that a folder with these names of files holds, if any."""
    lower = {name.lower() for name in names}
    for other in OTHER_DATA_SETS:
        if any(name.startswith(other.signs) for name in lower):
            return other
    return _BOOK_CROSSING if lower >= _BOOK_CROSSING_FILES else None


def remedy(other: OtherDataSet | None) -> str:
    """Say what to do with a folder that is not of MovieLens's format."""
    if other is None:
        return f"{OWN_DATA} says how to bring data of your own"
    return f"this is {other.name}: {other.difference}. {OWN_DATA} says more"
