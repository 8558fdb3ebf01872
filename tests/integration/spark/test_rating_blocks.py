"""Rating blocks contain exactly the input ratings."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from recommender.errors import DataError
from spark_jobs.als import row_lookup
from spark_jobs.als.kernels import solve_rows
from spark_jobs.als.packing import NothingToPack, build_blocks
from spark_jobs.als.rating_blocks import BlockedRatings
from spark_jobs.als.row_lookup import RowLookup
from tests.support.rating_rows import Row, ratings

LARGE = 2_000_000_000  # an id beyond the lookup table
ROWS: list[Row] = [
    (7, 30, 1.0),
    (7, 10, -0.5),
    (2, 30, 0.25),
    (9, 20, 1.0),
    (2, 10, 0.1),
    (9, LARGE, -1.0),
]


def contents(packed: BlockedRatings) -> tuple[list[Row], list[Row]]:
    """Return sorted (user_id, item_id, value) of the blocks by user, and of those by item."""
    sides = []
    for side, other in ((packed.users, packed.items), (packed.items, packed.users)):
        found: list[Row] = []
        for block in side.map(lambda block: block):
            ids = side.ids[block.rows].tolist(), other.ids[block.columns].tolist()
            users, items = ids if side is packed.users else ids[::-1]
            found += zip(users, items, block.values.astype(np.float32).tolist(), strict=True)
        sides.append(sorted(found))
    return sides[0], sides[1]


def float32(rows: list[Row]) -> list[Row]:
    return sorted((row[0], row[1], float(np.float32(row[2]))) for row in rows)


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_build_blocks_puts_every_rating_into_one_block_per_side(
    spark: SparkSession, parts: int
) -> None:
    packed = build_blocks(ratings(spark, ROWS, 3), parts=parts)
    assert packed.users.ids.tolist() == [2, 7, 9]
    assert packed.items.ids.tolist() == [10, 20, 30, LARGE]
    assert packed.users.counts.tolist() == [2, 2, 2]
    assert packed.items.counts.tolist() == [2, 1, 2, 1]
    assert (packed.count, packed.repeated) == (6, 0)
    by_user, by_item = contents(packed)
    assert by_user == by_item == float32(ROWS)
    packed.unpersist()


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([(1, 1, 2.0, 10), (1, 1, 4.0, 20)], [(1, 1, 4.0)]),
        ([(1, 1, 2.0, 20), (1, 1, 4.0, 10)], [(1, 1, 2.0)]),
        ([(1, 1, 4.0, 10), (1, 1, 2.0, 10)], [(1, 1, 2.0)]),
        ([(1, 1, 2.0, 10), (1, 1, 4.0, 20), (1, 1, 3.0, 15)], [(1, 1, 4.0)]),
        (
            [(1, 1, 2.0, 10), (1, 2, 3.0, 5), (2, 1, 4.0, 1)],
            [(1, 1, 2.0), (1, 2, 3.0), (2, 1, 4.0)],
        ),
    ],
    ids=[
        *("newer and later", "newer and earlier", "as new and later", "three times"),
        "other people and other titles are other pairs",
    ],
)
@pytest.mark.parametrize("parts", [1, 2])
def test_build_blocks_keeps_the_newest_rating_of_a_pair(
    spark: SparkSession, rows: list[Row], kept: list[Row], parts: int
) -> None:
    packed = build_blocks(ratings(spark, rows, parts))
    assert contents(packed) == (kept, kept)
    assert packed.repeated == len(rows) - len(kept)
    assert packed.users.counts.sum() == packed.items.counts.sum() == len(kept)


def test_build_blocks_keeps_only_listed_items_and_their_users(spark: SparkSession) -> None:
    packed = build_blocks(ratings(spark, ROWS), listed=np.array([5, 10, 30]))
    assert packed.users.ids.tolist() == [2, 7]
    assert packed.items.ids.tolist() == [10, 30]
    assert packed.count == 4


def test_build_blocks_uses_16_bits_when_values_are_exact(spark: SparkSession) -> None:
    half_stars = build_blocks(ratings(spark, [(1, 1, 3.5), (1, 2, 0.5)]))
    thirds = build_blocks(ratings(spark, [(1, 1, 1 / 3), (1, 2, 0.5)]))
    kinds = [
        {block.values.dtype for block in packed.users.blocks.rows.collect() if len(block.values)}
        for packed in (half_stars, thirds)
    ]
    assert kinds == [{np.dtype(np.float16)}, {np.dtype(np.float32)}]


def test_map_values_replaces_values_by_row(spark: SparkSession) -> None:
    packed = build_blocks(ratings(spark, ROWS)).map_values(lambda u, i, v: 100.0 * u + 10 * i + v)
    by_user, by_item = contents(packed)
    rows = {user: row for row, user in enumerate([2, 7, 9])}, {10: 0, 20: 1, 30: 2, LARGE: 3}
    expected = [(u, i, 100 * rows[0][u] + 10 * rows[1][i] + v) for u, i, v in float32(ROWS)]
    assert by_user == by_item == float32(expected)


@pytest.mark.parametrize(
    ("rows", "error", "problem"),
    [
        ([], NothingToPack, "nothing to fit"),
        ([(1, 1, float("nan"))], DataError, "finite"),
        ([(1, 1, float("inf"))], DataError, "finite"),
        ([(-1, 1, 1.0)], DataError, "an id below 0"),
    ],
)
def test_build_blocks_rejects_invalid_ratings(
    spark: SparkSession, rows: list[Row], error: type[DataError], problem: str
) -> None:
    with pytest.raises(error, match=problem):
        build_blocks(ratings(spark, rows, 1))


@pytest.mark.parametrize("largest_table", [row_lookup.LARGEST_TABLE, 0], ids=["table", "bisection"])
def test_row_lookup_finds_rows_and_reports_unknown_ids(
    monkeypatch: pytest.MonkeyPatch, largest_table: int
) -> None:
    monkeypatch.setattr(row_lookup, "LARGEST_TABLE", largest_table)
    lookup = RowLookup.build(np.array([2, 3, 7]))
    assert lookup.rows(np.array([7, 2, 0, 5, 8, 2**31 - 1], np.int32)).tolist() == [
        2,
        0,
        -1,
        -1,
        -1,
        -1,
    ]
    assert RowLookup.build(np.empty(0, np.int64)).rows(np.array([1], np.int32)).tolist() == [-1]


@pytest.mark.parametrize("implicit", [True, False], ids=["ranking", "rating"])
@pytest.mark.parametrize("count", [1, 3, 4, 5, 64, 301])
def test_kernel_solves_the_normal_equations(implicit: bool, count: int) -> None:
    """Compare with plain sums, for rating counts around the unrolling of the kernel."""
    random = np.random.default_rng(count)
    codes = random.integers(-32767, 32767, (400, 8)).astype(np.int16)
    scales = random.uniform(1e-5, 1e-4, 400).astype(np.float32)
    fixed = codes * scales[:, None]
    columns = random.choice(400, count, replace=False).astype(np.int32)
    values = random.uniform(-0.5, 1, count).astype(np.float32)
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
        starts=np.array([0, count, count]),
        columns=columns,
        values=values,
        codes=codes,
        scales=scales,
        gram=dense,
        vectors=vectors,
        implicit=implicit,
        alpha=alpha,
        regularization=ridge,
        exponent=0.0,
        unrated=0.0,
        steps=100,
        tolerance=1e-7,
    )
    assert vectors[0] == pytest.approx(np.linalg.solve(left, right), abs=2e-5)
    assert vectors[1].tolist() == [0] * 8


@pytest.mark.parametrize("implicit", [True, False], ids=["ranking", "rating"])
def test_kernel_is_stable_after_convergence(implicit: bool) -> None:
    codes = np.array([[20000, 0, 30000]], np.int16)
    scales = np.array([1e-4], np.float32)
    fixed = codes * scales[:, None]
    dense = fixed.T @ fixed if implicit else np.zeros((3, 3), np.float32)
    one = (np.array([0, 1]), np.zeros(1, np.int32), np.ones(1, np.float32), codes, scales, dense)
    found = []
    for steps in (20, 200):
        vectors = np.zeros((1, 3), np.float32)
        solve_rows(*one, vectors, implicit, 3.0, 0.5, 0.0, 0.0, steps, 0.0)
        found.append(vectors)
    assert np.all(np.isfinite(found))
    assert found[0] == pytest.approx(found[1], abs=1e-6)
