"""Generate the data of a load test: titles, two releases, and accounts with ratings."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from numpy.random import Generator
from numpy.typing import NDArray
from psycopg import sql
from werkzeug.security import generate_password_hash

from benchmarks.generate import Ratings, Size, generate
from recommender.catalogue import Catalogue, CatalogueItem
from recommender.params import RankingParams, RatingParams
from recommender.storage.release import ItemArrays, ParitySample, Release
from recommender.storage.release_store import ReleaseStore

OLD, NEW = "20260101-000000-load", "20260102-000000-load"
GENRES = "Action Adventure Animation Comedy Crime Documentary Drama Fantasy Horror Mystery".split()
MAX_USER_ID = 1_000
PASSWORD = secrets.token_urlsafe(12)
# Share of a user's ratings that are for recommended items; one of three recommended items is
# rated.
RECOMMENDED = 0.3
SHOWN_UNRATED = 2 * RECOMMENDED
DAYS_OF_VISITS = 10
YEARS = 2

ONSETS = "b br ch d dr f fl g gr h j k l m n p pr r s sh st t th tr v w".split()
VOWELS = "a e i o u ai ea ou".split()
CODAS = ["", "", "", "n", "r", "l", "st", "m", "nd"]
WORDS = 9_000
BATCH = 1 << 18
# The epoch of PostgreSQL, for timestamps in microseconds and dates in days.
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

Column = NDArray[Any]
Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class World:
    """``names`` of the accounts, all with PASSWORD; the first has ``first_id``, the others follow.
    ``words`` that people search for."""

    names: list[str]
    first_id: int
    titles: int
    words: list[str]


def titles(count: int, random: Generator) -> list[CatalogueItem]:
    """Generate items: titles of common and rare words, genres, years; ids from 1."""
    words = [_word(random) for _ in range(WORDS)]
    rare = random.zipf(1.3, (count, 4)) % WORDS
    lengths = random.choice([1, 2, 3, 4], count, p=[0.2, 0.4, 0.25, 0.15])
    years = random.integers(1950, 2026, count)
    genres = random.integers(0, len(GENRES), (count, 2))
    return [
        CatalogueItem(
            item_id=row + 1,
            title=" ".join(words[word] for word in rare[row, : lengths[row]]).title(),
            year=int(years[row]),
            genres=tuple(sorted({GENRES[genre] for genre in genres[row]})),
            imdb_id=f"tt{row + 1:07}",
        )
        for row in range(count)
    ]


def _word(random: Generator) -> str:
    syllables = [[ONSETS, VOWELS, CODAS]] * int(random.integers(1, 4))
    return "".join(str(random.choice(part)) for parts in syllables for part in parts)


def publish(store: ReleaseStore, items: Sequence[CatalogueItem], random: Generator) -> None:
    """Publish two releases of that catalogue and promote OLD.

    Vectors have the sizes of trained ones; counts have a long tail.
    """
    ranking, rating = RankingParams(), RatingParams()
    n = len(items)
    counts = (50_000 / random.permutation(np.arange(1, n + 1)) ** 0.85).astype(np.int64)
    catalogue = Catalogue(
        *("generated", "movie", "explicit", 0.5, 5.0, 0.5, int(counts.sum()), MAX_USER_ID, n),
        max_user_id=MAX_USER_ID,
    )
    lengths = np.log1p(counts)[:, None] / 10 / ranking.rank**0.5
    nobody = ParitySample(
        *(np.empty(0, np.int64), np.zeros(1, np.int64), np.empty(0, np.int64)),
        np.empty(0, np.float32),
        np.empty((0, ranking.rank), np.float32),
        np.empty((0, rating.rank + ranking.rank), np.float32),
    )
    for version in (OLD, NEW):
        factors = random.standard_normal((n, ranking.rank), np.float32)
        arrays = ItemArrays(
            item_ids=np.arange(1, n + 1),
            ranking_factors=(factors * lengths).astype(np.float32),
            rating_factors=0.1
            * random.standard_normal((n, rating.rank + ranking.rank), np.float32),
            item_bias=0.4 * random.standard_normal(n, np.float32),
            item_counts=counts,
            item_means=np.clip(3.3 + 0.5 * random.standard_normal(n, np.float32), 0.5, 5),
        )
        created_at = datetime.now(UTC).isoformat()
        release = Release(version, created_at, catalogue, ranking, rating, 3.3, arrays)
        store.publish(release, items, nobody)
    store.promote(OLD)


def fill(
    url: str, accounts: int, ratings: int, items: Sequence[CatalogueItem], random: Generator
) -> World:
    """Store accounts with ratings, impressions and visits of two years; then vacuum and analyze."""
    generated = generate(Size(int(ratings * (1 + SHOWN_UNRATED)), accounts, len(items)))
    first_id = MAX_USER_ID + 1
    names = [f"reader {number:06}" for number in range(accounts)]
    with psycopg.connect(url, autocommit=True) as connection:
        # Triggers would look up every item and user that a row references.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '512MB'")
        with connection.transaction():
            _add_accounts(connection, names, first_id)
            _add_ratings(connection, generated, ratings, first_id, random)
            _add_visits(connection, accounts, first_id, random)
            connection.execute("UPDATE site_state SET last_user_id = %s", [first_id + accounts])
        connection.execute("VACUUM ANALYZE")
    words = sorted({word for item in items for word in item.title.lower().split()})
    return World(names, first_id, len(items), [word for word in words if len(word) > 3])


def _add_accounts(connection: Connection, names: Sequence[str], first_id: int) -> None:
    columns = "id, username, username_key, email, password_hash, session_key, created_at, role"
    hashed = generate_password_hash(PASSWORD, method="scrypt")
    joined = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=365 * YEARS)
    statement = f"COPY users ({columns}, from_data_set) FROM STDIN"
    with connection.cursor().copy(statement) as copy:
        for number, name in enumerate(names):
            address, key = f"reader{number}@example.org", secrets.token_urlsafe(32)
            row = (first_id + number, name, name, address, hashed, key, joined, "person", False)
            copy.write_row(row)


def _add_ratings(
    connection: Connection, generated: Ratings, count: int, first_id: int, random: Generator
) -> None:
    """Store the first ``count`` as ratings; recommended ones and all others also as impressions."""
    people, items = generated.users + np.int32(first_id), generated.items + np.int32(1)
    stars = generated.stars.astype(np.float64)
    moments = _moments(len(people), random)
    taken = int(RECOMMENDED * count)
    rated, shown = slice(taken, count), np.r_[0:taken, count : len(people)]
    pair = {"user_id": people, "item_id": items}
    columns = {
        **pair,
        "rating": stars,
        "rated_at": moments,
        "is_implicit": np.zeros_like(stars, "?"),
        "predicted": stars + random.normal(0, 0.8, len(stars)),
        "community": stars + random.normal(0, 0.9, len(stars)),
        "model_version": np.full(len(stars), OLD, "S"),
    }
    with _without_indexes(connection, "ratings"):
        _copy(connection, "ratings", columns, slice(0, taken), via="recommendation")
        _copy(connection, "ratings", columns, rated, via="search")
    places = random.integers(1, 21, len(people)).astype(np.int32)
    impressions = {
        **pair,
        "shown_at": moments,
        "place": places,
        "model_version": columns["model_version"],
    }
    with _without_indexes(connection, "shown"):
        _copy(connection, "shown", impressions, shown)


def _add_visits(connection: Connection, accounts: int, first_id: int, random: Generator) -> None:
    today = (datetime.now(UTC) - EPOCH).days
    people = np.repeat(np.arange(accounts), DAYS_OF_VISITS)
    days = today - random.integers(1, 365 * YEARS, len(people))
    pairs = np.unique(np.stack([people + first_id, days]), axis=1).astype(np.int32)
    _copy(connection, "visits", {"user_id": pairs[0], "day": pairs[1]}, slice(None))


def _moments(count: int, random: Generator) -> Column:
    """Return ascending times up to yesterday."""
    until = int((datetime.now(UTC) - EPOCH - timedelta(days=1)) / timedelta(microseconds=1))
    span = int(timedelta(days=365 * YEARS - 1) / timedelta(microseconds=1))
    return np.sort(until - random.integers(0, span, count))


def _copy(
    connection: Connection, table: str, columns: Mapping[str, Column], rows: Any, via: str = ""
) -> None:
    """Run COPY in PostgreSQL's binary format: the number of columns, then length and value of each,
    in big-endian order. ``via`` is a column with one value for all rows."""
    chosen = {name: column[rows] for name, column in columns.items()}
    count = len(next(iter(chosen.values())))
    if via:
        chosen["via"] = np.full(count, via, "S")
    form: list[Any] = [("columns", ">i2")]
    for name, column in chosen.items():
        form += [(f"{name} bytes", ">i4"), (name, column.dtype.newbyteorder(">"))]
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, chosen))
    )
    with connection.cursor().copy(statement) as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for first in range(0, count, BATCH):
            part = np.empty(min(BATCH, count - first), form)
            part["columns"] = len(chosen)
            for name, column in chosen.items():
                part[f"{name} bytes"] = column.dtype.itemsize
                part[name] = column[first : first + BATCH]
            copy.write(part.tobytes())
        copy.write(b"\xff\xff")


@contextmanager
def _without_indexes(connection: Connection, table: str) -> Iterator[None]:
    """Drop the indexes of a table while rows are copied: building them afterwards is faster."""
    [(key, key_definition)] = connection.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype = 'p'",
        [table],
    ).fetchall()
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname <> %s",
        [table, key],
    ).fetchall()
    connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {key}")
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    yield
    connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {key} {key_definition}")
    for _, definition in indexes:
        connection.execute(definition)
