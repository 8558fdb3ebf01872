"""The cost of an import: linear time, little memory, and a time limit."""

from __future__ import annotations

import ast
import gc
import gzip
import io
import itertools
import json
import struct
import time
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from unittest import mock

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.accounts import login_throttle
from app.db.clock import utcnow
from app.extensions import db
from app.http import body_limits, request_budget
from app.models import Import, Rating
from app.portability import imports, uploads
from app.portability.entries import LONGEST_FIELD, Entry, RejectedLine
from app.portability.import_reports import LARGEST_LIST, MOST_REPORTS, newest_reports
from app.portability.python_literal import as_json
from app.portability.text import LONGEST_RECORD, MOST_LINES
from recommender.formats.steam_libraries import find_libraries
from tests.support.fuzzing import any_text, fuzz
from tests.support.site import real_data
from tests.support.uploads import MOVIELENS, bring, report_of, rows_of

HEADER = "Name,Year,Rating\n"
TRAKT = '[{"rating": 9, "movie": {"title": "Space Station", "ids": {}}}'
# Many times the normal duration on a slow machine, and far below that before the limits.
SECONDS = 5
MEGABYTES = 60
UPLOAD = "/data/import"


def zipped(content: str | bytes, name: str = "ratings.csv", method: int = 8) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", method) as archive:
        archive.writestr(name, content)
    return whole.getvalue()


@contextmanager
def processor_time_below(seconds: float) -> Iterator[None]:
    started = time.thread_time()
    yield
    assert time.thread_time() - started < seconds


@contextmanager
def memory_below(megabytes: float) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1_000_000
    finally:
        tracemalloc.stop()


def refusal(content: str | bytes) -> str:
    with pytest.raises(uploads.ImportProblem) as refused:
        rows_of(content)
    return str(refused.value)


def stored_imports(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Import)) or 0


# Unpacking


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unpack_rejects_zip_methods_without_bounded_decompression(method: int) -> None:
    bomb = zipped(bytes(50_000_000), method=method)
    with memory_below(10), processor_time_below(SECONDS):
        assert "packed in a way that we do not read" in refusal(bomb)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 99])
def test_unpack_rejects_zip_whose_directory_claims_another_method(method: int) -> None:
    whole = bytearray(zipped(MOVIELENS))
    directory = whole.index(b"PK\1\2")
    whole[directory + 10 : directory + 12] = struct.pack("<H", method)
    assert "packed in a way that we do not read" in refusal(bytes(whole))


def zip_of_directory_entries(count: int, extra: bytes = b"") -> bytes:
    """Return a zip that contains only a directory."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, *(0,) * 8, 1, len(extra), *(0,) * 5)
    directory = (entry + b"a" + extra) * count
    counted = min(count, 0xFFFF)
    return directory + struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, counted, counted, len(directory), 0, 0
    )


@pytest.mark.parametrize(
    "upload",
    [
        zip_of_directory_entries(300_000),
        zip_of_directory_entries(100, struct.pack("<HH", 9, 0) * 16_000),
    ],
    ids=["many entries", "long entries"],
)
def test_unpack_rejects_zip_before_parsing_a_large_directory(upload: bytes) -> None:
    with memory_below(10), processor_time_below(SECONDS / 5):
        assert "too many files" in refusal(upload)


def test_unpack_rejects_zip_that_spans_several_files() -> None:
    locator = struct.pack("<4sLQL", b"PK\6\7", 1, 0, 2)
    assert "damaged" in refusal(bytes(100) + locator + zip_of_directory_entries(0))


def test_unpack_rejects_zip_with_two_ratings_files() -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("a/ratings.csv", MOVIELENS)
        archive.writestr("b/ratings.csv", MOVIELENS)
    assert "more than one export" in refusal(whole.getvalue())


def test_unpack_rejects_gzip_of_many_members() -> None:
    with processor_time_below(SECONDS):
        assert "more than one file" in refusal(gzip.compress(b"") * 500_000)


def test_unpack_rejects_truncated_gzip() -> None:
    packed = gzip.compress(MOVIELENS.encode() * 1_000)
    assert "damaged" in refusal(packed[:-20])


def test_unpack_reads_gzip_that_ends_at_a_chunk_boundary() -> None:
    text = "movieId,rating\n" + "1,5\n" * ((uploads.PIECE_BYTES * 2 - 16) // 4)
    text += "\n" * (uploads.PIECE_BYTES * 2 - len(text))
    assert len(rows_of(gzip.compress(text.encode()))) == text.count("1,5")


# Text and CSV


@pytest.mark.parametrize(
    "make",
    [
        lambda: HEADER + "," * 20_000_000,
        lambda: HEADER + ("," * 99_000 + "\n") * 200,
        lambda: HEADER + '"' + "x\n" * 90_000 + "x" * 20_000_000,
        lambda: "x" * 20_000_000,
    ],
    ids=["one record", "many records", "an open quote", "one line"],
)
def test_read_keeps_memory_small_when_records_are_long(make: Callable[[], str]) -> None:
    upload = zipped(make())
    with memory_below(20), processor_time_below(SECONDS):
        try:
            rows = rows_of(upload)
        except uploads.ImportProblem:
            rows = []
    assert not any(isinstance(row, Entry) for row in rows)


def test_read_counts_empty_lines_and_stops_at_the_limit() -> None:
    upload = zipped(HEADER + "\n" * 20_000_000 + "🎬")
    with memory_below(20), processor_time_below(SECONDS):
        assert f"more than {MOST_LINES:,} lines" in refusal(upload)


def test_read_keeps_memory_small_when_encoding_is_utf_16() -> None:
    upload = zipped((HEADER + "\n" * 4_000_000).encode("utf-16"))
    with memory_below(40), processor_time_below(SECONDS):
        assert f"more than {MOST_LINES:,} lines" in refusal(upload)


def test_read_falls_back_to_another_encoding_when_an_invalid_byte_is_at_the_end() -> None:
    (first, *_, last) = rows_of(
        HEADER.encode() + b"Alien,1979,5\n" * 20_000 + "Amélie,2001,5\n".encode("cp1252")
    )
    assert isinstance(first, Entry)
    assert isinstance(last, Entry)
    assert (first.title, last.title) == ("Alien", "Amélie")


def test_read_rejects_nul_far_from_the_start() -> None:
    assert "not a text file" in refusal(HEADER + "Alien,1979,5\n" * 20_000 + "\0")


def test_read_continues_after_a_record_that_is_too_long() -> None:
    long, good = rows_of(HEADER + "x" * (LONGEST_RECORD * 2) + ",1979,5\nAlien,1979,5\n")
    assert isinstance(long, RejectedLine)
    assert (long.line, long.why) == (2, "not CSV (longer than 100,000 characters)")
    assert isinstance(good, Entry)
    assert (good.line, good.title) == (3, "Alien")


def test_read_limits_the_length_of_used_columns_only() -> None:
    review = "x" * (LONGEST_RECORD // 2)
    (entry,) = rows_of(f"Name,Year,Rating,Review\nAlien,1979,5,{review}\n")
    assert isinstance(entry, Entry)
    (rejected,) = rows_of(f"{HEADER}{'x' * (LONGEST_FIELD + 1)},1979,5\n")
    assert rejected == RejectedLine(2, "a field is far too long")


@pytest.mark.parametrize(
    "title",
    [f"a{' ' * 480}b", "(a" * 240, "(a)" * 160, ", A(" * 120, "a" + "\u0315\u0300" * 240],
    ids=["blanks", "open brackets", "brackets", "articles", "combining marks"],
)
def test_import_is_fast_when_titles_are_hostile(app: Flask, ann: FlaskClient, title: str) -> None:
    upload = zipped(HEADER + f'"{title}",1999,5\n' * 4_000)
    with processor_time_below(SECONDS):
        assert bring(ann, upload, "ratings.zip").status_code == 303
    assert report_of(app)["unmatched"] == 1


def test_import_is_fast_when_one_title_fills_the_file(app: Flask, ann: FlaskClient) -> None:
    upload = zipped(HEADER + "Space Station,1979,5\n" * (MOST_LINES // 4))
    with processor_time_below(SECONDS):
        assert bring(ann, upload).status_code == 303
    assert report_of(app)["new"] == 1


# Steam libraries


@pytest.mark.parametrize("library", ["5", "null", "[]", '{"response": 5}', '{"response": [1]}'])
def test_steam_library_without_games_is_rejected(ann: FlaskClient, library: str) -> None:
    answer = bring(ann, library if library[0] == "{" else f'{{"response": {library}}}')
    assert (answer.status_code, "lists no games" in answer.text) == (422, True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: "{1:a" + "[1]" * 900_000,
        lambda: "{'games':[" + "[]," * 99_000 + "1" + ",1" * 1_300_000 + "]}",
        lambda: "{'games':[" + "''," * 300_000 + "1]}",
        lambda: "{'games':['" + r"\\" * 400_000 + "'}",
        lambda: "{'games':['" + r"\'" * 700_000,
        lambda: '{"games":[' + "1e9," * 700_000 + "1]}",
        lambda: '{"games":1' + "".join(f',"{n:x}":1' for n in range(250_000)) + "}",
        lambda: '{"games":[' + "9" * 2_000_000 + "]}",
        lambda: "{'games':" + "[" * 99_000,
    ],
    ids=[
        *("unquoted", "lists", "empty strings", "backslashes", "open string"),
        *("floats", "keys", "a huge number", "nesting"),
    ],
)
def test_steam_library_is_read_in_bounded_memory_and_time(make: Callable[[], str]) -> None:
    upload = zipped(make(), "library.csv")
    with processor_time_below(SECONDS), pytest.raises(uploads.ImportProblem):
        rows_of(upload)
    with memory_below(MEGABYTES), pytest.raises(uploads.ImportProblem):
        rows_of(upload)


literals = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=8,
)


@fuzz("Python literals", 200, 2000, value=literals)
def test_as_json_converts_any_python_literal(value: object) -> None:
    assert json.loads(as_json(repr(value))) == value


@pytest.mark.parametrize(
    "literal",
    ["__import__('os')", "{'a': b'x'}", "'a", "'\\'", "{'a': 'b' if True else 1}", r"'\U00110000'"],
)
def test_as_json_rejects_invalid_literals(literal: str) -> None:
    with pytest.raises(ValueError, match=r"literal|string|decode"):
        json.loads(as_json(literal))


def test_as_json_reads_published_libraries_like_python() -> None:
    file = find_libraries(real_data("steam"))
    assert file is not None
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in itertools.islice(lines, 300):
            assert json.loads(as_json(line)) == ast.literal_eval(line)


# Dates and JSON


@pytest.mark.parametrize(
    "date",
    [
        "Fri Aug {day:02} {hour:02}:{minute:02}:{second:02} 2016",
        "{day} August 2016, {hour}:{minute}:{second}",
        "8/{day}/2016 {hour}:{minute:02}:{second:02} PM",
        "{number} 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "Jan {number} Feb Mar Apr May Jun Jul Aug",
    ],
)
def test_read_is_fast_when_all_dates_differ(date: str) -> None:
    dates = (
        date.format(number=n, day=n % 28 + 1, hour=n % 12 + 1, minute=n // 60 % 60, second=n % 60)
        for n in range(20_000)
    )
    lines = "".join(f'{n},5,"{at}"\n' for n, at in enumerate(dates, start=1))
    with processor_time_below(SECONDS):
        rows = rows_of("movieId,rating,timestamp\n" + lines)
    assert sum(isinstance(row, Entry) for row in rows) == 20_000


@pytest.mark.parametrize(
    "make",
    [
        lambda: TRAKT + "," + "[" * 3_000_000,
        lambda: TRAKT + "," + "[]," * 3_000_000,
        lambda: TRAKT + ',{"a":"' + "x" * 20_000_000,
        lambda: TRAKT + "," + "9" * 3_000_000,
        lambda: TRAKT + " " * 20_000_000,
        lambda: TRAKT + ("," + TRAKT[1:]) * 200_000,
    ],
    ids=["nesting", "lists", "one string", "one number", "blanks", "many elements"],
)
def test_json_is_read_in_bounded_memory_and_time(make: Callable[[], str]) -> None:
    upload = zipped(make(), "ratings-movies.json")
    with processor_time_below(SECONDS), pytest.raises(uploads.ImportProblem):
        rows_of(upload)
    with memory_below(MEGABYTES), pytest.raises(uploads.ImportProblem):
        rows_of(upload)


# Reports


def test_report_is_limited_in_bytes(app: Flask, ann: FlaskClient) -> None:
    bring(ann, HEADER + "".join(f"Title {n},1999,{'🎬' * 40}\n" for n in range(600)))
    report = report_of(app)
    assert report["bad"] == 600
    assert 5 < len(report["bad_lines"]) < 200
    assert len(json.dumps(report)) < 2 * LARGEST_LIST


def test_import_keeps_only_the_newest_reports(app: Flask, ann: FlaskClient) -> None:
    app.config["RATELIMIT_IMPORTS"] = "100/hour"
    with app.app_context():
        for _ in range(MOST_REPORTS + 5):
            db.session.add(Import(user_id=21, imported_at=utcnow(), report={}))
        db.session.commit()
    location = bring(ann, MOVIELENS).location
    assert stored_imports(app) == MOST_REPORTS
    assert ann.get(location).status_code == 200


def test_export_loads_only_the_newest_reports(app: Flask, ann: FlaskClient) -> None:
    with app.app_context():
        for number in range(MOST_REPORTS + 5):
            at = utcnow() + timedelta(seconds=number)
            db.session.add(Import(user_id=21, imported_at=at, report={"file": str(number)}))
        db.session.commit()
        assert len(newest_reports(21)) == MOST_REPORTS
    exported = [each["file"] for each in ann.get("/data/export.json").json["imports"]]
    assert exported == [str(number) for number in range(5, MOST_REPORTS + 5)]


# Budgets


def test_import_is_503_when_another_import_runs(
    app: Flask, ann: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "WAIT_SECONDS", 0.01)
    with imports._turn():
        answer = bring(ann, MOVIELENS)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "send it again in a moment" in answer.text
    assert stored_imports(app) == 0
    assert bring(ann, MOVIELENS).status_code == 303


def test_import_is_rejected_at_once_when_too_many_wait(
    ann: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "WAIT_SECONDS", 60)
    started = time.monotonic()
    with imports._turn(), ExitStack() as others:
        for _ in range(imports.MOST_WAITING):
            others.enter_context(imports._waiting)
        assert bring(ann, MOVIELENS).status_code == 503
    assert time.monotonic() - started < 30
    assert bring(ann, MOVIELENS).status_code == 303


def test_import_is_503_and_stores_nothing_when_its_time_is_spent(
    app: Flask, ann: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "IMPORT_SECONDS", 0)
    assert bring(ann, MOVIELENS).status_code == 503
    assert stored_imports(app) == 0
    with app.app_context():
        assert db.session.scalars(select(Rating)).all() == []
    monkeypatch.undo()
    assert bring(ann, MOVIELENS).status_code == 303


def passes(checks: int) -> Callable[[], None]:
    """Return a budget check that fails after this number of calls."""
    left = iter(range(checks))

    def check() -> None:
        if next(left, None) is None:
            raise request_budget.BudgetSpent

    return check


@pytest.mark.parametrize("checks", [0, 5, 50, 500])
def test_read_checks_the_budget_repeatedly(checks: int) -> None:
    lines = HEADER + "Alien,1979,5\n" * 1_000
    with (
        mock.patch.object(request_budget, "check", passes(checks)),
        pytest.raises(request_budget.BudgetSpent),
    ):
        rows_of(zipped(lines))


def test_import_is_limited_per_hour(app: Flask, ann: FlaskClient) -> None:
    app.config[login_throttle.IMPORTS] = "2/hour"
    assert ann.post(UPLOAD, data={}).status_code == 422
    statuses = [bring(ann, MOVIELENS).status_code for _ in range(3)]
    assert statuses == [303, 303, 429]
    assert stored_imports(app) == 2


# Input of the form parser


class EndlessBody:
    """An endless repeating body; ``taken`` counts the bytes that were read."""

    def __init__(self, start: bytes, repeated: bytes) -> None:
        self.taken = 0
        self._rest = start
        self._repeated = repeated * (65_536 // len(repeated) + 1)

    def read(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._rest += self._repeated
        piece, self._rest = self._rest[:size], self._rest[size:]
        self.taken += size
        return piece


def post_chunked(
    client: FlaskClient, body: EndlessBody, content_type: str, headers: dict[str, str]
) -> int:
    """Send a chunked body without a length, as gunicorn passes it; return the status."""
    chunked = {
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "CONTENT_TYPE": content_type,
        "HTTP_TRANSFER_ENCODING": "chunked",
    }
    with warnings.catch_warnings():
        # When the form parser aborts, only the garbage collector closes the temporary file.
        warnings.simplefilter("ignore", ResourceWarning)
        answer = client.post(UPLOAD, headers=headers, environ_overrides=chunked)
        gc.collect()
    return answer.status_code


FILE_PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
MULTIPART = "multipart/form-data; boundary=x"


def test_chunked_form_is_cut_off_at_the_form_limit(ann: FlaskClient) -> None:
    body = EndlessBody(b"", b"a=b&")
    assert post_chunked(ann, body, "application/x-www-form-urlencoded", {}) == 422
    assert body.taken <= body_limits.BODY_BYTES


@pytest.mark.parametrize(
    ("is_guest", "headers"),
    [
        (True, {}),
        (False, {"Origin": "https://evil.example"}),
        (False, {"Sec-Fetch-Site": "cross-site"}),
    ],
    ids=["a guest", "another origin", "another site"],
)
def test_upload_is_cut_off_at_the_form_limit_when_not_from_our_page(
    app: Flask, ann: FlaskClient, is_guest: bool, headers: dict[str, str]
) -> None:
    client = app.test_client() if is_guest else ann
    body = EndlessBody(FILE_PART, b"x")
    assert post_chunked(client, body, MULTIPART, headers) == (302 if is_guest else 413)
    assert body.taken <= body_limits.BODY_BYTES


def test_upload_is_cut_off_at_the_upload_limit_when_from_our_page(ann: FlaskClient) -> None:
    body = EndlessBody(FILE_PART, b"x")
    with memory_below(10):
        assert post_chunked(ann, body, MULTIPART, {}) == 413
    assert body.taken == body_limits.LARGEST_UPLOAD


DISPOSITION = b"Content-Disposition: form-data"
NAME = b'; name="f"\r\n\r\n'


@pytest.mark.parametrize(
    "body",
    [
        EndlessBody(b"", FILE_PART + b"\r\n"),
        EndlessBody(b"", b"--x\r\n" + b"a\n" * 200_000 + DISPOSITION + NAME),
        EndlessBody(b"", b"--x\r\n" + DISPOSITION + b';a="' * 100_000 + NAME),
        EndlessBody(b"", b"--x\r\n" + DISPOSITION + b";" * 400_000 + NAME),
        EndlessBody(FILE_PART, b"\r\n--xy"),
        EndlessBody(FILE_PART, b"\n"),
    ],
    ids=["parts", "headers", "quotes", "semicolons", "boundaries", "line breaks"],
)
def test_multipart_form_is_fast_for_any_parts(ann: FlaskClient, body: EndlessBody) -> None:
    with processor_time_below(SECONDS):
        assert post_chunked(ann, body, MULTIPART, {}) == 413
