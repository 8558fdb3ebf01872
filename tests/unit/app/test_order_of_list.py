"""The order of the list: the slider, why stars and place disagree, titles that sink, surprises."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app.db.clock import utcnow
from app.extensions import db
from app.models import Impression
from tests.support.pages import shown

ALL = "/?show=25"


@pytest.fixture
def lover(ann: FlaskClient) -> FlaskClient:
    """Ann, who likes space and has rated one of each kind."""
    for item, stars in ((2, "4.5"), (8, "2")):
        ann.post(f"/title/{item}/rating", data={"rating": stars})
    return ann


def stars_of(page: str) -> list[float]:
    return [float(n) for n in re.findall(r"</span> ([0-9.]+) <span[^>]*>predicted", page)]


def test_last_step_of_the_slider_orders_by_predicted_stars(lover: FlaskClient) -> None:
    page = lover.get(f"{ALL}&mix=4").text
    stars = stars_of(page)
    assert len(stars) == 6
    assert stars == sorted(stars, reverse=True)
    assert "by what you would rate highest" in page
    assert set(shown(page)) == set(shown(lover.get(ALL).text))


def test_slider_shows_both_figures(lover: FlaskClient) -> None:
    before = shown(lover.get(ALL).text)
    page = lover.get(f"{ALL}&mix=2").text
    places = [int(n) for n in re.findall(r"Number (\d+) by what you would pick", page)]
    assert places == [before.index(item) + 1 for item in shown(page)]
    assert "by what you would pick" not in lover.get(ALL).text


@pytest.mark.parametrize("mix", ["0", "x", "-3", "", "1e9"])
def test_slider_takes_anything(lover: FlaskClient, mix: str) -> None:
    assert shown(lover.get(f"{ALL}&mix={mix}").text) == shown(lover.get(ALL).text)


def test_slider_stays_with_other_filters(lover: FlaskClient) -> None:
    page = lover.get("/?mix=3&genre=Sci-Fi").text
    assert "sci-fi, mostly by what you would rate highest" in page
    assert 'name="mix" min="0" max="4" step="1" value="3"' in page


def test_slider_is_not_offered_without_stars(gil: FlaskClient) -> None:
    page = gil.get("/?mix=4").text
    assert 'name="mix"' not in page


def test_sentence_says_why_place_and_stars_disagree(ann: FlaskClient) -> None:
    ann.post("/title/5/rating", data={"rating": "5"})
    assert "Why " not in ann.get(ALL).text.split('class="marquee-row"')[0]
    ann.post("/title/5/rating/delete")
    ann.post("/title/1/rating", data={"rating": "2.5"})
    page = ann.get(ALL).text
    assert "Why Return to Space (2.3 ★) before Amélie in Love (3.2 ★)?" in page
    assert 'href="/?mix=4"' in page
    by_stars = ann.get(f"{ALL}&mix=4").text
    assert shown(by_stars)[0] == 8
    assert "Why Return" not in by_stars


# Titles that sink


def pass_over(app: Flask, item_id: int, days: int, ago: int = 1) -> None:
    """Let an item have been shown on so many days, the last one ``ago``."""
    last = (utcnow() - timedelta(days=ago)).date()
    with app.app_context():
        db.session.execute(
            update(Impression)
            .where(Impression.item_id == item_id)
            .values(days=days, last_day=last, shown_at=utcnow() - timedelta(days=30))
        )
        db.session.commit()


@pytest.mark.every_database
def test_title_that_was_passed_over_sinks_and_is_put_back_in_one_click(
    app: Flask, lover: FlaskClient
) -> None:
    before = shown(lover.get(ALL).text)
    pass_over(app, before[0], days=8)
    page = lover.get(ALL).text
    assert shown(page).index(before[0]) > 0
    assert "1 movie that we showed you on several days stands lower" in page
    assert 'href="/?again=1"' in page
    back = lover.get(f"{ALL}&again=1").text
    assert shown(back) == before
    assert "stands where it did" in back
    assert 'name="again" value="1"' in back


def test_title_rises_again_when_it_was_not_shown_for_long(app: Flask, lover: FlaskClient) -> None:
    before = shown(lover.get(ALL).text)
    pass_over(app, before[0], days=8, ago=300)
    assert shown(lover.get(ALL).text) == before


def test_title_on_the_watchlist_does_not_sink(app: Flask, lover: FlaskClient) -> None:
    before = shown(lover.get(ALL).text)
    lover.post(f"/title/{before[0]}/watchlist")
    pass_over(app, before[0], days=8)
    assert shown(lover.get(ALL).text) == before


@pytest.mark.every_database
def test_days_are_counted_once_a_day(app: Flask, lover: FlaskClient) -> None:
    first = shown(lover.get("/").text)[0]

    def days() -> int | None:
        with app.app_context():
            wanted = select(Impression.days).where(Impression.item_id == first)
            return db.session.scalar(wanted)

    lover.get("/")
    assert days() == 1
    pass_over(app, first, days=1)
    lover.get("/")
    lover.get("/")
    assert days() == 2


def test_two_weeks_of_daily_visits_do_not_show_one_list(app: Flask, lover: FlaskClient) -> None:
    lists = []
    for _ in range(14):
        lists.append(tuple(shown(lover.get("/").text)))
        with app.app_context():
            db.session.execute(
                update(Impression).values(last_day=(utcnow() - timedelta(days=1)).date())
            )
            db.session.commit()
    assert len(set(lists)) > 1
    assert lists[0] == lists[1]


def test_order_by_stars_alone_says_nothing_of_sinking(app: Flask, lover: FlaskClient) -> None:
    before = shown(lover.get(ALL).text)
    pass_over(app, before[0], days=8)
    assert "stands lower" not in lover.get(f"{ALL}&mix=4").text
    assert "stands lower" in lover.get(f"{ALL}&mix=1").text


# Surprises


def test_surprise_draws_little_known_titles_that_fit(lover: FlaskClient) -> None:
    page = lover.get("/surprise").text
    assert page == lover.get("/surprise").text or "draw=" in page
    assert shown(page)
    assert not {2, 8} & set(shown(page))
    assert shown(lover.get("/surprise?draw=5").text) == shown(lover.get("/surprise?draw=5").text)
    assert 'href="/surprise"' in lover.get("/").text


@pytest.mark.parametrize("seed", ["-1", "x", "9" * 30])
def test_surprise_takes_any_seed(lover: FlaskClient, seed: str) -> None:
    assert lover.get(f"/surprise?draw={seed}").status_code == 200


def test_surprise_without_ratings_says_what_to_do(ann: FlaskClient) -> None:
    assert "Rate a few movies you know, and they will fit you" in ann.get("/surprise").text
