"""Posters from TMDB: resumable, rate-limited, with the drawn posters as fallback."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.catalogue.tmdb import TRIES
from app.extensions import db
from app.models import Item
from tests.support.commands import run
from tests.support.pages import shown
from tests.support.site import ROOT

ANSWERS: dict[str, tuple[int, object]] = {
    "/movie/101": (200, {"poster_path": "/one-A_1.jpg", "runtime": 142}),
    "/movie/102": (200, {"poster_path": None, "runtime": 0}),
    "/movie/103": (404, {}),
    "/movie/105": (200, {"poster_path": '/x.jpg" onerror="alert(1)', "runtime": "9"}),
    "/movie/108": (200, {"poster_path": "/eight.jpg", "runtime": 45}),
}


class Tmdb(ThreadingHTTPServer):
    asked: list[tuple[str, float]]
    stumbles: int = 0


class Answer(BaseHTTPRequestHandler):
    server: Tmdb

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self.server.asked.append((path, time.monotonic()))
        status, body = ANSWERS[path]
        if "api_key=good" not in query:
            status = 401
        elif self.server.stumbles:
            self.server.stumbles -= 1
            status = 429
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def tmdb(app: Flask) -> Iterator[Tmdb]:
    run(app, "sync-catalogue")
    with app.app_context():
        for item in db.session.scalars(select(Item).where(Item.id.in_([1, 2, 3, 5, 8]))):
            item.tmdb_id = 100 + item.id
        db.session.commit()
    with Tmdb(("127.0.0.1", 0), Answer) as server:
        server.asked = []
        app.config["TMDB_ADDRESS"] = f"http://127.0.0.1:{server.server_address[1]}"
        app.config["TMDB_API_KEY"] = "good"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def paths(app: Flask) -> dict[int, str | None]:
    with app.app_context():
        return {
            item.id: item.poster_path
            for item in db.session.scalars(select(Item).where(Item.id.in_([1, 2, 3, 5, 8, 13])))
        }


def test_fetch_posters_stores_paths_and_requests_each_item_once(app: Flask, tmdb: Tmdb) -> None:
    status, printed = run(app, "fetch-posters", "--rate", "40")
    assert (status, "2 posters for 5 titles" in printed) == (0, True)
    assert paths(app) == {1: "/one-A_1.jpg", 2: "", 3: "", 5: "", 8: "/eight.jpg", 13: None}
    asked = len(tmdb.asked)
    assert "0 posters for 0 titles" in run(app, "fetch-posters")[1]
    assert len(tmdb.asked) == asked
    assert "0 posters for 3 titles" in run(app, "fetch-posters", "--again", "--rate", "40")[1]


def test_fetch_posters_starts_with_the_most_rated_and_respects_the_rate(
    app: Flask, tmdb: Tmdb
) -> None:
    run(app, "fetch-posters", "--rate", "20")
    assert [path for path, _ in tmdb.asked] == [f"/movie/{n}" for n in (101, 108, 102, 103, 105)]
    assert tmdb.asked[-1][1] - tmdb.asked[0][1] >= 4 / 20 * 0.95


def test_fetch_posters_retries_after_status_429(
    app: Flask, tmdb: Tmdb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.catalogue.tmdb.TRIES", TRIES.new(backoff_factor=0))
    tmdb.stumbles = 2
    assert run(app, "fetch-posters", "--rate", "40")[0] == 0
    assert paths(app)[1] == "/one-A_1.jpg"
    assert 429 in TRIES.status_forcelist


@pytest.mark.parametrize(
    ("key", "printed"), [(None, "TMDB_API_KEY is not set"), ("bad", "is not accepted")]
)
def test_fetch_posters_prints_one_line_when_key_is_invalid(
    app: Flask, tmdb: Tmdb, key: str | None, printed: str
) -> None:
    app.config["TMDB_API_KEY"] = key
    status, output = run(app, "fetch-posters")
    assert (status, printed in output) == (2, True)
    assert set(paths(app).values()) == {None}


@pytest.mark.every_database
def test_fetch_posters_keeps_results_when_interrupted(
    app: Flask, tmdb: Tmdb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ANSWERS, "/movie/102", (418, {}))
    status, printed = run(app, "fetch-posters", "--rate", "40")
    assert (status, "TMDB answers 418; run this again" in printed) == (2, True)
    assert paths(app)[1] == "/one-A_1.jpg"
    monkeypatch.undo()
    assert "0 posters for 3 titles" in run(app, "fetch-posters", "--rate", "40")[1]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff", b"[" * 100_000])
def test_fetch_posters_prints_one_line_when_response_is_not_json(
    app: Flask, tmdb: Tmdb, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setitem(ANSWERS, "/movie/101", (200, body))
    status, printed = run(app, "fetch-posters", "--rate", "40")
    assert (status, "TMDB answers no JSON" in printed) == (2, True)


@pytest.mark.parametrize("rate", ["0", "-1", "1000"])
def test_fetch_posters_rejects_an_excessive_rate(app: Flask, rate: str) -> None:
    assert run(app, "fetch-posters", "--rate", rate)[0] == 2


def test_card_shows_the_tmdb_poster_with_drawn_fallback(
    app: Flask, ann: FlaskClient, tmdb: Tmdb
) -> None:
    run(app, "fetch-posters", "--rate", "40")
    page = ann.get("/").text
    assert 'src="https://image.tmdb.org/t/p/w342/one-A_1.jpg" data-drawn="/poster/1.svg"' in page
    assert 'src="/poster/13.svg"' in page
    assert "not endorsed or certified by TMDB" in page
    assert "https://image.tmdb.org" in ann.get("/").headers["Content-Security-Policy"]


def test_sync_catalogue_keeps_posters(app: Flask, tmdb: Tmdb) -> None:
    run(app, "fetch-posters", "--rate", "40")
    run(app, "sync-catalogue")
    assert paths(app)[1] == "/one-A_1.jpg"


def test_page_script_falls_back_to_the_drawn_poster() -> None:
    assert "dataset?.drawn" in Path(ROOT, "app/static/page.js").read_text()


def test_running_times_come_with_the_posters_and_stand_with_each_title(
    app: Flask, tmdb: Tmdb, ann: FlaskClient
) -> None:
    assert run(app, "fetch-posters", "--rate", "40")[0] == 0
    with app.app_context():
        known = select(Item.id, Item.minutes).where(Item.minutes.is_not(None)).order_by(Item.id)
        assert [tuple(row) for row in db.session.execute(known)] == [(1, 142), (8, 45)]
    assert "1979 · Sci-Fi · 2 h 22 min" in re.sub(r"\s+", " ", ann.get("/title/1").text)
    for item in (1, 2, 8):
        ann.post(f"/title/{item}/watchlist")
    page = ann.get("/watchlist/ranked?under=120").text
    assert shown(page) == [8]
    assert "under two hours" in page
    for ignored in ("7", "x", "-1", ""):
        assert len(shown(ann.get(f"/watchlist/ranked?under={ignored}").text)) == 3


def test_running_time_is_not_asked_for_where_none_is_known(ann: FlaskClient) -> None:
    ann.post("/title/1/watchlist")
    page = ann.get("/watchlist/ranked?under=120").text
    assert "Running time" not in page
