"""The compiled neighbourhood against its formula in numpy, and input of every odd shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.errors import ConfigError
from recommender.params import NeighbourhoodParams
from spark_jobs.neighbourhood import fit as neighbourhood
from spark_jobs.neighbourhood.fit import PreferenceMatrix, Sparse, by_source

Matrix = np.ndarray


def by_user(preferences: Matrix) -> Sparse:
    """Return a dense matrix, in which 0 is no rating, by user, its columns descending."""
    rows = [np.flatnonzero(row)[::-1] for row in preferences]
    starts = np.cumsum([0, *map(len, rows)])
    columns = np.concatenate([np.empty(0, np.int32), *rows]).astype(np.int32)
    values = [preferences[user, row] for user, row in enumerate(rows)]
    return Sparse(starts, columns, np.concatenate([np.empty(0), *values]).astype(np.float32))


def solved(preferences: Matrix, params: NeighbourhoodParams, seed: int = 1) -> Matrix:
    """Return B as a dense matrix (source, target)."""
    items = preferences.shape[1]
    matrix = PreferenceMatrix.build(by_user(preferences), items, params.most_ratings, seed)
    arrays = by_source(matrix.solve(matrix.numbers[np.arange(items)], params))
    weights = np.zeros((items, items))
    sources = np.repeat(np.arange(items), np.diff(arrays.neighbour_starts))
    weights[sources, arrays.neighbour_rows] = arrays.neighbour_weights
    return weights


def formula(preferences: Matrix, params: NeighbourhoodParams) -> Matrix:
    """Return ``(G_CC + λ_n·I)⁻¹ G_Cj`` of each item ``j``, with dense arrays."""
    gram = preferences.T @ preferences
    # As the kernel computes them, so that ties are the same.
    lengths = (1 / np.sqrt(np.diag(gram) + params.regularization)).astype(np.float32)
    counts = (preferences != 0).sum(axis=0)
    popular = np.argsort(-counts, kind="stable")
    weights = np.zeros(gram.shape)
    for j in range(len(gram)):
        likeness = gram[:, j].astype(np.float32) * lengths
        likeness[j] = -1
        order = popular[np.argsort(-likeness[popular], kind="stable")]
        chosen = order[likeness[order] > 0][: params.neighbours]
        left = gram[np.ix_(chosen, chosen)] + params.regularization * np.eye(len(chosen))
        weights[chosen, j] = np.linalg.solve(left, gram[chosen, j])
    return weights


def random_preferences(users: int, items: int, share: float, seed: int) -> Matrix:
    """Multiples of ¼, whose sums are exact in single precision, so that ties are ties."""
    random = np.random.default_rng(seed)
    values = random.choice([-1, -0.5, 0.25, 0.5, 0.75, 1.0], (users, items))
    return np.where(random.random((users, items)) < share, values, 0.0)


@settings(max_examples=60)
@given(
    users=st.integers(1, 30),
    items=st.integers(1, 25),
    share=st.sampled_from([0.05, 0.3, 1.0]),
    neighbours=st.integers(1, 30),
    regularization=st.sampled_from([0.5, 5.0, 100.0]),
    seed=st.integers(0, 10_000),
)
def test_neighbourhood_equals_its_formula(
    users: int, items: int, share: float, neighbours: int, regularization: float, seed: int
) -> None:
    preferences = random_preferences(users, items, share, seed)
    params = NeighbourhoodParams(neighbours=neighbours, regularization=regularization)
    expected = formula(preferences, params)
    np.testing.assert_allclose(solved(preferences, params), expected, rtol=1e-3, atol=1e-5)


def test_items_solved_in_parts_have_the_same_weights() -> None:
    preferences = random_preferences(60, 40, 0.3, seed=2)
    params = NeighbourhoodParams(neighbours=5)
    matrix = PreferenceMatrix.build(by_user(preferences), 40, params.most_ratings, seed=1)
    together = matrix.solve(np.arange(40, dtype=np.int32), params)
    for part in range(3):
        targets = np.arange(part, 40, 3, dtype=np.int32)
        assert matrix.solve(targets, params).tobytes() == together[part::3].tobytes()


def test_systems_of_all_parts_at_work_fit_in_the_memory_for_them() -> None:
    for items, most, threads in ((1, 100, 8), (59_000, 100, 2), (1_000_000, 50, 16)):
        parts = neighbourhood.part_count(items, most, threads)
        assert threads * -(-items // parts) * 2 * most**2 <= 1.01 * neighbourhood.SYSTEMS
        assert parts == 1 or parts % threads == 0


def test_users_above_the_limit_are_sampled_by_the_seed() -> None:
    preferences = random_preferences(40, 30, 0.6, seed=3)
    params = NeighbourhoodParams(neighbours=6, most_ratings=10)
    matrix = PreferenceMatrix.build(by_user(preferences), 30, 10, seed=1)
    counts = np.diff(by_user(preferences).starts)
    assert matrix.sampled_users == (counts > 10).sum() > 0
    assert np.diff(matrix.users.starts).tolist() == np.minimum(counts, 10).tolist()
    kept = np.zeros(preferences.shape)
    users = np.repeat(np.arange(40), np.diff(matrix.users.starts))
    kept[users, matrix.rows[matrix.users.columns]] = matrix.users.values
    assert ((kept == preferences) | (kept == 0)).all()
    np.testing.assert_allclose(solved(preferences, params), formula(kept, params), 1e-3, 1e-5)
    assert (solved(preferences, params, seed=2) != solved(preferences, params, seed=1)).any()


def test_few_and_many_products_find_the_same_neighbours() -> None:
    # One user who rated every item makes the products of each item more than there are items.
    sparse = random_preferences(12, 60, 0.04, seed=4)
    dense = np.vstack([sparse, np.full((1, 60), 1e-6)])
    params = NeighbourhoodParams(neighbours=4, regularization=5.0)
    few, many = solved(sparse, params), solved(dense, params)
    np.testing.assert_allclose(many, few, atol=1e-5)


ODD = {
    "one item": np.ones((3, 1)),
    "one rating each": np.eye(5),
    "all equal": np.ones((6, 7)),
    "an item that everybody has": np.hstack([np.ones((9, 1)), np.eye(9)]),
    "all disliked": -np.ones((4, 3)),
    "one user": np.ones((1, 8)),
}


@pytest.mark.parametrize("preferences", ODD.values(), ids=ODD)
@pytest.mark.parametrize("neighbours", [1, 3, 1000])
def test_odd_input_gives_finite_weights(preferences: Matrix, neighbours: int) -> None:
    params = NeighbourhoodParams(neighbours=neighbours)
    weights = solved(preferences, params)
    assert np.isfinite(weights).all()
    assert not np.diag(weights).any()
    assert ((weights != 0).sum(axis=0) <= neighbours).all()
    np.testing.assert_allclose(weights, formula(preferences, params), rtol=1e-3, atol=1e-5)


def test_the_smallest_weights_are_left_out_beyond_the_mean_number_a_rating_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights = np.array([[0.5, -0.25], [0.1, 0.0], [-0.05, 0.3]], np.float16)
    solved = np.empty((3, 2), neighbourhood.WEIGHT)
    solved["item"], solved["weight"] = [[1, 2], [2, -1], [0, 1]], weights
    counts = np.array([10, 20, 70])  # a rating has .1 · 1 + .2 · 2 + .7 · 2 = 1.9 weights
    neighbourhood.drop_smallest(solved, counts)
    assert (solved["weight"] == weights).all()
    monkeypatch.setattr(neighbourhood, "MOST_SUMS", 1.2)
    neighbourhood.drop_smallest(solved, counts)
    assert (solved["weight"] == np.array([[0.5, -0.25], [0, 0], [0, 0.3]], np.float16)).all()


def test_no_pair_means_no_weights() -> None:
    assert not solved(np.eye(5), NeighbourhoodParams()).any()


def test_singular_systems_are_rejected() -> None:
    params = NeighbourhoodParams(regularization=1e-9)
    with pytest.raises(ConfigError, match="regularization 1e-09 leaves systems that are singular"):
        solved(np.ones((3000, 6)), params)
