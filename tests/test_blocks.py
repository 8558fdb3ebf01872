"""Packing: what the solver passes over holds exactly the ratings that went in."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from recommender.errors import DataError
from spark_jobs.blocks import Packed, Side, pack
from spark_jobs.kernels import solve_rows

LARGE = 2_000_000_000  # an id that no table of rows reaches
TRIPLES = [
    (7, 30, 1.0),
    (7, 10, -0.5),
    (2, 30, 0.25),
    (9, 20, 1.0),
    (2, 10, 0.75),
    (9, LARGE, -1.0),
]


def packed_triples(packed: Packed, side: Side) -> list[tuple[int, int, float]]:
    """(row, column, value) as the blocks of one side hold them, in order of row."""
    found = []
    for block in packed.blocks.context.runJob(packed.blocks, list, side.partitions):
        rows = np.repeat(np.arange(len(block.starts) - 1), np.diff(block.starts))
        rows = rows + block.first_row
        found += zip(rows.tolist(), block.columns.tolist(), block.values.tolist(), strict=True)
    return found


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_every_rating_is_in_one_block_of_each_side(spark: SparkSession, parts: int) -> None:
    frame = spark.createDataFrame(TRIPLES, "user_id int, item_id int, strength double")
    packed = pack(frame.repartition(3), "strength", parts)
    assert packed.users.ids.tolist() == [2, 7, 9]
    assert packed.items.ids.tolist() == [10, 20, 30, LARGE]
    assert packed.users.counts.tolist() == [2, 2, 2]
    assert packed.users.positives.tolist() == [2, 1, 1]
    assert packed.items.counts.tolist() == [2, 1, 2, 1]
    users, items = packed.users.ids.tolist(), packed.items.ids.tolist()
    by_user = [(users[r], items[c], v) for r, c, v in packed_triples(packed, packed.users)]
    by_item = [(users[c], items[r], v) for r, c, v in packed_triples(packed, packed.items)]
    assert sorted(by_user) == sorted(by_item) == sorted(TRIPLES)
    packed.unpersist()


@pytest.mark.parametrize(
    ("triples", "problem"),
    [
        ([], "nothing to fit"),
        ([(1, 1, float("nan"))], "finite"),
        ([(1, 1, float("inf"))], "finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_the_first_iteration(
    spark: SparkSession, triples: list[tuple[int, int, float]], problem: str
) -> None:
    frame = spark.createDataFrame(triples, "user_id int, item_id int, strength double")
    with pytest.raises(DataError, match=problem):
        pack(frame, "strength")


@pytest.mark.parametrize("implicit", [True, False], ids=["ranking", "rating"])
@pytest.mark.parametrize("ratings", [1, 3, 4, 5, 64, 301])
def test_the_kernel_solves_the_plain_equations(implicit: bool, ratings: int) -> None:
    """The sum over ratings written out, for numbers of them around the kernel's unrolling."""
    random = np.random.default_rng(ratings)
    fixed = random.normal(size=(400, 8)).astype(np.float32)
    columns = random.choice(400, ratings, replace=False).astype(np.int32)
    values = random.uniform(-0.5, 1, ratings).astype(np.float32)
    values[0] = 1
    alpha, ridge = 3.0, 0.5
    dense = fixed.T @ fixed if implicit else np.zeros((8, 8), np.float32)
    left, right = dense.astype(float) + ridge * np.eye(8), np.zeros(8)
    for column, value in zip(columns, values.astype(float), strict=True):
        y = fixed[column].astype(float)
        left += (alpha * abs(value) if implicit else 1) * np.outer(y, y)
        right += (1 + alpha * value) * (value > 0) * y if implicit else value * y
    vectors = random.normal(size=(2, 8)).astype(np.float32)
    solve_rows(
        *(np.array([0, ratings, ratings]), columns, values, fixed, dense, vectors),
        *(implicit, alpha, np.full(2, ridge, np.float32), 100, 1e-7),
    )
    assert vectors[0] == pytest.approx(np.linalg.solve(left, right), abs=2e-5)
    assert vectors[1].tolist() == [0] * 8
