"""The owner's figures, access to them, and the report of the release in service."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.db.clock import utcnow
from app.extensions import db
from app.models import Impression, Item, Rating, User, Visit
from app.reports import site_kpis
from app.reports.site_kpis import figures_of_today
from recommender.storage.release_store import ReleaseStore
from spark_jobs.reporting.html import report_files
from tests.support.commands import run
from tests.support.releases import ITEMS, no_parity_sample, tiny_release
from tests.support.site import register

pytestmark = pytest.mark.every_database

COUNTS = {"ratings": 88, "users": 11, "items": 8}


@pytest.fixture
def owner(app: Flask, ann: FlaskClient) -> FlaskClient:
    assert run(app, "set-role", "ann", "owner") == (0, "ann is an owner now\n")
    return ann


def test_owner_page_is_for_owners_only(app: Flask, ann: FlaskClient) -> None:
    assert app.test_client().get("/owner").status_code == 302
    assert ann.get("/owner").status_code == 403
    assert ann.get("/owner/report/x.html").status_code == 403
    assert "Figures" not in ann.get("/").text
    run(app, "set-role", "ANN", "owner")
    assert ann.get("/owner").status_code == 200
    assert 'href="/owner"' in ann.get("/").text
    run(app, "set-role", "ann", "person")
    assert ann.get("/owner").status_code == 403


def test_owner_page_rejects_options_requests_of_guests(client: FlaskClient) -> None:
    assert client.options("/owner").status_code == 403


def test_set_role_fails_when_user_does_not_exist(app: Flask) -> None:
    assert run(app, "set-role", "nobody", "owner")[0] == 2


def test_owner_page_works_on_an_empty_site(owner: FlaskClient) -> None:
    page = owner.get("/owner").text
    assert "How the site does. Counted" in page
    assert "target" not in page
    assert "Nothing has been recommended to anyone yet." in page
    assert "20260101-000000-aaaa" in page
    assert "It came without an evaluation report." in page


def populate(app: Flask) -> None:
    """Four people; two came back within a week, one more within a month."""
    today = utcnow().date()
    days = {31: (0, 3), 32: (6, 40), 33: (20, 25), 34: (0,)}
    with app.app_context():
        for user_id, ago in days.items():
            db.session.add(User(id=user_id, username=f"p{user_id}", username_key=f"p{user_id}"))
            db.session.flush()
            for n in ago:
                db.session.add(Visit(user_id=user_id, day=today - timedelta(days=n)))
        for user_id, item, stars, via in (
            (31, 1, 5.0, "recommendation"),
            (31, 2, 4.0, "recommendation"),
            (32, 1, 3.0, "recommendation"),
            (32, 3, 2.0, "search"),
            (33, 3, 3.0, "popular"),
            (33, 5, 1.0, "import"),
            (33, 8, 1.0, "onboarding"),
        ):
            db.session.add(
                Rating(user_id=user_id, item_id=item, rating=stars, rated_at=utcnow(), via=via)
            )
        for user_id, item in ((31, 1), (31, 2), (31, 13), (31, 21), (32, 1), (32, 8)):
            db.session.add(
                Impression(
                    user_id=user_id, item_id=item, shown_at=utcnow(), place=1, model_version="v"
                )
            )
        db.session.commit()


def test_site_kpis_equal_figures_computed_by_hand(app: Flask, client: FlaskClient) -> None:
    client.get("/ready")
    with app.app_context():
        assert db.session.get(Item, 1) is not None
    populate(app)
    with app.app_context():
        output = figures_of_today()
    assert (output.registered, output.weekly, output.monthly) == (4, 2, 3)
    assert (output.shown, output.rated_share.value) == (6, 0.5)
    assert (output.recommended.value, output.recommended.n) == (4.0, 3)
    assert (output.otherwise.value, output.otherwise.n) == (2.5, 2)
    assert output.rated_share.low == pytest.approx(0.5)  # both users rated half
    assert output.recommended.low < 4.0 < output.recommended.high
    assert output.weeks[-1].returning == 2
    assert len(output.weeks) == 12


def test_site_kpis_are_cached_when_they_are_slow(
    app: Flask, owner: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def registered() -> str:
        found = re.search(r'class="big">(\d+)<', owner.get("/owner").text)
        assert found
        return found[1]

    assert registered() == "1"
    register(app.test_client(), "bob")
    assert registered() == "2"
    monkeypatch.setattr(site_kpis, "LONG_SECONDS", 0.0)
    monkeypatch.setattr(site_kpis, "KEPT", 1_000_000)
    assert registered() == "2"
    register(app.test_client(), "cat")
    assert registered() == "2"
    assert "Counted just now." in owner.get("/owner").text
    monkeypatch.setattr(site_kpis, "perf_counter", lambda: 1e12)
    assert registered() == "3"


def test_owner_page_shows_no_target_that_is_not_set(app: Flask, owner: FlaskClient) -> None:
    owner.get("/ready")
    populate(app)
    page = owner.get("/owner").text
    assert page.count("95 % interval") >= 3
    assert "target" not in page.lower()
    app.config["TARGET_MEAN_RATING"] = 4.0
    page = owner.get("/owner").text
    assert "beside its targets: 4.0 of 5 for what we recommend. Counted" in page
    assert "people returning within a month" not in page


def test_owner_page_shows_targets_and_intervals(app: Flask, owner: FlaskClient) -> None:
    app.config.update(TARGET_MONTHLY_PEOPLE=100_000, TARGET_MEAN_RATING=4.0)
    owner.get("/ready")
    populate(app)
    page = owner.get("/owner").text
    assert "100,000 people returning within a month, and 4.0 of 5 for what we recommend" in page
    assert "50.0 %" in page
    assert "target 4.0" in page
    assert "target 100,000" in page
    assert page.count("95 % interval") >= 3
    assert "The target lies within the interval." in page


def test_release_reports_are_linked_and_served_in_a_sandbox(
    owner: FlaskClient, store: ReleaseStore, tmp_path: Path
) -> None:
    store.publish(tiny_release("20260105-x"), ITEMS, no_parity_sample())
    folder = store.folder / "20260105-x" / "report"
    folder.mkdir()
    (folder / "index.html").write_text("<h1>Report</h1>")
    (store.folder / "secret.txt").write_text("secret")
    store.promote("20260105-x")
    assert 'href="/owner/report/index.html"' in owner.get("/owner").text
    with owner.get("/owner/report/index.html") as report:
        assert "<h1>Report</h1>" in report.text
        assert "sandbox" in report.headers["Content-Security-Policy"]
    for name in ("../release.json", "..%2f..%2fsecret.txt", "nothing.html"):
        assert owner.get(f"/owner/report/{name}").status_code == 404


def test_training_report_is_served_as_a_page(owner: FlaskClient, store: ReleaseStore) -> None:
    site_kpis = {"data": {"name": "Films", **COUNTS}, "seeds": [0], "settings": {}, "protocols": {}}
    store.publish(tiny_release("20260106-x"), ITEMS, no_parity_sample())
    folder = store.folder / "20260106-x" / "report"
    folder.mkdir()
    for name, content in report_files(site_kpis).items():
        (folder / name).write_bytes(content)
    store.promote("20260106-x")
    with owner.get("/owner/report/index.html") as page:
        assert page.content_type == "text/html; charset=utf-8"
        assert "Evaluation: Films" in page.text
        assert "style-src 'self' 'unsafe-inline'" in page.headers["Content-Security-Policy"]
    with owner.get("/owner/report/report.json") as read:
        assert read.mimetype == "application/json"
        assert read.json == site_kpis


def test_accuracy_page_compares_predictions_with_ratings(app: Flask, ann: FlaskClient) -> None:
    assert "no guess to look back on yet" in ann.get("/accuracy").text
    ann.post("/title/1/rating", data={"rating": "5"})
    page = ann.get("/accuracy").text
    assert "Before your rating we wrote down our guess" in page
    assert "no clear difference" in page
    assert "<svg class=" not in page.split("<main")[1]


def test_accuracy_page_draws_the_error_beside_the_community_mean(
    app: Flask, ann: FlaskClient
) -> None:
    ann.get("/ready")
    with app.app_context():
        for number, item in enumerate(db.session.query(Item).order_by(Item.id).all()):
            at = utcnow() - timedelta(hours=20 - number)
            db.session.add(
                Rating(
                    user_id=21,
                    item_id=item.id,
                    rating=4.0,
                    rated_at=at,
                    predicted=3.5,
                    community=3.0,
                )
            )
        for n in range(100, 106):
            db.session.add(Item(id=n, title=f"T{n}", search_key=f"t{n}"))
            db.session.flush()
            db.session.add(
                Rating(
                    user_id=21,
                    item_id=n,
                    rating=4.0,
                    rated_at=utcnow(),
                    predicted=3.9,
                    community=1.0,
                    via="import" if n == 105 else "search",
                )
            )
        db.session.commit()
    page = ann.get("/accuracy").text
    assert "Before each of your 14 ratings" in page
    assert page.count("<polyline") == 2
    assert "We know you better than the crowd does" in page


def test_register_ignores_a_role_in_the_form(app: Flask) -> None:
    client = app.test_client()
    register(client, "eve")
    client.post("/register", data={"role": "owner"})
    with app.app_context():
        assert db.session.query(User).one().role == "person"
