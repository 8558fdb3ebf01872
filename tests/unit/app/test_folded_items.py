"""Titles that came after training are folded in once, and served by every process."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.accounts import service as accounts
from app.catalogue import item_statistics
from app.catalogue.added_titles import NewTitle, hide
from app.db.clock import utcnow
from app.extensions import db
from app.feedback.profile import profile_of
from app.models import FoldedItem, Item, Rating, User
from app.recommend.added_items import fold_in_again
from app.recommend.model_watcher import serving
from app.recommend.service import rank, with_items
from recommender.storage.release_store import ReleaseStore
from tests.support.added_titles import FIRST, bring_title
from tests.support.api import Rest
from tests.support.experiments import start
from tests.support.releases import ITEMS, no_parity_sample, tiny_release

pytestmark = pytest.mark.every_database

SPACE_OPERA = NewTitle("Space Opera", 2026, "Sci-Fi")
FANS = range(901, 907)


def rate(app: Flask, user_ids: Iterable[int], *item_ids: int, stars: float = 5.0) -> None:
    with app.app_context():
        for user_id in user_ids:
            db.session.merge(User(id=user_id))
            db.session.flush()
            for item_id in item_ids:
                new = Rating(user_id=user_id, item_id=item_id, rating=stars, rated_at=utcnow())
                db.session.merge(new)
        db.session.commit()


def fold_in(app: Flask) -> bool:
    """Do what one process of all does every few minutes; return whether anything has changed."""
    with app.app_context():
        item_statistics.refresh(serving.watcher.model.release)
        db.session.commit()
        changed = fold_in_again(serving.watcher.models)
    serving_of(app).refresh()
    return changed


def serving_of(app: Flask):
    return app.extensions["serving"]


def listed(app: Flask, user_id: int) -> list[int]:
    """Return ids of the recommendations of a user."""
    with app.test_request_context():
        served, profile = serving.to(user_id), profile_of(user_id)
        ranked = rank(served.model, profile.ratings, 20, profile.hidden)
        return [r.item.id for r in with_items(served.model, profile.ratings, ranked)]


@pytest.fixture
def added(app: Flask) -> int:
    """A new title that six people like who like space, and one person of each taste."""
    item_id = bring_title(app, SPACE_OPERA)
    rate(app, FANS, 1, 2, item_id)
    rate(app, [950], 3)
    rate(app, [951], 13)
    return item_id


def test_a_new_title_is_recommended_to_people_like_its_raters(app: Flask, added: int) -> None:
    assert added not in listed(app, 950)
    assert fold_in(app)
    assert listed(app, 950)[0] == added
    assert listed(app, 951)[:2] == [8, 21]
    assert added in listed(app, 951)


def test_new_here_is_in_the_order_of_how_well_each_fits_the_person(
    app: Flask, ann: FlaskClient
) -> None:
    space, love = (bring_title(app, NewTitle(g, 2026, g)) for g in ("Sci-Fi", "Romance"))
    fold_in(app)
    for rated, order in ((1, [space, love]), (8, [love, space])):
        ann.post(f"/title/{rated}/rating", data={"rating": "5"})
        shelf = ann.get("/").text.partition("New here")[2].partition("</section>")[0]
        assert [int(i) for i in re.findall(r'<h3><a href="/title/(\d+)', shelf)] == order
        ann.post(f"/title/{rated}/rating/delete")


def test_nothing_is_stored_again_while_nothing_has_changed(app: Flask, added: int) -> None:
    assert fold_in(app)
    assert not fold_in(app)
    model = serving_of(app).model
    serving_of(app).refresh()
    assert serving_of(app).model is model
    rate(app, [907], 1, added)
    assert fold_in(app)
    assert serving_of(app).model is not model


def test_raters_who_delete_their_account_are_forgotten(app: Flask, added: int) -> None:
    fold_in(app)
    with app.app_context():
        before = db.session.get_one(FoldedItem, (serving.watcher.model.version, added))
        vectors, count = before.vectors, before.rating_count
        accounts.delete_account(db.session.get_one(User, 901))
    assert fold_in(app)
    with app.app_context():
        after = db.session.get_one(FoldedItem, (serving.watcher.model.version, added))
        assert (count, after.rating_count) == (6, 5)
        assert after.vectors != vectors


def test_another_process_serves_what_one_has_folded_in(
    app: Flask, added: int, environ: dict[str, str]
) -> None:
    other = create_app(environ, TESTING=True)
    serving_of(other).refresh()
    assert added not in listed(other, 950)
    fold_in(app)
    serving_of(other).refresh()
    assert added in listed(other, 950)
    with other.app_context():
        db.engine.dispose()


def test_a_title_of_the_release_that_nobody_had_rated_is_folded_in_too(app: Flask) -> None:
    app.test_client().get("/health")
    rate(app, FANS, 1, 55)
    rate(app, [950], 2)
    fold_in(app)
    assert 55 in listed(app, 950)


def test_a_hidden_title_leaves_every_list_at_once_and_comes_back(app: Flask, added: int) -> None:
    fold_in(app)
    with app.app_context():
        hide(added, True)
    assert added not in listed(app, 950)
    with app.app_context():
        assert db.session.get(Rating, (901, added)) is not None
        hide(added, False)
    assert added in listed(app, 950)


def test_rest_compares_and_predicts_a_new_title(app: Flask, rest: Rest, added: int) -> None:
    fold_in(app)
    similar = rest.answer("GET", f"/movie/{added}/similar?limit=3")
    assert {row["movie_id"] for row in similar["similar"]} <= {1, 2, 3, 5}
    others = rest.answer("GET", "/movie/3/similar?limit=4")
    assert added in [row["movie_id"] for row in others["similar"]]
    one = rest.answer("GET", "/user/950/recommendations?limit=1")
    assert one["recommendations"][0]["movie_id"] == added


def test_an_arm_of_an_experiment_can_do_without_new_titles(app: Flask, added: int) -> None:
    fold_in(app)
    start(app, "--share", "0.5", treatment="new_titles=0")
    serving_of(app).refresh()
    plan = serving_of(app).trials.current.plan
    without, with_new = (
        next(user for user in range(960, 1060) if plan.arm_of(user) == arm)
        for arm in ("treatment", "control")
    )
    rate(app, [without, with_new], 3)
    assert added not in listed(app, without)
    assert added in listed(app, with_new)


def test_a_new_title_becomes_an_ordinary_one_with_the_next_release(
    app: Flask, store: ReleaseStore, added: int
) -> None:
    fold_in(app)
    with app.app_context():
        assert db.session.get_one(Item, added).title == "Space Opera"
    store.publish(tiny_release("20260103-000000-cccc"), ITEMS, no_parity_sample())
    store.promote("20260103-000000-cccc")
    serving_of(app).refresh()
    assert added not in listed(app, 950)  # of the old release's factors
    assert fold_in(app)
    assert added in listed(app, 950)


def test_readiness_says_that_an_old_release_folds_no_titles_in(
    app: Flask, client: FlaskClient, store: ReleaseStore, added: int
) -> None:
    old = tiny_release("20260103-000000-cccc", item_prior=None, user_gram=None)
    store.publish(old, ITEMS, no_parity_sample())
    store.promote(old.version)
    serving_of(app).refresh()
    assert not fold_in(app) or added not in listed(app, 950)
    assert "older than folding them in" in client.get("/ready").json["new_titles"]
    assert FIRST not in listed(app, 950)
