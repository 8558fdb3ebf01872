"""Arbitrary external files and responses are read, or rejected with the proper error."""

from __future__ import annotations

import csv
import gzip
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import strategies as st
from itsdangerous import BadData
from itsdangerous.encoding import base64_decode
from urllib3.response import HTTPResponse

from app import create_app
from app.accounts import service as accounts
from app.catalogue.search_index import TitleIndex
from app.catalogue.tmdb import LONGEST_MINUTES, _is_picture, _read
from app.extensions import db
from app.feedback import ratings
from app.models import Import, ListEntry, Rating, User
from app.portability.bulk_transfer import export_ratings
from app.portability.entries import Entry
from app.portability.exports import as_csv_files, everything_of
from app.portability.imports import bring_in
from app.portability.text import MOST_LINES
from app.portability.uploads import ImportProblem
from app.recommend.model_watcher import serving
from recommender.errors import ConfigError, DataError
from recommender.formats.movielens import (
    LAYOUTS,
    RatingsLayout,
    find_ratings,
    format_of,
    read_ratings,
)
from recommender.formats.steam_libraries import read_libraries
from recommender.storage.release_store import ReleaseStore
from tests.support.databases import DATABASES, Server, migrate, new_database
from tests.support.fuzzing import (
    DEEP,
    HOSTILE,
    LONG,
    any_json,
    any_text,
    damaged,
    fuzz,
    hostile_text,
    numbers,
)
from tests.support.releases import FITTED, ITEMS, publish_tiny
from tests.support.site import PASSWORD, settings
from tests.support.uploads import IMDB, LETTERBOXD, MOVIELENS, STEAM, WATCHLIST, rows_of

MARQUEE = (
    "item_id,title,year,imdb_id,tmdb_id,rating,rated_at\n1,Space Station,1979,,,4.5,2020-01-01\n"
)
HOURS = "item_id,title,hours,rated_at\n1,Space Station,12.5,2020-01-01T00:00:00+00:00\n"
SITE = (
    "movie_id,imdb_id,tmdb_id,rating,average_rating,title\n1,0000001,,4.5,3,Space Station (1979)\n"
)
STEAM_JSON = '{"response": {"game_count": 1, "games": [{"appid": 1, "playtime_forever": 90}]}}'
TRAKT = (
    '[{"rated_at": "2024-03-01T20:11:00.000Z", "rating": 9, "movie": {"title": "Space Station",'
    ' "year": 1979, "ids": {"imdb": "tt0000001", "tmdb": 949}}}]'
)
GOODREADS = (
    "Title,Author,ISBN,My Rating,Year Published,Date Read,Exclusive Shelf\n"
    'Space Station,A,"=""123""",4,1979,2020/01/01,read\n'
)
LOG = (
    "datetime,login_id,action_type,log_json\n"
    '2020-01-01 10:00:00,a,rating,"{""movieId"": 1\x2c ""rating"": 4}"\n'
)
KNOWN = [MOVIELENS, IMDB, LETTERBOXD, WATCHLIST, MARQUEE, HOURS, SITE, GOODREADS, LOG]
TABLES = len(KNOWN)
KNOWN += [STEAM, STEAM_JSON, TRAKT]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252", "utf-7"]


@st.composite
def tables(draw: st.DrawFn) -> str:
    """A file of a known kind with one or two arbitrary cells."""
    rows = [line.split(",") for line in draw(st.sampled_from(KNOWN[:TABLES])).splitlines()]
    for _ in range(draw(st.integers(1, 4))):
        row = rows[draw(st.sampled_from(range(len(rows))) if draw(st.booleans()) else st.just(-1))]
        row[draw(st.integers(0, len(row) - 1))] = draw(any_text)
    if draw(st.booleans()):
        text = io.StringIO()
        csv.writer(text, lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"]))).writerows(rows)
        return text.getvalue()
    return draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\0\n"])).join(map(",".join, rows))


games = st.dictionaries(
    st.sampled_from(["item_id", "appid", "playtime_forever", "item_name", "name", "x"]),
    any_json | numbers | st.sampled_from(["1", "0" * 30 + "7", "0" * 5000, 1, 2**5000]),
    max_size=4,
)
libraries = st.fixed_dictionaries(
    {"items": st.lists(games | any_json, max_size=4) | any_json},
    optional={"user_id": any_json | st.just("x"), "games": st.lists(games, max_size=3)},
)


def literal(value: Any) -> str:
    """Return a literal as in the published Steam files; very long numbers in hexadecimal."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return hex(value) if type(value) is int else repr(value)


@st.composite
def uploads(draw: st.DrawFn) -> bytes:
    """An uploaded file of any kind and encoding, packed, and perhaps damaged."""
    text = draw(
        tables()
        | st.sampled_from(KNOWN)
        | any_text
        | libraries.map(literal)
        | libraries.map(lambda it: json.dumps(it, default=str) if long_free(it) else "{")
    )
    content = text.encode(draw(st.sampled_from(ENCODINGS)), "replace")
    if draw(st.booleans()):
        content = draw(damaged(st.just(content)))
    match draw(st.sampled_from(["plain", "plain", "zip", "gzip"])):
        case "gzip":
            content = gzip.compress(content, 1, mtime=0)
        case "zip":
            packed = io.BytesIO()
            how = st.sampled_from([0, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
            with zipfile.ZipFile(packed, "w", draw(how)) as archive:
                for name in draw(st.lists(MEMBERS, min_size=1, max_size=3, unique=True)):
                    archive.writestr(zipfile.ZipInfo(name), content, compress_type=draw(how))
            content = packed.getvalue()
    return draw(damaged(st.just(content))) if draw(st.booleans()) else content


MEMBERS = st.sampled_from(
    "ratings.csv a/ratings.csv watchlist.csv deleted/ratings.csv ../ratings.csv /ratings.csv x.csv"
    " é🎬.csv a/b/c/watchlist.csv diary.txt".split()
)


def long_free(value: Any) -> bool:
    """Return whether the value can be written as JSON."""
    try:
        json.dumps(value)
    except ValueError:
        return False
    return True


@pytest.fixture(scope="module", params=DATABASES if LONG else ["sqlite"])
def site(
    request: pytest.FixtureRequest,
    servers: Callable[[str], Server],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("files")
    url = new_database(request.param, servers, folder)
    migrate(url)
    store = ReleaseStore(folder / "releases")
    publish_tiny(store)
    app = create_app(settings(url, store.folder), TESTING=True)
    app.test_client().get("/health")
    with app.app_context():
        accounts.register("ann", "ann@example.com", PASSWORD)
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def ann(site: Flask) -> User:
    user = accounts.named("ann")
    assert user
    return user


def forget_everything(user_id: int) -> None:
    for kind in (Rating, ListEntry, Import):
        db.session.execute(db.delete(kind).where(kind.user_id == user_id))
    db.session.commit()


@fuzz("import files", 150, 2000, name=any_text, content=uploads())
def test_rows_of_reads_or_rejects_any_upload(name: str, content: bytes) -> None:
    try:
        rows = rows_of(content, name)
    except ImportProblem:
        return
    assert len(rows) <= MOST_LINES
    for entry in (row for row in rows if isinstance(row, Entry)):
        assert entry.stars is None or 0.5 <= entry.stars <= 5
        assert entry.hours is None or 0 <= entry.hours < 1e6
        assert entry.item_id is None or 0 <= entry.item_id < 2**31
        entry.title.encode()


@fuzz("import files, stored", 40, 400, name=any_text, content=uploads())
def test_import_stores_an_upload_completely_or_not_at_all(
    ann: User, name: str, content: bytes
) -> None:
    user_id = ann.id
    try:
        name = name.encode("utf-8", "replace").decode()
        done = bring_in(user_id, name, io.BytesIO(content), serving.model)
    except ImportProblem:
        db.session.rollback()
        assert ratings.ratings_of(user_id) == {}
    else:
        stored = ratings.ratings_of(user_id)
        assert len(stored) == done.report["new"]
        assert set(stored) <= {item.item_id for item in ITEMS}
        forget_everything(user_id)


starred = st.dictionaries(
    st.sampled_from([item.item_id for item in ITEMS]),
    st.tuples(st.sampled_from([half / 2 for half in range(1, 11)]), st.datetimes().map(str)),
)


@fuzz("export and import", 15, 150, given=starred)
def test_export_can_be_imported_without_change(ann: User, given: dict[int, Any]) -> None:
    user_id = ann.id
    forget_everything(user_id)
    for item_id, (stars, _) in given.items():
        ratings.rate(user_id, item_id, stars)
    before = ratings.ratings_by_age(user_id)
    with as_csv_files(everything_of(ann)) as file:
        file.seek(0)
        packed = file.read()
    forget_everything(user_id)
    if before:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            content = archive.read("ratings.csv")
        done = bring_in(user_id, "ratings.csv", io.BytesIO(content), serving.model)
        assert done.report["new"] == len(before)
        done = bring_in(user_id, "all.zip", io.BytesIO(packed), serving.model)
        assert done.report["same"] == len(before)
    assert ratings.ratings_by_age(user_id) == before


@fuzz("export and import", 8, 80, given=starred)
def test_exported_ratings_can_be_read_by_training_without_change(
    site: Flask, ann: User, tmp_path_factory: pytest.TempPathFactory, given: dict[int, Any]
) -> None:
    forget_everything(ann.id)
    for item_id, (stars, _) in given.items():
        ratings.rate(ann.id, item_id, stars)
    folder = tmp_path_factory.getbasetemp() / "exported"
    export_ratings(str(folder), serving.model.release)
    file, layout = find_ratings(folder)
    batches = read_ratings(file, format_of(file, layout, 0.5, 5.0), batch=3)
    rows = [row for batch, _ in batches for row in batch]
    output = [(row.user_id, row.item_id, row.rating, row.seconds) for row in rows]
    assert output == sorted(
        (ann.id, item_id, stars, int(at.timestamp()))
        for item_id, stars, at in ratings.ratings_by_age(ann.id)
    )
    forget_everything(ann.id)


GOOD = {
    "100k": "7\t1\t4\t1000000000\n7\t8\t3\t1100000000\n",
    "1M/10M": "7::1::4::1000000000\n7::8::3.5::1100000000\n",
    "CSV": MOVIELENS,
}


@st.composite
def rating_files(draw: st.DrawFn, layout: RatingsLayout) -> bytes:
    rows = [line.split(layout.separator) for line in GOOD[layout.name].splitlines()]
    for _ in range(draw(st.integers(0, 2))):
        row = draw(st.sampled_from(rows))
        row[draw(st.integers(0, 3))] = draw(any_text)
    content = "\n".join(map(layout.separator.join, rows)).encode("utf-8", "surrogatepass")
    return draw(damaged(st.just(content))) if draw(st.booleans()) else content


@fuzz("data sets", 80, 700, data=st.data(), layout=st.sampled_from(LAYOUTS))
def test_read_ratings_reads_or_rejects_any_file(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, layout: RatingsLayout
) -> None:
    content = data.draw(rating_files(layout))
    zipped = data.draw(st.booleans())
    name = layout.ratings_file + (".gz" if zipped else "")
    if zipped:
        content = gzip.compress(content, 1, mtime=0)
        content = data.draw(damaged(st.just(content)) | st.just(content))
    file = tmp_path_factory.getbasetemp() / name
    file.write_bytes(content)
    try:
        form = format_of(file, layout, 0.5, 5.0)
        rows = [row for batch, _ in read_ratings(file, form, 2) for row in batch]
    except DataError:
        return
    for row in rows:
        assert 0 <= row.user_id < 2**31
        assert 0 <= row.item_id < 2**31
        assert 0.5 <= row.rating <= 5


@fuzz("data sets", 80, 700, data=st.data())
def test_read_libraries_reads_or_rejects_any_file(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lines = data.draw(st.lists(libraries.map(literal) | st.just(STEAM) | any_text, max_size=3))
    content = "\n".join(lines).encode("utf-8", data.draw(st.sampled_from(["replace", SURROGATES])))
    zipped = data.draw(st.booleans())
    if zipped:
        content = gzip.compress(content, 1, mtime=0)
        content = data.draw(damaged(st.just(content)) | st.just(content))
    file = tmp_path_factory.getbasetemp() / f"users_items.json{'.gz' if zipped else ''}"
    file.write_bytes(content)
    try:
        rows = [row for batch, _ in read_libraries(file, 2) for row in batch]
    except DataError:
        return
    for row in rows:
        assert 0 <= row.item_id < 2**31
        assert 0 <= row.rating < 1e6


SURROGATES = "surrogatepass"
titles = st.sampled_from([item.title for item in ITEMS])


@st.composite
def misspelt(draw: st.DrawFn) -> str:
    raw = draw(damaged(titles.map(str.encode)))
    return raw.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def index() -> TitleIndex:
    items = [*ITEMS, *(type(ITEMS[0])(100 + n, text[:255]) for n, text in enumerate(HOSTILE))]
    return TitleIndex(items, {item.item_id: 1 for item in FITTED})


@fuzz("searches", 100, 1000, query=any_text | misspelt() | titles, limit=st.integers(1, 50))
def test_search_index_is_fast_and_deterministic_for_any_query(
    index: TitleIndex, query: str, limit: int
) -> None:
    started = time.thread_time()
    found = index.find(query[:100], limit)
    assert time.thread_time() - started < 1
    assert found == index.find(query[:100], limit)
    assert len(found) == len(set(found)) <= limit


@fuzz("searches", 20, 200, query=hostile_text | misspelt())
def test_database_search_accepts_any_query(site: Flask, query: str) -> None:
    from app.catalogue.items import _search_in_database

    assert len(_search_in_database(query[:100], 5)) <= 5


bodies = any_json.filter(long_free).map(lambda x: json.dumps(x).encode()) | st.binary(max_size=60)
details = st.fixed_dictionaries(
    {"poster_path": any_json | st.just("/a.jpg")}, optional={"runtime": any_json}
)
bodies = bodies | details.filter(long_free).map(lambda x: json.dumps(x).encode())


@fuzz(
    "answers of TMDB",
    *(60, 600),
    status=st.sampled_from([200, 200, 200, 204, 301, 401, 404, 418, 500]),
    body=bodies | st.just(DEEP[:5000]),
)
def test_tmdb_response_is_a_poster_or_an_error(status: int, body: bytes) -> None:
    try:
        path, minutes = _read(HTTPResponse(body, status=status))
    except (ConfigError, DataError):
        return
    assert path == "" or _is_picture(path)
    assert path.isascii()
    assert minutes is None or 0 < minutes <= LONGEST_MINUTES


@fuzz("reset links", 50, 300, data=st.data())
def test_reset_rejects_any_token_except_the_mailed_one(
    site: Flask, ann: User, data: st.DataObject
) -> None:
    good = accounts.reset_token(ann)
    forged = data.draw(
        damaged(st.just(good.encode())).map(lambda raw: raw.decode("utf-8", SURROGATE_ESCAPE))
        | any_text
    )
    if forged != good and signature(forged) != signature(good):
        assert accounts.user_of_token(forged) is None
    found = accounts.user_of_token(good)
    assert found is not None
    assert found.id == ann.id


def signature(token: str) -> bytes | None:
    """Return the decoded bytes, because the last Base64 character has unused bits."""
    try:
        return base64_decode(token.rpartition(".")[2])
    except BadData:
        return None


SURROGATE_ESCAPE = "surrogateescape"
