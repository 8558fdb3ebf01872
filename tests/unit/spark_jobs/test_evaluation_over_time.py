"""What protocol T says of the age of a release, and what protocol N draws and predicts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recommender.model import Model
from recommender.new_items import NewItem
from spark_jobs.evaluation.new_titles import (
    LEAST_RATINGS,
    FirstRaters,
    FoldedIn,
    by_title,
    draw_new_titles,
)
from spark_jobs.evaluation.time_protocol import ageing_sentence
from spark_jobs.item_prior import fit_item_prior
from tests.support.releases import ITEMS, tiny_release


def aged(days: float, low: float | None) -> dict[str, Any]:
    loss = {"difference": 0.05, "low": low, "high": 0.1, "people": 9}
    return {"days": days, "until": "2020-01-01", "ndcg": 0.15, "loss": loss}


NEWEST = {"days": 0.0, "until": "2021-01-01", "ndcg": 0.2, "loss": None}


def test_ageing_sentence_names_the_youngest_release_that_is_worse_beyond_chance() -> None:
    rows = [aged(900, 0.02), aged(609, 0.01), aged(50, -0.01), NEWEST]
    assert ageing_sentence(rows) == (
        "A release fitted 20 months earlier loses 0.050 of 0.200, beyond chance: retrain at least"
        " every 50 days."
    )


def test_ageing_sentence_asks_for_more_when_even_the_youngest_is_worse() -> None:
    assert ageing_sentence([aged(90, 0.01), NEWEST]).endswith("beyond chance: retrain more often.")


@pytest.mark.parametrize("low", [None, -0.001, 0.0])
def test_ageing_sentence_claims_nothing_within_chance(low: float | None) -> None:
    assert ageing_sentence([aged(900, low), NEWEST]).startswith(
        "A release fitted 30 months earlier ranks no worse beyond chance"
    )


def test_new_titles_are_a_tenth_of_those_with_enough_ratings() -> None:
    ids = np.arange(100, 400)
    counts = np.where(ids % 3, LEAST_RATINGS, LEAST_RATINGS - 1)
    drawn = draw_new_titles(ids, counts, seed=0)
    assert len(drawn) == 20
    assert (drawn % 3 > 0).all()
    assert drawn.tolist() != draw_new_titles(ids, counts, seed=1).tolist()
    validation = draw_new_titles(ids, counts, seed=0, validation=True)
    assert len(validation) == 20
    tested = [draw_new_titles(ids, counts, seed) for seed in range(5)]
    assert not np.isin(validation, np.concatenate(tested)).any()


@pytest.fixture
def model() -> Model:
    """Titles 1 to 5 are of one taste and genre, the next four of the other."""
    release = tiny_release()
    return Model(replace(release, item_prior=fit_item_prior(ITEMS, release.arrays)))


NEW_IDS = np.array([901, 902])


def new_titles(*genres: str) -> list[NewItem]:
    return [NewItem(i, None, (g,), ()) for i, g in zip(NEW_IDS.tolist(), genres, strict=True)]


def test_a_new_title_without_raters_follows_its_genre(model: Model) -> None:
    titles = new_titles("Sci-Fi", "Romance")
    raters = FirstRaters([np.array([], int)] * 2, [np.array([])] * 2, {})
    new = FoldedIn(raters.folded_in(model, titles, 0), NEW_IDS)
    one, other = new.scores({1: 5.0})
    assert one > other
    one, other = new.scores({13: 5.0})
    assert one < other


def test_title_is_folded_in_for_those_who_are_like_its_raters(model: Model) -> None:
    titles = new_titles("Western", "Western")
    nothing = np.empty(0, int), np.empty(0)
    people = {1: (model.fold_in({1: 5.0}), nothing), 2: (model.fold_in({13: 5.0}), nothing)}
    raters = FirstRaters(
        [np.array([1, 2]), np.array([2, 1])], [np.array([5.0, 5.0]), np.array([5.0, 5.0])], people
    )
    after_one = FoldedIn(raters.folded_in(model, titles, 1), NEW_IDS)
    assert np.argmax(after_one.scores({1: 5.0})) == 0
    assert np.argmax(after_one.scores({13: 5.0})) == 1
    both = FoldedIn(raters.folded_in(model, titles, 2), NEW_IDS)  # have the same two raters
    assert both.scores({1: 5.0})[0] == pytest.approx(both.scores({1: 5.0})[1], rel=1e-5)


def test_ratings_of_the_first_raters_are_fitted_and_never_folded_in() -> None:
    raters = FirstRaters([np.array([7, 8])], [np.array([1.0, 1.0])], {})
    users, items = np.array([7, 7, 8, 9]), np.array([1, 5, 5, 5])
    roles = by_title(np.array([5]), raters, 1)(users, items, np.array([0, 2, 3, 4]))
    assert roles.fitted.tolist() == [True, True, False, False]
    assert roles.known.tolist() == [True, False, False, False]
    assert roles.held.tolist() == [False, True, True, True]
