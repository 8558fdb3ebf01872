"""Both solvers: the same normal equations as ``recommender.fold_in``, users solved last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from msgspec.structs import replace
from pyspark.sql import SparkSession

from benchmarks import data
from recommender.errors import ConfigError, SetupError
from recommender.fold_in import Ridge, fold_in_ranking, gram, ranking_equations, rating_equations
from recommender.params import RankingParams, RatingParams
from spark_jobs.als import mllib
from spark_jobs.als import solver as als
from spark_jobs.als.solver import Factors, FittedFactors, QuantizedFactors
from tests.support.rating_rows import packed

RANKING = RankingParams(rank=3, iterations=4, regularization=0.2, alpha=5.0)
RATING = RatingParams(rank=3, iterations=4, regularization=0.1)
PEOPLE, FILMS = 12, 8
# Solver, and changes to the parameters of both models.
SOLVERS = {
    "als": ("als", {}),
    "als, Rendle's regularization": (
        "als",
        {"regularization_exponent": 0.5, "catalogue_share": 0.1},
    ),
    "mllib": ("mllib", {}),
}

# user and item ids far apart and out of order, so that an id is never taken for a row.
Table = dict[int, dict[int, float]]


def signed_table() -> Table:
    """Return preferences from −1 to 1 by user and item; user 1000 dislikes all they rated."""
    random = np.random.default_rng(3)
    table: Table = {}
    for user in random.permutation(PEOPLE) * 7 + 5:
        rated = random.choice(FILMS, size=5, replace=False) * 10 + 3
        table[int(user)] = {int(item): float(random.uniform(-0.4, 1)) for item in rated}
    table[1000] = {3: -0.5, 23: -1.0}
    return table


def fit(
    spark: SparkSession,
    table: Table,
    params: RankingParams | RatingParams,
    solver: str = "als",
    seed: int = 1,
    start: Factors | None = None,
) -> FittedFactors:
    rows = [(user, item, value) for user, row in table.items() for item, value in row.items()]
    values = packed(spark, rows)
    try:
        if solver == "mllib":
            return mllib.fit(mllib.frame(values), params, seed)
        return als.fit(values, params, seed, start)
    finally:
        values.unpersist()


@dataclass(frozen=True)
class Fits:
    """Both models as one solver fitted them."""

    ranking_params: RankingParams
    rating_params: RatingParams
    ranking: FittedFactors
    rating: FittedFactors


@pytest.fixture(scope="module", params=SOLVERS.values(), ids=SOLVERS)
def fits(request: pytest.FixtureRequest, spark: SparkSession) -> Fits:
    solver, changes = request.param
    ranking, rating = replace(RANKING, **changes), replace(RATING, **changes)
    table = signed_table()
    return Fits(
        ranking, rating, fit(spark, table, ranking, solver), fit(spark, table, rating, solver)
    )


def rated(fitted: FittedFactors, user: int) -> tuple[np.ndarray, np.ndarray]:
    """The factors of what a user rated, (n, rank), and the values, (n,)."""
    row = signed_table()[user]
    return fitted.items.vectors_of(np.array(list(row))), np.array(list(row.values()))


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
def test_vectors_of_returns_zeros_for_unknown_ids(
    ids: list[int], expected: list[list[float]]
) -> None:
    found = FOUR.vectors_of(np.array(ids, dtype=np.int64))
    assert found.tolist() == expected
    assert found.dtype == np.float32


def test_fit_has_one_vector_per_id_in_ascending_order(fits: Fits) -> None:
    table = signed_table()
    items = sorted({item for row in table.values() for item in row})
    for factors, ids in ((fits.rating.users, sorted(table)), (fits.rating.items, items)):
        assert factors.ids.tolist() == ids
        assert (factors.ids.dtype, factors.vectors.dtype) == (np.int64, np.float32)
        assert factors.vectors.shape == (len(ids), 3)


def test_ranking_vectors_satisfy_the_fold_in_equations(fits: Fits) -> None:
    params, item_gram = fits.ranking_params, gram(fits.ranking.items.vectors)
    ridge = Ridge.from_params(params, FILMS)
    for user in signed_table():
        factors, strengths = rated(fits.ranking, user)
        left, right = ranking_equations(item_gram, factors, strengths, params.alpha, ridge)
        [trained] = fits.ranking.users.vectors_of(np.array([user]))
        assert left @ trained == pytest.approx(right, abs=1e-4)
        folded = fold_in_ranking(item_gram, factors, strengths, params.alpha, ridge)
        assert trained == pytest.approx(folded, abs=1e-5)


def test_ranking_vector_is_zero_when_the_user_likes_nothing(fits: Fits) -> None:
    of_three = fits.ranking.users.vectors_of(np.array([1000, 5, 12]))
    assert np.any(of_three != 0, axis=1).tolist() == [False, True, True]


def test_rating_vectors_satisfy_the_fold_in_equations(fits: Fits) -> None:
    ridge = Ridge.from_params(fits.rating_params, FILMS)
    for user in signed_table():
        factors, residuals = rated(fits.rating, user)
        left, right = rating_equations(factors, residuals, ridge)
        [trained] = fits.rating.users.vectors_of(np.array([user]))
        assert np.any(trained != 0)
        assert trained == pytest.approx(np.linalg.solve(left, right), abs=1e-5)


def test_mllib_solver_rejects_a_regularization_exponent(spark: SparkSession) -> None:
    with pytest.raises(ConfigError, match="--solver als"):
        fit(spark, signed_table(), replace(RANKING, regularization_exponent=0.5), "mllib")


def loss(fitted: FittedFactors, table: Table, params: RankingParams) -> float:
    """The implicit objective, over every pair (Hu, Koren, Volinsky 2008, equation 3)."""
    users, items = sorted(table), fitted.items.ids
    strengths = np.array([[table[user].get(int(item), 0.0) for item in items] for user in users])
    x, y = fitted.users.vectors_of(np.array(users)), fitted.items.vectors
    errors = (1 + params.alpha * np.abs(strengths)) * ((strengths > 0) - x @ y.T) ** 2
    counts_x, counts_y = (strengths > 0).sum(axis=1), (strengths > 0).sum(axis=0)
    penalty = counts_x @ (x**2).sum(axis=1) + counts_y @ (y**2).sum(axis=1)
    return float(errors.sum() + params.regularization * penalty)


def test_solvers_reach_the_same_loss(spark: SparkSession) -> None:
    table, params = signed_table(), replace(RANKING, rank=2, iterations=20)

    def lowest(solver: str) -> float:
        return min(loss(fit(spark, table, params, solver, n), table, params) for n in (1, 2))

    assert lowest("als") == pytest.approx(lowest("mllib"), rel=1e-3)


def test_warm_start_continues_from_the_earlier_fit(spark: SparkSession) -> None:
    table, params = signed_table(), replace(RANKING, iterations=20)
    cold = fit(spark, table, params)
    again = fit(spark, table, replace(params, iterations=1), start=cold.items)
    first = fit(spark, table, replace(params, iterations=1))
    best = loss(cold, table, params)
    assert loss(again, table, params) == pytest.approx(best, rel=1e-3)
    assert loss(first, table, params) > 1.02 * best


def test_warm_start_fits_new_items(spark: SparkSession) -> None:
    table = signed_table()
    cold = fit(spark, table, RANKING)
    old = Factors(cold.items.ids[:-1], cold.items.vectors[:-1])
    assert np.any(fit(spark, table, RANKING, start=old).items.vectors[-1] != 0)


def test_quantized_factors_are_within_half_a_step() -> None:
    vectors = np.array([[1.0, -0.25, 1e-9], [0, 0, 0], [3e4, 2e4, -3e4]], np.float32)
    coded = QuantizedFactors.rounded(vectors)
    assert coded.codes.dtype == np.int16
    steps = np.abs(vectors).max(axis=1, keepdims=True) / 32767
    assert np.all(np.abs(coded.vectors() - vectors) <= 0.501 * steps)
    assert QuantizedFactors.exact(vectors).vectors().tolist() == vectors.tolist()
    assert coded.vectors(slice(1, 3)).tolist() == coded.vectors()[1:].tolist()


def test_fit_is_rejected_when_factors_exceed_driver_memory(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(als, "_available_memory", lambda: 1000)
    with pytest.raises(SetupError, match=r"21 people and titles of rank 3 .* --solver mllib"):
        fit(spark, signed_table(), RANKING)


@pytest.mark.parametrize(
    ("params", "change"),
    [
        (RANKING, {"regularization": 1e-9}),
        (RATING, {"regularization": 1e-9}),
        (RATING, {"regularization": 1e-8, "regularization_exponent": 0.0}),
    ],
)
def test_fit_is_rejected_when_regularization_vanishes_in_single_precision(
    spark: SparkSession, params: RankingParams | RatingParams, change: dict[str, float]
) -> None:
    with pytest.raises(ConfigError, match="singular in single precision; give at least"):
        fit(spark, signed_table(), replace(params, **change))


def test_fit_is_deterministic_for_a_seed(spark: SparkSession) -> None:
    first, again, other = (fit(spark, signed_table(), RANKING, seed=seed) for seed in (1, 1, 2))
    assert first.items.vectors.tobytes() == again.items.vectors.tobytes()
    assert first.users.vectors.tobytes() == again.users.vectors.tobytes()
    assert first.items.vectors.tobytes() != other.items.vectors.tobytes()


def test_long_fit_does_not_overflow_the_java_stack(spark: SparkSession) -> None:
    # Checked first, because an overflow can end the JVM that all tests share.
    options = spark.sparkContext.getConf().get("spark.driver.extraJavaOptions") or ""
    assert spark.sparkContext.getCheckpointDir() or "-Xss" in options, "30 iterations are too many"
    params = RankingParams(rank=2, iterations=40)
    fitted = fit(spark, signed_table(), params, "mllib")
    assert np.all(np.isfinite(fitted.users.vectors))


def test_solvers_have_equal_ranking_quality(spark: SparkSession) -> None:
    """On generated and held-out ratings, averaged over seeds.

    Solvers start from different values, and on small data also end at different ones.
    """
    parts = data.split("tiny")
    train = parts.train
    strengths = (train.stars - 2) / 3
    rows = list(zip(train.users.tolist(), train.items.tolist(), strengths.tolist(), strict=True))
    values, params = packed(spark, rows), RankingParams(rank=8, regularization=0.3)
    frame = mllib.frame(values).cache()
    users, items = np.arange(train.users.max() + 1), np.arange(train.items.max() + 1)

    def ndcg(fitted: FittedFactors) -> float:
        return data.ndcg(parts, fitted.users.vectors_of(users), fitted.items.vectors_of(items))

    ours = np.mean([ndcg(als.fit(values, params, seed)) for seed in range(3)])
    theirs = np.mean([ndcg(mllib.fit(frame, params, seed)) for seed in range(3)])
    assert ours == pytest.approx(theirs, rel=0.02)
