"""Import, export, deleting an account; and hostile files."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.accounts import api_tokens
from app.extensions import db
from app.models import Import, ImportChange, ListEntry, Rating, User
from app.portability import uploads
from app.portability.exports import COLUMNS
from tests.support.added_titles import FIRST
from tests.support.commands import run
from tests.support.pages import shown, stored
from tests.support.site import PASSWORD, register
from tests.support.uploads import (
    IMDB,
    LETTERBOXD,
    MOVIELENS,
    STEAM,
    WATCHLIST,
    bring,
    packed,
    report_of,
    rows_of,
)


@pytest.mark.every_database
def test_import_matches_movielens_ratings_by_id(app: Flask, ann: FlaskClient) -> None:
    answer = bring(ann, MOVIELENS)
    assert answer.status_code == 303
    assert answer.location.startswith("/data/imports/")
    assert stored(app) == [(1, 4.5), (8, 3.0)]
    with app.app_context():
        rating = db.session.get(Rating, (21, 1))
        assert rating.rated_at.year == 2001
        assert (rating.via, rating.model_version) == ("import", "20260101-000000-aaaa")
        assert rating.predicted is not None


@pytest.mark.every_database
def test_import_matches_imdb_ratings_by_id_then_by_title_and_year(
    app: Flask, ann: FlaskClient
) -> None:
    lines = IMDB.replace("tt9999998", "")
    page = bring(ann, lines, follow_redirects=True).text
    assert stored(app) == [(1, 4.5), (3, 3.5)]
    assert "Not in our catalogue" in page
    assert '<strong>Unheard Of</strong> <span class="quietly">1999 · 3.5 ★' in page


@pytest.mark.every_database
@pytest.mark.parametrize("folder", ["", "letterboxd-ann-2021/"])
def test_import_reads_ratings_and_watchlist_of_a_letterboxd_zip(
    app: Flask, ann: FlaskClient, folder: str
) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(f"{folder}ratings.csv", LETTERBOXD)
        archive.writestr(f"{folder}watchlist.csv", WATCHLIST)
        archive.writestr(f"{folder}deleted/ratings.csv", "nonsense")
    bring(ann, whole.getvalue(), "letterboxd.zip")
    assert sorted(stored(app)) == [(3, 2.0), (8, 4.5)]
    with app.app_context():
        assert [m.item_id for m in db.session.scalars(select(ListEntry))] == [13]
    assert report_of(app)["wanted"] == 1


def test_import_reads_a_single_letterboxd_csv(app: Flask, ann: FlaskClient) -> None:
    bring(ann, LETTERBOXD)
    assert sorted(stored(app)) == [(3, 2.0), (8, 4.5)]


@pytest.mark.every_database
def test_import_accepts_our_own_export(app: Flask, ann: FlaskClient) -> None:
    bring(ann, MOVIELENS)
    with zipfile.ZipFile(io.BytesIO(ann.get("/data/export.zip").data)) as archive:
        own = archive.read("ratings.csv")
    bob = app.test_client()
    register(bob, "bob")
    bring(bob, own)
    assert stored(app) == [(1, 4.5), (8, 3.0), (1, 4.5), (8, 3.0)]


@pytest.mark.every_database
def test_import_of_our_own_export_keeps_times_to_the_microsecond(
    app: Flask, ann: FlaskClient
) -> None:
    for item, stars in ((1, "4.5"), (8, "0.5"), (13, "3")):
        ann.post(f"/title/{item}/rating", data={"rating": stars})
    with zipfile.ZipFile(io.BytesIO(ann.get("/data/export.zip").data)) as archive:
        own = archive.read("ratings.csv")
    bob = app.test_client()
    register(bob, "bob")
    bring(bob, own)
    with app.app_context():
        given = select(Rating.item_id, Rating.rating, Rating.rated_at).order_by(Rating.item_id)
        of_ann, of_bob = (
            db.session.execute(given.where(Rating.user_id == user)).all() for user in (21, 22)
        )
    assert len(of_ann) == 3
    assert of_bob == of_ann


def test_rows_of_reads_both_steam_formats_and_import_rejects_them_for_movies(
    app: Flask, ann: FlaskClient
) -> None:
    api = json.dumps({"response": {"games": [{"appid": 1, "playtime_forever": 90, "name": "G"}]}})
    for text, hours in ((STEAM, 1.0), (api, 1.5)):
        (entry,) = rows_of(text)
        assert (entry.item_id, entry.title, entry.hours) == (1, "G", hours)
    answer = bring(ann, gzip.compress(STEAM.encode()), "library.json.gz")
    assert answer.status_code == 422
    assert "a file from Steam, and we know movies alone" in answer.text


def test_import_keeps_the_newer_of_two_ratings(app: Flask, ann: FlaskClient) -> None:
    ann.post("/title/1/rating", data={"rating": "2"})
    bring(ann, MOVIELENS)
    assert stored(app) == [(1, 2.0), (8, 3.0)]
    bring(ann, MOVIELENS.replace("7,8,3.0,1100000000", "7,8,1.0,1200000000"))
    assert stored(app) == [(1, 2.0), (8, 1.0)]
    assert {k: report_of(app)[k] for k in ("new", "changed", "kept")} == {
        "new": 0,
        "changed": 1,
        "kept": 1,
    }


def test_import_keeps_the_newer_rating_when_an_item_is_repeated_in_the_file(
    app: Flask, ann: FlaskClient
) -> None:
    bring(ann, "movieId,rating,timestamp\n1,5,2000000\n1,1,1000000\n")
    assert stored(app) == [(1, 5.0)]


def test_import_is_idempotent(app: Flask, ann: FlaskClient) -> None:
    bring(ann, IMDB)
    before = stored(app)
    bring(ann, IMDB)
    assert stored(app) == before
    assert report_of(app)["same"] == 3


@pytest.mark.every_database
def test_import_changes_recommendations_at_once(ann: FlaskClient) -> None:
    bring(ann, "movieId,rating\n13,5\n21,5\n")
    assert shown(ann.get("/").text)[0] == 8


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("1,6,0", "off the scale, which ends at 5"),
        ("1,-1,0", "off the scale"),
        ("1,nan,0", "is not a rating"),
        ("1,five,0", "is not a rating"),
        ("one,5,0", "not a whole number"),
        ("1,5", "2 fields, not 3"),
        ("99999999999,5,0", "out of range"),
        (f"1,{'5' * 3000},0", "far too long"),
    ],
)
def test_import_reports_a_bad_line_and_keeps_the_rest(
    app: Flask, ann: FlaskClient, line: str, why: str
) -> None:
    page = bring(
        ann, f"movieId,rating,timestamp\n{line}\n8,4,1000000000\n", follow_redirects=True
    ).text
    assert stored(app) == [(8, 4.0)]
    assert report_of(app)["bad_lines"][0]["line"] == 2
    assert why in report_of(app)["bad_lines"][0]["why"]
    assert "Lines we could not use" in page


@pytest.mark.parametrize(
    ("content", "name", "printed"),
    [
        ("a,b,c\n1,2,3\n", "x.csv", "its first line says “a, b, c”"),
        ("", "x.csv", "its first line says “nothing”"),
        ("<html></html>", "x.html", "We do not know this kind of file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "x.png", "not a text file"),
        (b"PK\x03\x04 not really a zip", "x.zip", "not know"),
        (packed(readme__txt="hello"), "x.zip", "holds no ratings.csv"),
        (b"\x1f\x8b broken", "x.gz", "damaged"),
        (b"Const,Your Rating\n\x81\x8d,9\n", "x.csv", "could not make out the letters"),
        (MOVIELENS.replace("7,8", "8,8"), "ratings.csv", "several people"),
        ("{'items': 3}", "steam.json", "lists no games"),
        ("{" * 100_000, "steam.json", "could not read this as a Steam library"),
        ("{'a': 1}\n[]", "steam.json", "Steam"),
        (gzip.compress(b"{" + b" " * 3_000_000), "steam.gz", "too large for the Steam library"),
        ("movieId,rating\n", "ratings.csv", "holds no ratings"),
    ],
)
def test_import_is_422_and_stores_nothing_when_file_is_unusable(
    app: Flask, ann: FlaskClient, content: str | bytes, name: str, printed: str
) -> None:
    answer = bring(ann, content, name)
    assert answer.status_code == 422
    assert printed in answer.text
    assert stored(app) == []
    with app.app_context():
        assert db.session.scalars(select(Import)).all() == []


def test_import_asks_for_a_file_when_none_is_sent(ann: FlaskClient) -> None:
    answer = ann.post("/data/import", data={})
    assert (answer.status_code, "Choose a file first." in answer.text) == (422, True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_import_reads_common_encodings(app: Flask, ann: FlaskClient, encoding: str) -> None:
    bring(ann, "Name,Year,Rating\nAmélie in Love,2001,5\n".encode(encoding))
    assert stored(app) == [(8, 5.0)]


def test_import_rejects_a_zip_bomb_before_unpacking_it_fully(app: Flask, ann: FlaskClient) -> None:
    bomb = packed(ratings__csv=b"0" * (uploads.LARGEST_UNPACKED + 10))
    assert len(bomb) < 100_000
    answer = bring(ann, bomb, "ratings.zip")
    assert answer.status_code == 422
    assert "Unpacked, this file is larger than 60 MB" in answer.text
    assert bring(ann, gzip.compress(b"0" * (uploads.LARGEST_UNPACKED + 10))).status_code == 422


def test_import_rejects_a_zip_with_too_many_files(ann: FlaskClient) -> None:
    many = packed(**{f"f{n}": "" for n in range(uploads.MOST_MEMBERS + 1)})
    assert "that is no export" in bring(ann, many, "x.zip").text


def test_import_is_413_when_file_has_200_mb(app: Flask, ann: FlaskClient) -> None:
    answer = ann.post(
        "/data/import",
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": "200000000"},
    )
    assert answer.status_code == 413
    assert "more than we can take at once" in answer.text
    assert stored(app) == []


def test_rating_form_is_413_when_body_is_large(ann: FlaskClient) -> None:
    assert ann.post("/title/1/rating", data={"rating": "4" * 2_000_000}).status_code == 413


@pytest.mark.every_database
def test_import_report_is_404_for_other_users(app: Flask, ann: FlaskClient) -> None:
    report = bring(ann, MOVIELENS).location
    bob = app.test_client()
    register(bob, "bob")
    assert ann.get(report).status_code == 200
    assert bob.get(report).status_code == 404


def test_import_report_escapes_markup(ann: FlaskClient) -> None:
    page = bring(ann, "Name,Year,Rating\n<script>x</script>,2001,5\n", follow_redirects=True).text
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page


def furnish(app: Flask, client: FlaskClient) -> None:
    """Store a row of the user in every table that references users."""
    assert run(app, "experiments", "start", "few", "--treatment", "min_ratings=9")[0] == 0
    client.get("/")
    client.post("/title/1/rating", data={"rating": "4"})
    client.post("/title/8/watchlist")
    bring(client, IMDB)
    bring(client, "Name,Year,Rating\nNowhere Found,1999,3\n")
    register(app.test_client(), "friend")
    client.post("/group/ask", data={"name": "friend"})
    client.post("/forgotten", data={"email": "ann@example.com"})
    client.post("/data/feed")
    with app.app_context():
        api_tokens.create("ann", user_id=21)


def tables_with(app: Flask, *needles: object) -> set[str]:
    """Return the names of tables in which a column contains one of these values."""
    with app.app_context():
        return {
            table.name
            for table in db.metadata.sorted_tables
            if table.name != "items"
            for row in db.session.execute(select(table))
            if any(value in needles for value in row)
        }


@pytest.mark.every_database
def test_export_contains_all_data_of_the_user(app: Flask, ann: FlaskClient) -> None:
    furnish(app, ann)
    answer = ann.get("/data/export.json")
    assert "attachment" in answer.headers["Content-Disposition"]
    whole = answer.json
    assert whole["account"]["email"] == "ann@example.com"
    assert {r["title"] for r in whole["ratings"]} == {
        *("Space Station", "The Space Race", "Unheard Of"),
    }
    assert [title["title"] for title in whole["added_titles"]] == ["Unheard Of"]
    assert whole["marks"][0]["kind"] == "watchlist"
    assert whole["companions"][0]["username"] == "friend"
    assert all(whole[kind] for kind in whole)
    assert "scrypt" not in answer.text
    assert "digest" not in answer.text
    with zipfile.ZipFile(io.BytesIO(ann.get("/data/export.zip").data)) as archive:
        assert {name.removesuffix(".csv") for name in archive.namelist()} == set(whole)
        rows = list(csv.DictReader(io.StringIO(archive.read("ratings.csv").decode())))
    assert [row["item_id"] for row in rows] == ["1", "3", str(FIRST)]


def test_export_csv_files_equal_the_json(app: Flask, ann: FlaskClient) -> None:
    furnish(app, ann)
    archive = zipfile.ZipFile(io.BytesIO(ann.get("/data/export.zip").data))
    whole = ann.get("/data/export.json").json
    with archive:
        for kind, output in whole.items():
            rows = list(csv.DictReader(io.StringIO(archive.read(f"{kind}.csv").decode())))
            wanted = [output] if isinstance(output, dict) else output
            assert rows == [
                {
                    name: "" if value is None else str(value)
                    for name, value in row.items()
                    if not isinstance(value, (list, dict))
                }
                for row in wanted
            ]


def test_export_covers_every_table_that_references_users() -> None:
    about_people = {"users"}
    for table in db.metadata.sorted_tables:  # a table after those that it references
        if about_people & {key.column.table.name for key in table.foreign_keys}:
            about_people.add(table.name)
    assert about_people - {"users"} == set(COLUMNS)


def test_export_without_data_has_csv_headers(ann: FlaskClient) -> None:
    with zipfile.ZipFile(io.BytesIO(ann.get("/data/export.zip").data)) as archive:
        assert archive.read("ratings.csv").decode().startswith("item_id,title,year")


@pytest.mark.every_database
def test_delete_account_leaves_no_rows_in_any_table(app: Flask, ann: FlaskClient) -> None:
    furnish(app, ann)
    everywhere = {"users", *COLUMNS} - {"import_changes"}
    assert tables_with(app, 21, "ann", "ann@example.com") >= everywhere
    with app.app_context():
        assert db.session.scalars(select(ImportChange)).all() != []
    answer = ann.post("/data/delete", data={"password": PASSWORD})
    assert (answer.status_code, answer.location) == (303, "/login")
    assert tables_with(app, 21, "ann", "ann@example.com") == set()
    with app.app_context():
        assert db.session.scalars(select(ImportChange)).all() == []
        assert [user.username for user in db.session.scalars(select(User))] == ["friend"]
    assert ann.get("/").status_code == 302
    login = {"username": "ann", "password": PASSWORD}
    assert app.test_client().post("/login", data=login).status_code == 422


@pytest.mark.every_database
def test_delete_account_requires_the_password(app: Flask, ann: FlaskClient) -> None:
    for password in ("wrong", ""):
        answer = ann.post("/data/delete", data={"password": password})
        assert answer.status_code == 422
    assert "nothing was deleted" in ann.post("/data/delete", data={"password": "wrong"}).text
    assert ann.get("/").status_code == 200


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (42, b"\xff\xff\xff\xff"),
        (42, b"\x01\0\0\0"),
    ],
    ids=["beyond its end", "inside itself"],
)
def test_import_rejects_a_zip_with_a_false_directory(
    app: Flask, ann: FlaskClient, at: int, value: bytes
) -> None:
    whole = bytearray(packed(ratings__csv=MOVIELENS))
    directory = whole.index(b"PK\1\2")
    whole[directory + at : directory + at + len(value)] = value
    answer = bring(ann, bytes(whole), "ratings.zip")
    assert (answer.status_code, "This zip is damaged" in answer.text) == (422, True)
    assert stored(app) == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_import_rejects_a_file_with_a_nul_byte_in_any_encoding(
    app: Flask, ann: FlaskClient, encoding: str
) -> None:
    answer = bring(ann, MOVIELENS.replace("4.5", "4\0").encode(encoding))
    assert (answer.status_code, "This is not a text file" in answer.text) == (422, True)
    assert stored(app) == []
