"""What protocol T says of the age of a release, and what protocol N draws and predicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recommender.model import Model
from spark_jobs.evaluation.new_titles import (
    LEAST_RATINGS,
    FactorsOfTitles,
    Raters,
    by_title,
    draw_new_titles,
    predicted_factors,
)
from spark_jobs.evaluation.time_protocol import ageing_sentence
from tests.support.releases import tiny_release


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


def test_predicted_factors_follow_the_genre_of_a_new_title() -> None:
    """Titles 1 to 4 are of one taste and genre, the next four of the other."""
    model = Model(tiny_release())
    genres = np.repeat(np.eye(2), 4, axis=0)
    factors = predicted_factors(model.release.arrays, genres, np.eye(2))
    new = FactorsOfTitles(model, np.array([901, 902]), factors)
    first, second = model.item_index.item_ids[[0, 4]].tolist()
    one, other = new.scores({first: 5.0})
    assert one > other
    one, other = new.scores({second: 5.0})
    assert one < other


def test_title_is_folded_in_for_those_who_are_like_its_raters() -> None:
    model = Model(tiny_release())
    first, second = model.item_index.item_ids[[0, 4]].tolist()
    vectors = {1: model.fold_in({first: 5.0}), 2: model.fold_in({second: 5.0})}
    raters = Raters(
        [np.array([1, 2]), np.array([2, 1])],
        [np.array([1.0, 1.0]), np.array([1.0, 1.0])],
        {user: person.ranking_vector for user, person in vectors.items()},
    )
    unknown = np.zeros((2, model.release.ranking.rank))
    after_one = FactorsOfTitles(model, np.array([901, 902]), raters.folded_in(model, 1, unknown))
    assert np.argmax(after_one.scores({first: 5.0})) == 0
    assert np.argmax(after_one.scores({second: 5.0})) == 1
    np.testing.assert_allclose(*raters.folded_in(model, 2, unknown))  # both have the same two
    assert raters.folded_in(model, 0, unknown).tolist() == unknown.tolist()


def test_ratings_of_the_first_raters_are_fitted_and_never_folded_in() -> None:
    raters = Raters([np.array([7, 8])], [np.array([1.0, 1.0])], {})
    users, items = np.array([7, 7, 8, 9]), np.array([1, 5, 5, 5])
    roles = by_title(np.array([5]), raters, 1)(users, items, np.array([0, 2, 3, 4]))
    assert roles.fitted.tolist() == [True, True, False, False]
    assert roles.known.tolist() == [True, False, False, False]
    assert roles.held.tolist() == [False, True, True, True]
