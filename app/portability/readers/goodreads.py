"""The export of Goodreads, a site of books: 24 or 31 columns."""

from __future__ import annotations

from app.portability.entries import SEEN, UNDECIDED, WISHED, Entry
from app.portability.readers.tables import Kind, Row
from recommender.formats.steam import BadLine

_SHELVES = {"read": SEEN, "currently-reading": SEEN, "to-read": WISHED}


def _book(row: Row) -> Entry:
    if not (title := row.text("title")):
        raise BadLine("no title")
    shelf = row.text("exclusiveshelf").lower()
    rating = row.text("myrating")
    return Entry(
        row.line,
        title,
        row.year("originalpublicationyear", "yearpublished"),
        # 0 is what the export writes of a book without a rating.
        stars=None if rating.strip("0.,") == "" else row.stars("myrating"),
        at=row.at(),
        mark=_SHELVES.get(shelf, UNDECIDED),
    )


KINDS = (
    Kind(
        *("Goodreads", "books", ("title", "author", "myrating"), _book),
        dates=("dateread", "dateadded"),
        noun="book",
    ),
)
