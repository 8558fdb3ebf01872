"""Splits of ratings: held-out ratings, and dependence on the seed only."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from spark_jobs.als.packing import build_blocks
from spark_jobs.als.rating_blocks import BlockedRatings
from spark_jobs.evaluation.splits import (
    TEST_SEEDS,
    Divide,
    Split,
    by_person,
    by_rating,
    split,
    uniform,
    validation,
    within_person,
)
from tests.support.rating_rows import Row, ratings

PEOPLE, TITLES = range(1, 41), range(1, 26)
ROWS: list[Row] = [(u, i, 1.0 + (u * i) % 5) for u in PEOPLE for i in TITLES if (u + i) % 4]
Pairs = set[tuple[int, int]]


@pytest.fixture(scope="module")
def stars(spark: SparkSession) -> BlockedRatings:
    return build_blocks(ratings(spark, ROWS))


def fitted(made: Split) -> Pairs:
    packed = made.fitted()
    return {
        pair
        for block in packed.users.map(lambda block: block)
        for pair in zip(
            packed.users.ids[block.rows].tolist(),
            packed.items.ids[block.columns].tolist(),
            strict=True,
        )
    }


def of_cases(made: Split, part: str) -> Pairs:
    return {(case.user_id, i) for case in made.cases.collect() for i in getattr(case, part)}


def test_split_hash_is_uniform_and_depends_on_ids_and_seed() -> None:
    users, items = np.divmod(np.arange(40_000), 200)
    drawn = uniform(7, users, items)
    assert np.histogram(drawn, 10, (0, 1))[0] == pytest.approx([4_000] * 10, rel=0.06)
    assert abs(np.corrcoef(drawn, uniform(8, users, items))[0, 1]) < 0.02
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.02
    assert uniform(7, users[:1], items[:1]) == drawn[:1]


def test_split_by_rating_fits_and_folds_in_what_is_not_held_out(stars: BlockedRatings) -> None:
    made = split(stars, by_rating(0), 0)
    held = of_cases(made, "held")
    assert len(held) == pytest.approx(len(ROWS) / 5, rel=0.2)
    assert fitted(made) == {(int(u), int(i)) for u, i, *_ in ROWS} - held
    assert of_cases(made, "known") == fitted(made)


def test_split_by_person_excludes_tested_users_from_the_fit(stars: BlockedRatings) -> None:
    made = split(stars, by_person(0, stars.users.ids), 0)
    tested = {case.user_id for case in made.cases.collect()}
    assert len(tested) == len(PEOPLE) // 5
    assert tested.isdisjoint(user for user, _ in fitted(made))
    for case in made.cases.collect():
        every = {i for u, i, *_ in ROWS if u == case.user_id}
        assert set(case.known) | set(case.held) == every
        assert len(case.known) == int(0.8 * len(every))


def test_split_within_person_holds_out_a_quarter(stars: BlockedRatings) -> None:
    made = split(stars, within_person(0), 0)
    assert of_cases(made, "known") == fitted(made)
    for case in made.cases.collect():
        assert len(case.known) == int(0.75 * (len(case.known) + len(case.held)))


def test_split_keeps_each_value_with_its_pair(stars: BlockedRatings) -> None:
    given = {(u, i): value for u, i, value in ROWS}  # type: ignore[misc]
    for case in split(stars, within_person(3), 3).cases.collect():
        for item, value in (case.known | case.held).items():
            assert value == given[case.user_id, item]


@pytest.mark.parametrize("kind", ["by rating", "by person", "within a person"])
def test_validation_split_is_disjoint_from_the_test_split(stars: BlockedRatings, kind: str) -> None:
    def divide(seed: int) -> Divide:
        if kind == "by rating":
            return by_rating(seed)
        return (
            within_person(seed) if kind == "within a person" else by_person(seed, stars.users.ids)
        )

    chosen_on = split(stars, validation(divide, 0), 0)
    held, known = of_cases(chosen_on, "held"), of_cases(chosen_on, "known")
    assert held
    assert held.isdisjoint(fitted(chosen_on))
    for seed in TEST_SEEDS:
        test = split(stars, divide(seed), seed)
        assert held.isdisjoint(of_cases(test, "held"))
        if kind == "by person":
            assert known.isdisjoint(of_cases(test, "known"))


def test_split_by_person_holds_out_at_most_the_given_number(stars: BlockedRatings) -> None:
    def tested(most: int | None) -> set[int]:
        divide = by_person(0, stars.users.ids, most)
        return {case.user_id for case in split(stars, divide, 0).cases.collect()}

    assert len(tested(3)) == 3
    assert tested(3) < tested(None) == tested(100)


def test_split_depends_on_the_seed_and_not_on_partitions(spark: SparkSession) -> None:
    def cases(seed: int, parts: int) -> dict[int, list[int]]:
        packed = build_blocks(ratings(spark, ROWS, parts), parts=parts)
        made = split(packed, by_person(seed, packed.users.ids), seed)
        return {case.user_id: list(case.known) for case in made.cases.collect()}

    assert cases(1, parts=1) == cases(1, parts=3)
    assert cases(1, parts=2) != cases(2, parts=2)
