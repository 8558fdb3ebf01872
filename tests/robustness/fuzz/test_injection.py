"""Stored and sent text remains text in pages, pictures, files, mail and queries."""

from __future__ import annotations

import csv
import gzip
import io
import logging
import os
import time
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.experiments import store as experiments
from app.extensions import db
from app.models import Import, Item, User
from app.portability import uploads
from app.portability.exports import guarded, unguarded
from app.portability.readers import read_upload
from recommender.catalogue import LONGEST_LINE, read_items
from recommender.errors import ReleaseError
from recommender.storage.release_store import ReleaseStore
from tests.support.api import Rest
from tests.support.commands import run
from tests.support.executable_markup import ExecutableMarkup
from tests.support.logins import ask
from tests.support.releases import ITEMS, no_parity_sample, tiny_release
from tests.support.routes import is_api, looks, rows
from tests.support.site import register
from tests.support.uploads import bring, packed

SCRIPT = "<script>alert(1)</script>"
ATTRIBUTE = "\"><img src=x onerror=alert(1)> ' onmouseover='alert(1)"
TEMPLATE = "{{ 7 * 7 }}{% raw %}</title></textarea></style>"
ADDRESS = "javascript:alert(1)//"


@pytest.mark.parametrize(
    "markup",
    [
        *(SCRIPT, f'<input value="{ATTRIBUTE}">', f'<a href=" {ADDRESS}">'),
        *('<a href="java\tscript:x">', "<p style=x>", "<img src=//example.com/x>"),
    ],
)
def test_executable_markup_finds_what_a_browser_runs_or_fetches(markup: str) -> None:
    assert ExecutableMarkup(markup).found


def test_executable_markup_ignores_text_and_files_of_the_site() -> None:
    page = '<script src="/a.js"></script><p alt=javascript:x>alert(1)</p>'
    assert ExecutableMarkup(page).found == []


@pytest.fixture
def hostile(app: Flask, ann: FlaskClient) -> FlaskClient:
    """Ann, an owner, on a site where every stored text contains an attack."""
    ann.get("/")
    bob = app.test_client()
    register(bob, "bob")
    ann.post("/group/ask", data={"name": "bob"})
    bob.post("/group/21/agree")
    run(app, "set-role", "ann", "owner")
    run(app, "experiments", "start", "few", "--treatment", "min_ratings=9")
    ann.post("/title/1/rating", data={"rating": "4"})
    ann.post("/title/2/watchlist")
    ann.post("/title/3/hidden")
    bring(ann, f'Name,Year,Rating\n"{ATTRIBUTE}",x,5\n{SCRIPT},2001,5\n'.replace('""', '"'))
    guest = {"name": "</b>" + SCRIPT[:20], "rating-1": "5", "rating-2": "5", "rating-3": "4"}
    assert ann.post("/group/guest", data=guest).status_code == 303
    with app.app_context():
        for number, item in enumerate(db.session.query(Item)):
            item.title = (SCRIPT, ATTRIBUTE, TEMPLATE, ADDRESS)[number % 4]
            item.genres = f"{SCRIPT}|{ATTRIBUTE}"[:255]
            item.description = SCRIPT + ATTRIBUTE + TEMPLATE
            item.imdb_id = '"><script>'
            item.poster_path = ('"><script>alert(1)</script>', "@evil.example", None)[number % 3]
        for user in db.session.query(User):
            user.username = f"{ATTRIBUTE[:40]}{user.id}"
        for done in db.session.query(Import):
            done.report = {**done.report, "file": SCRIPT, "source": ATTRIBUTE}
        (experiment,) = experiments.every_experiment()
        experiment.control = SCRIPT
        db.session.commit()
    return ann


def test_pages_do_not_execute_stored_markup(app: Flask, hostile: FlaskClient) -> None:
    app.config["TMDB_API_KEY"] = "posters come from there"
    seen = 0
    for path, rule in looks(app):
        if is_api(rule) or rule.endpoint.endswith("static"):
            continue
        for query in ("", "?q=alert&suggest=1", f"?genre={SCRIPT}&next={ADDRESS}&way={SCRIPT}"):
            with hostile.get(path + query) as answer:
                if answer.mimetype == "text/html":
                    assert ExecutableMarkup(answer.text).found == [], path + query
                    assert "49{% raw" not in answer.text, path
                    seen += answer.status_code == 200
    assert seen > 30


def test_stored_markup_appears_as_text(hostile: FlaskClient) -> None:
    escaped = "&lt;script&gt;alert(1)&lt;/script&gt;"
    for path in ("/", "/title/1", "/search?q=alert", "/watchlist", "/ratings", "/data/imports/1"):
        assert escaped in hostile.get(path).text or "&gt;&lt;img" in hostile.get(path).text, path


def test_drawn_posters_contain_no_script(app: Flask, hostile: FlaskClient) -> None:
    for item in ITEMS:
        with hostile.get(f"/poster/{item.item_id}.svg") as answer:
            tags = {
                each.tag.rpartition("}")[2] for each in ElementTree.fromstring(answer.text).iter()
            }
            assert not tags & {"script", "foreignObject", "image", "a", "use"}
            assert "sandbox" in answer.headers["Content-Security-Policy"] or (
                "default-src 'none'" in answer.headers["Content-Security-Policy"]
            )


def test_responses_to_scripts_are_json(hostile: FlaskClient) -> None:
    answer = hostile.post(
        "/title/1/rating", data={"rating": "3"}, headers={"Accept": "application/json"}
    )
    assert answer.mimetype == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert SCRIPT in answer.json["message"]


def test_mail_is_plain_text(
    app: Flask, hostile: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    from app.accounts import mail

    sent = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mail, "_deliver", lambda _app, message: sent.append(message))
        app.config["MAIL"] = "smtp://127.0.0.1:1"
        caplog.set_level(logging.ERROR)
        assert ask(app.test_client(), "ann@example.com", caplog) == []
        for _ in range(200):
            if sent:
                break
            time.sleep(0.01)
    (message,) = sent
    assert message.get_content_type() == "text/plain"
    assert message["To"] == "ann@example.com"
    assert ATTRIBUTE[:40] in message.get_content().replace("\n", "")


# Exported files


FORMULAS = ["=HYPERLINK(1)", "+1", "-30-", "@SUM(1)", "\tx", "\rx", "'=1", "''+x"]


def test_export_contains_no_formula_and_is_imported_without_change(
    app: Flask, ann: FlaskClient
) -> None:
    titles = {item.item_id: title for item, title in zip(ITEMS, FORMULAS, strict=False)}
    assert len(titles) == len(FORMULAS)
    for item_id in titles:
        ann.post(f"/title/{item_id}/rating", data={"rating": "4"})
    with app.app_context():
        for item_id, title in titles.items():
            db.session.get_one(Item, item_id).title = title
        db.session.commit()
    with zipfile.ZipFile(io.BytesIO(ann.get("/data/export.zip").data)) as archive:
        text = archive.read("ratings.csv").decode()
    for row in csv.DictReader(io.StringIO(text, newline="")):
        assert row["title"] == f"'{titles[int(row['item_id'])]}"
        assert unguarded(row["title"]) == titles.pop(int(row["item_id"]))
        assert float(row["rating"]) == 4
    assert titles == {}


@pytest.mark.parametrize("text", ["Alien", "'Round Midnight", "9 1/2", "", "a=b", "'", -1.5, None])
def test_guarded_leaves_other_text_unchanged(text: object) -> None:
    assert guarded(text) == text
    assert not isinstance(text, str) or unguarded(text) == text


# Queries


SENT = ["' OR '1'='1", "%", "_", "\\", "1; DROP TABLE users; --", "') UNION SELECT 1 --", "\0"]


def test_input_is_never_part_of_an_sql_statement(app: Flask, ann: FlaskClient, rest: Rest) -> None:
    rest("GET", "/movies/top")
    before = rows(app, "tokens")
    for sent in SENT:
        page = ann.get("/search", query_string={"q": sent})
        assert (page.status_code, "Space Station" in page.text) == (200, False), sent
        assert ann.get("/popular", query_string={"genre": sent}).status_code == 404, sent
        found = rest("GET", "/search", query_string={"q": sent, "limit": 9})
        assert found.status_code == 422 or found.json["movies"] == [], sent
        login = {"username": sent, "password": sent}
        assert app.test_client().post("/login", data=login).status_code == 422, sent
    assert rows(app, "tokens") == before


def test_registered_names_are_printable(app: Flask) -> None:
    password = {"password": "correct horse battery", "confirm": "correct horse battery"}
    for name in ("eve\n[error] forged", "eve\r\nx: y", "eve\0", "eve\u2028x"):
        form = {"username": name, "email": "eve@example.com"}
        app.test_client().post("/register", data={**form, **password})
    with app.app_context():
        names = [user.username or "" for user in db.session.query(User)]
    assert all(name.isprintable() for name in names)


# Archives and folders


def test_unpacked_size_limit_holds_for_all_files_of_a_zip_together(
    app: Flask, ann: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "LARGEST_UNPACKED", 1_000_000)
    header, line = "movieId,rating\n", "1,5\n"
    half = header + line * (600_000 // len(line))
    one = packed(ratings__csv=half)
    two = packed(ratings__csv=half, watchlist__csv=half)
    assert read_upload("x.zip", io.BytesIO(one)).source == "MovieLens"
    with pytest.raises(uploads.ImportProblem, match="larger than 1 MB"):
        read_upload("x.zip", io.BytesIO(two))


def test_read_items_stops_when_a_line_unpacks_beyond_the_limit(tmp_path: Path) -> None:
    bomb = tmp_path / "items.jsonl.gz"
    bomb.write_bytes(gzip.compress(b'{"title": "' + b"x" * (5 * LONGEST_LINE)))
    with pytest.raises(ReleaseError, match="line 1: not a catalogue entry"):
        list(read_items(bomb))


def test_report_symlink_is_not_followed(
    app: Flask, ann: FlaskClient, store: ReleaseStore, tmp_path: Path
) -> None:
    run(app, "set-role", "ann", "owner")
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    store.publish(tiny_release("20260105-x"), ITEMS, no_parity_sample())
    report = store.folder / "20260105-x" / "report"
    report.mkdir()
    (report / "index.html").write_text("<h1>Report</h1>")
    os.symlink(secret, report / "link.txt")
    os.symlink(tmp_path, report / "folder")
    store.promote("20260105-x")
    assert "link.txt" not in ann.get("/owner").text
    for name in ("link.txt", "folder/secret.txt", "../release.json", "/etc/passwd"):
        assert ann.get(f"/owner/report/{name}").status_code in (308, 404), name
