"""Ratings in order of time: what is fitted, folded in and asked for."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from recommender.errors import DataError
from spark_jobs.evaluation.baselines import Popularity
from spark_jobs.evaluation.case_metrics import new_title_auc, replay_values
from spark_jobs.evaluation.splits import Case
from spark_jobs.evaluation.time_split import Timeline
from tests.support.rating_rows import Row, ratings

# User 1 rates before and after second 50, 2 only before, 3 only after; item 99 is not listed, and
# user 1 rates item 10 twice.
ROWS: list[Row] = [
    *((1, 20, 4.0, 30), (1, 10, 1.0, 10), (1, 10, 5.0, 20), (1, 99, 5.0, 25), (1, 30, 2.0, 60)),
    *((2, 10, 3.0, 50), (2, 30, 3.0, 40)),
    *((3, 30, 5.0, 80), (3, 10, 4.0, 70), (3, 20, 1.0, 90)),
]
LISTED = np.array([10, 20, 30])


@pytest.fixture(scope="module")
def timeline(spark: SparkSession) -> Timeline:
    return Timeline.build(ratings(spark, ROWS, parts=3), LISTED)


def test_timeline_keeps_the_newest_rating_of_listed_items(timeline: Timeline) -> None:
    assert timeline.seconds.tolist() == [20, 30, 40, 50, 60, 70, 80, 90]
    assert timeline.cut(0.5) == 50
    assert timeline.cut(1.0) == 90


def test_timeline_until_returns_what_was_given_by_then(timeline: Timeline) -> None:
    parts = timeline.until(50).collect()
    pairs = {p for r in parts for p in zip(r.users.tolist(), r.items.tolist(), strict=True)}
    assert pairs == {(1, 10), (1, 20), (2, 10), (2, 30)}


def test_time_split_asks_people_with_a_past_for_what_they_rate_later(timeline: Timeline) -> None:
    made = timeline.split(cut=50, end=90)
    (case,) = made.regulars.collect()
    assert (case.user_id, case.known, case.held) == (1, {10: 5.0, 20: 4.0}, {30: 2.0})


def test_time_split_keeps_newcomers_in_order_of_time_up_to_the_end(timeline: Timeline) -> None:
    (case,) = timeline.split(cut=50, end=90).newcomers.collect()
    assert list(case.known.items()) == [(10, 4.0), (30, 5.0), (20, 1.0)]
    (early,) = timeline.split(cut=50, end=80).newcomers.collect()
    assert list(early.known) == [10, 30]


def test_time_split_rejects_ratings_of_one_time(spark: SparkSession) -> None:
    rows: list[Row] = [(user, item, 4.0, 7) for user in (1, 2) for item in (10, 20)]
    timeline = Timeline.build(ratings(spark, rows), LISTED)
    with pytest.raises(DataError, match="their times do not differ"):
        timeline.split(timeline.cut(0.8), timeline.cut(1.0))


def test_replay_looks_for_later_likes_after_each_number_of_ratings(spark: SparkSession) -> None:
    """By counts the list is 30, 20, 10. After one rating (10) item 30 is liked later, at place 1;
    after two nothing liked is left."""
    cases = spark.sparkContext.parallelize([Case(3, {10: 4.0, 30: 5.0, 20: 1.0}, {})])
    values = replay_values(cases, Popularity(LISTED, np.array([1, 2, 3])), 4.0)
    assert values[1] == [1.0]
    assert np.isnan(values[2]).all()
    assert np.isnan(values[20]).all()


def test_new_title_auc_compares_liked_titles_with_those_not_rated(spark: SparkSession) -> None:
    """Liked: 20 of score 2. Not rated: 10 (1) and 30 (3). Disliked: 40, which counts nowhere."""
    cases = spark.sparkContext.parallelize(
        [Case(1, {}, {20: 4.0, 40: 1.0}), Case(2, {}, {40: 1.0})]
    )
    ranker = Popularity(np.array([10, 20, 30, 40]), np.array([1, 2, 3, 9]))
    first, second = new_title_auc(cases, ranker, 4.0)["new-title AUC"]
    assert first == 0.5
    assert np.isnan(second)
