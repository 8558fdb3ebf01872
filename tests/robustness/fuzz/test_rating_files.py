"""Files of ratings in any dialect come back with the same ratings."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import assume
from hypothesis import strategies as st

from app.portability.entries import Entry, RejectedLine
from tests.support.fuzzing import fuzz
from tests.support.uploads import rows_of


@dataclass(frozen=True)
class Given:
    """What a person gave a film, in half stars, and when."""

    number: int
    title: str
    year: int
    halves: int
    at: datetime

    @property
    def stars(self) -> float:
        return self.halves / 2

    @property
    def imdb_id(self) -> str:
        return f"tt{self.number:07d}"


Cells = dict[str, object]
LETTERS = "abcdefghijklmnopqrstuvwxyz ÄÖÜäöüßéèçñ,;\"'&:!?-"
TITLES = st.text(LETTERS, min_size=1, max_size=30).map(str.strip).filter(lambda it: "  " not in it)
# From 13 on, so that the order of day and month is certain.
TIMES = st.datetimes(datetime(1996, 1, 13), datetime(2024, 12, 31)).map(
    lambda at: at.replace(day=max(at.day % 29, 13), microsecond=0, tzinfo=UTC)
)
RATINGS = st.lists(
    st.builds(
        Given,
        st.integers(1, 9_999_999),
        TITLES.filter(lambda title: any(letter.isalpha() for letter in title)),
        st.integers(1900, 2024),
        st.integers(1, 10),
        TIMES,
    ),
    min_size=1,
    max_size=8,
    unique_by=(lambda given: given.number, lambda given: given.title),
)
DATES: tuple[Callable[[datetime], str], ...] = (
    lambda at: f"{at:%Y-%m-%d}",
    lambda at: f"{at:%Y/%m/%d}",
    lambda at: f"{at:%d/%m/%Y}",
    lambda at: f"{at.month}/{at.day}/{at.year}",
    lambda at: f"{at.day}.{at.month}.{at.year}",
    lambda at: f"{at:%d %b %Y}",
    lambda at: f"{at:%a %b %d %H:%M:%S %Y}",
)


def imdb(given: Given, date: str) -> Cells:
    return {
        **{"Const": given.imdb_id, "Your Rating": given.halves, "Date Rated": date},
        **{"Title": given.title, "Year": given.year, "Title Type": "Movie"},
    }


def imdb_of_before_2018(given: Given, date: str) -> Cells:
    return {
        **{"const": given.imdb_id, "You rated": given.halves, "created": date},
        **{"Title": given.title, "Year": given.year, "Title type": "Feature Film"},
    }


def letterboxd(given: Given, date: str) -> Cells:
    rated = {"Date": date, "Name": given.title, "Year": given.year, "Rating": given.stars}
    return {**rated, "Letterboxd URI": "https://boxd.it/a"}


def letterboxd_of_tools(given: Given, date: str) -> Cells:
    return {
        **{"imdbID": given.imdb_id, "Title": given.title, "Rating10": given.halves},
        "WatchedDate": date,
    }


def movielens(given: Given, date: str) -> Cells:
    return {"userId": "7.0", "movieId": given.number, "rating": given.stars, "timestamp": date}


def movielens_site(given: Given, date: str) -> Cells:
    title = f"{given.title} ({given.year})"
    ids = {"movie_id": given.number, "imdb_id": f"{given.number:07d}", "tmdb_id": ""}
    return {**ids, "rating": given.stars, "average_rating": 3.5, "title": title, "date": date}


FORMATS = (imdb, imdb_of_before_2018, letterboxd, letterboxd_of_tools, movielens, movielens_site)


@st.composite
def tables(draw: st.DrawFn, ratings: list[Given]) -> bytes:
    """Write ratings in one of FORMATS with a random dialect, order, encoding and noise."""
    write, date = draw(st.sampled_from(FORMATS)), draw(st.sampled_from(DATES))
    rows = [write(given, date(given.at)) for given in ratings]
    columns = draw(
        st.permutations([*rows[0], *draw(st.sampled_from([[], ["", "X", "Note, more"]]))])
    )
    delimiter = draw(st.sampled_from(",;\t|"))
    is_decimal_comma = draw(st.booleans())
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    text = io.StringIO()
    end = draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerow(columns)
    for row in rows:
        cells = [row.get(name, "noise\nover lines") for name in columns]
        if is_decimal_comma:
            cells = [str(c).replace(".", ",") if isinstance(c, float) else c for c in cells]
        writer.writerow(cells)
        if draw(st.booleans()):
            text.write(end)
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    return text.getvalue().encode(encoding)


def key_of(entry: Entry) -> set[object]:
    """Return all by which a film may be recognized."""
    return {entry.item_id, entry.imdb_id, entry.title} - {None, ""}


@fuzz("files of ratings", 200, 3000, data=st.data(), ratings=RATINGS)
def test_ratings_come_back_from_any_dialect(data: st.DataObject, ratings: list[Given]) -> None:
    content = data.draw(tables(ratings))
    name = "ratings.csv"
    if data.draw(st.booleans()):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(data.draw(st.sampled_from(["a.csv", "b/c.csv", "b\\c.csv"])), content)
            archive.writestr("__MACOSX/._a.csv", b"\0\5\26\7")
        content, name = packed.getvalue(), "export.zip"
    rows = rows_of(content, name)
    assert [row for row in rows if isinstance(row, RejectedLine)] == []
    entries = [row for row in rows if isinstance(row, Entry)]
    assert len(entries) == len(ratings)
    for entry, given in zip(entries, ratings, strict=True):
        assert key_of(entry) & {given.number, given.imdb_id, given.title}
        assert entry.stars == given.stars
        assert entry.at is not None
        assert entry.at.date() == given.at.date()


@fuzz("Trakt", 60, 600, ratings=RATINGS, indent=st.sampled_from([None, 2]))
def test_ratings_come_back_from_json(ratings: list[Given], indent: int | None) -> None:
    assume(all(given.title for given in ratings))
    elements = [
        {
            **{"rated_at": given.at.isoformat(), "rating": given.halves, "type": "movie"},
            "movie": {"title": given.title, "year": given.year, "ids": {"imdb": given.imdb_id}},
        }
        for given in ratings
    ]
    rows = rows_of(json.dumps(elements, indent=indent), "ratings-movies.json")
    read = [(row.imdb_id, row.stars, row.at) for row in rows if isinstance(row, Entry)]
    assert read == [(given.imdb_id, given.stars, given.at) for given in ratings]
