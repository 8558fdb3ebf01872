"""The owner's day: files and bad matches, new titles, the experiment, the release and its gate."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from app.db.clock import utcnow
from app.extensions import db
from app.models import Import, User
from app.owner.owner_day import gate_of
from tests.support.commands import run
from tests.support.releases import tiny_release
from tests.support.site import register
from tests.support.uploads import IMDB, bring


@pytest.fixture
def owner(app: Flask, ann: FlaskClient) -> FlaskClient:
    with app.app_context():
        db.session.scalars(select(User)).one().role = "owner"
        db.session.commit()
    return ann


def text_of(client: FlaskClient, path: str = "/owner/day") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text))


@pytest.mark.every_database
def test_day_is_calm_when_nothing_happened(owner: FlaskClient) -> None:
    page = text_of(owner)
    for sentence in ("Nobody brought a file", "None is running", "Every line has found its title"):
        assert sentence in page
    assert "1 person joined, and 0 people gave 0 ratings" in page


@pytest.mark.every_database
def test_day_counts_files_matches_new_titles_and_who_waits(app: Flask, owner: FlaskClient) -> None:
    bring(owner, IMDB)
    bob = app.test_client()
    register(bob, "bob")
    for client in (owner, bob):
        bring(client, "Name,Year,Rating\nNowhere Found,1999,3\n")
    with app.app_context():
        first = db.session.scalar(select(func.min(Import.id)))
    owner.post(f"/data/imports/{first}/undo")
    page = text_of(owner)
    assert "From 2 people: Letterboxd 2, IMDb 1" in page
    assert "1 was taken back" in page
    assert "Nowhere Found (1999) 2 people" in page
    assert re.search(r"\d+ of \d+ lines found their title", page)


def test_day_leaves_out_what_was_before(app: Flask, owner: FlaskClient) -> None:
    bring(owner, IMDB)
    with app.app_context():
        db.session.execute(update(Import).values(imported_at=utcnow() - timedelta(days=3)))
        db.session.commit()
    assert "Nobody brought a file" in text_of(owner)
    assert "IMDb 1" in text_of(owner, "/owner/day?days=7")


@pytest.mark.parametrize("days", ["0", "-1", "x", "400"])
def test_span_of_time_falls_back_to_a_day(owner: FlaskClient, days: str) -> None:
    assert "The last day" in text_of(owner, f"/owner/day?days={days}")


def test_day_shows_the_experiment(app: Flask, owner: FlaskClient) -> None:
    assert run(app, "experiments", "start", "few", "--treatment", "min_ratings=9")[0] == 0
    owner.get("/")
    page = text_of(owner)
    assert "few Too early to conclude" in page
    assert "1 person took part" in page


@pytest.mark.parametrize(
    ("content", "passed"),
    [
        ({"gate": {"passed": True, "reasons": [], "limits": {"RMSE": {"measured": 1}}}}, True),
        ({"gate": {"passed": False, "reasons": ["RMSE is 2"], "limits": {}}}, False),
        ({"gate": None}, None),
        ({}, None),
        ([], None),
    ],
)
def test_gate_is_read_from_the_report_of_the_release(
    tmp_path: Path, content: object, passed: bool | None
) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.json").write_text(json.dumps(content))
    gate = gate_of(tiny_release(folder=tmp_path))
    assert (gate.passed if gate else None) is passed


def test_gate_is_none_without_a_report(tmp_path: Path) -> None:
    assert gate_of(tiny_release(folder=tmp_path)) is None
    assert gate_of(tiny_release()) is None


def test_day_is_for_the_owner_alone(ann: FlaskClient) -> None:
    assert ann.get("/owner/day").status_code == 403
