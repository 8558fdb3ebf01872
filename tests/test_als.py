"""MLlib's factors: the same normal equations as ``recommender.fold_in``, users solved last."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from recommender.fold_in import fold_in_ranking, gram, ranking_equations, rating_equations
from recommender.params import RankingParams, RatingParams
from spark_jobs import als
from spark_jobs.als import Factors, FittedFactors

RANKING = RankingParams(rank=3, iterations=4, regularization=0.2, alpha=5.0)
RATING = RatingParams(rank=3, iterations=4, regularization=0.1)
PEOPLE, FILMS = 12, 8

# user and item ids far apart and out of order, so that an id is never taken for a row.
Table = dict[int, dict[int, float]]


def signed_table() -> Table:
    """Strengths from −1 to 1 by user and item; user 1000 dislikes all they rated."""
    random = np.random.default_rng(3)
    table: Table = {}
    for user in random.permutation(PEOPLE) * 7 + 5:
        rated = random.choice(FILMS, size=5, replace=False) * 10 + 3
        table[int(user)] = {int(item): float(random.uniform(-0.4, 1)) for item in rated}
    table[1000] = {3: -0.5, 23: -1.0}
    return table


def fit(spark: SparkSession, table: Table, params: RankingParams | RatingParams) -> FittedFactors:
    column = "strength" if isinstance(params, RankingParams) else "residual"
    frame = spark.createDataFrame(
        [(user, item, value) for user, row in table.items() for item, value in row.items()],
        f"user_id int, item_id int, {column} double",
    )
    if isinstance(params, RankingParams):
        return als.fit_ranking(frame, params, seed=1)
    return als.fit_rating(frame, params, seed=1)


@pytest.fixture(scope="module")
def ranking(spark: SparkSession) -> FittedFactors:
    return fit(spark, signed_table(), RANKING)


@pytest.fixture(scope="module")
def rating(spark: SparkSession) -> FittedFactors:
    return fit(spark, signed_table(), RATING)


def rated(fitted: FittedFactors, user: int) -> tuple[np.ndarray, np.ndarray]:
    """The factors of what a user rated, (n, rank), and the values, (n,)."""
    row = signed_table()[user]
    return fitted.items.of(np.array(list(row))), np.array(list(row.values()))


FOUR = Factors(np.array([2, 3, 5, 8]), np.arange(8, dtype=np.float32).reshape(4, 2))


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([2, 8], [[0, 1], [6, 7]]),
        ([8, 2, 8], [[6, 7], [0, 1], [6, 7]]),
        ([4], [[0, 0]]),
        ([-1, 1, 9], [[0, 0], [0, 0], [0, 0]]),
        ([5, 6], [[4, 5], [0, 0]]),
        ([], []),
    ],
)
def test_factors_are_found_by_id_and_are_zero_for_an_unknown_one(
    ids: list[int], expected: list[list[float]]
) -> None:
    found = FOUR.of(np.array(ids, dtype=np.int64))
    assert found.tolist() == expected
    assert found.dtype == np.float32


@pytest.mark.parametrize("head", ["ranking", "rating"])
def test_a_fit_has_one_vector_for_each_id_in_ascending_order(
    head: str, request: pytest.FixtureRequest
) -> None:
    """In the ranking head, for each that has a positive strength: the others' are zeros."""
    fitted: FittedFactors = request.getfixturevalue(head)
    triples = [(user, item, s) for user, row in signed_table().items() for item, s in row.items()]
    if head == "ranking":
        triples = [triple for triple in triples if triple[2] > 0]
    users, items = ({triple[n] for triple in triples} for n in (0, 1))
    for factors, ids in ((fitted.users, sorted(users)), (fitted.items, sorted(items))):
        assert factors.ids.tolist() == ids
        assert (factors.ids.dtype, factors.vectors.dtype) == (np.int64, np.float32)
        assert factors.vectors.shape == (len(ids), 3)


@pytest.mark.parametrize("user", signed_table())
def test_ranking_vectors_solve_the_equations_that_folding_in_solves(
    ranking: FittedFactors, user: int
) -> None:
    factors, strengths = rated(ranking, user)
    item_gram = gram(ranking.items.vectors)
    left, right = ranking_equations(
        item_gram, factors, strengths, RANKING.alpha, RANKING.regularization
    )
    [trained] = ranking.users.of(np.array([user]))
    assert left @ trained == pytest.approx(right, abs=1e-4)
    folded = fold_in_ranking(item_gram, factors, strengths, RANKING.alpha, RANKING.regularization)
    assert trained == pytest.approx(folded, abs=1e-4)


def test_someone_who_likes_nothing_has_a_ranking_vector_of_zeros(ranking: FittedFactors) -> None:
    of_three = ranking.users.of(np.array([1000, 5, 12]))
    assert np.any(of_three != 0, axis=1).tolist() == [False, True, True]


@pytest.mark.parametrize("user", signed_table())
def test_rating_vectors_solve_the_equations_that_folding_in_solves(
    rating: FittedFactors, user: int
) -> None:
    factors, residuals = rated(rating, user)
    left, right = rating_equations(factors, residuals, RATING.regularization)
    [trained] = rating.users.of(np.array([user]))
    assert np.any(trained != 0)
    assert trained == pytest.approx(np.linalg.solve(left, right), abs=1e-4)


def test_the_seed_decides_the_model(spark: SparkSession, rating: FittedFactors) -> None:
    again = fit(spark, signed_table(), RATING)
    assert np.array_equal(again.items.vectors, rating.items.vectors)


def test_a_long_fit_does_not_overflow_javas_stack(spark: SparkSession) -> None:
    # Asked first, because the overflow can end the JVM that all tests share.
    options = spark.sparkContext.getConf().get("spark.driver.extraJavaOptions") or ""
    assert spark.sparkContext.getCheckpointDir() or "-Xss" in options, "30 iterations are too many"
    params = RankingParams(rank=2, iterations=40)
    assert np.all(np.isfinite(fit(spark, signed_table(), params).users.vectors))
