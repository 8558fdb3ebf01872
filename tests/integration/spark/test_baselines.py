"""Baselines: each compared with its formula, and without items that a user already rated."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.fold_in import Ridge
from spark_jobs.evaluation.baselines import (
    Biases,
    Ease,
    ItemEase,
    Popularity,
    RawAls,
    ease_fits_by_people,
    ease_fits_by_titles,
)

IDS = np.array([10, 20, 30, 40])


def test_popularity_ranks_by_count_without_rated_and_hidden_items() -> None:
    popular = Popularity(IDS, np.array([5, 9, 7, 1]))
    assert popular.top({20: 1.0, 99: 5.0}, 2).tolist() == [30, 10]
    assert popular.top({20: 1.0}, 9, hidden=[30]).tolist() == [10, 40]


def test_biases_add_up_and_stay_within_the_scale() -> None:
    biases = Biases(IDS, 3.0, np.array([0.5, -0.5, 0.0, 2.0], np.float32), regularization=1.0)
    # They gave item 10 half a star more than μ + b_i = 3.5: b_u = 0.5 / (1 + 1).
    stars = biases.stars({10: 4.0}, [20, 40, 99])
    assert stars == pytest.approx([3 - 0.5 + 0.25, 5.0, 3.25])


def test_ease_equals_its_closed_form() -> None:
    random = np.random.default_rng(0)
    x = (random.random((6, 4)) < 0.5).astype(np.float32)
    ease = Ease.fit(IDS, x, regularization=2.0, liked=4.0)
    p = np.linalg.inv(x.T.astype(float) @ x + 2.0 * np.eye(4))
    b = -p / np.diag(p)
    np.fill_diagonal(b, 0)
    # Two of the three ratings are likes.
    expected = np.array([1.0, 0.0, 1.0, 0.0]) @ b
    known = {10: 5.0, 20: 3.5, 30: 4.0, 99: 5.0}
    assert ease.scores(known) == pytest.approx(expected, abs=1e-6)
    by_titles = ItemEase.fit(IDS, x.T.astype(float) @ x, regularization=2.0, liked=4.0)
    assert by_titles.scores(known) == pytest.approx(expected, abs=1e-6)


def test_ease_is_skipped_when_its_matrices_exceed_memory() -> None:
    assert ease_fits_by_people(people=610, titles=9_742)
    assert not ease_fits_by_people(people=6_040, titles=3_706)
    assert ease_fits_by_titles(10_000)
    assert not ease_fits_by_people(people=9_000, titles=59_047)
    assert not ease_fits_by_titles(59_047)


def test_raw_als_folds_in_stars_and_predicts_the_mean_for_unknown_items() -> None:
    factors = np.array([[1.0], [2.0], [0.0], [4.0]], np.float32)
    raw = RawAls(IDS, factors, mean=3.0, ridge=Ridge(0.5))
    # (1² + 2² + 0.5·2)·p = 1·3 + 2·3
    stars = raw.stars({10: 3.0, 20: 3.0}, [10, 40, 99])
    assert stars == pytest.approx([1.5, 5.0, 3.0])
    assert raw.top({10: 3.0, 20: 3.0}, 2).tolist() == [40, 30]
