"""Each metric on an example computed by hand, and compared with Spark's evaluators."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pyspark.mllib.evaluation import BinaryClassificationMetrics, RankingMetrics
from pyspark.sql import SparkSession

from recommender import metrics

# Places 1 and 3 of four are relevant.
HITS = np.array([True, False, True, False])


def test_rmse_squares_errors_and_mae_does_not() -> None:
    predicted, actual = [3.0, 4.0, 2.0, 5.0], [3.0, 5.0, 2.0, 2.0]  # off by 0, 1, 0, 3
    assert metrics.rmse(predicted, actual) == pytest.approx(math.sqrt(10 / 4))
    assert metrics.mae(predicted, actual) == pytest.approx(1.0)


def test_pr_auc_adds_precision_at_each_positive() -> None:
    # Positives at places 1, 3 and 4: precision 1, 2/3, 3/4, each worth a third of the recall.
    area = metrics.pr_auc([0.9, 0.8, 0.7, 0.6, 0.5], [1, 0, 1, 1, 0])
    assert area == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_pr_auc_treats_equal_scores_as_one_step() -> None:
    # All four at once: precision 1/4 at recall 1, in any order.
    for positive in ([1, 0, 0, 0], [0, 0, 0, 1]):
        assert metrics.pr_auc([0.5] * 4, positive) == pytest.approx(1 / 4)


def test_auc_is_the_share_of_correctly_ordered_pairs() -> None:
    # Positives 0.9 and 0.3; negatives 0.5, 0.3, 0.1: correct 3 + 1, tied 1, wrong 1, of 6.
    area = metrics.auc([0.9, 0.3, 0.5, 0.3, 0.1], [1, 1, 0, 0, 0])
    assert area == pytest.approx(4.5 / 6)


@pytest.mark.parametrize("metric", [metrics.pr_auc, metrics.auc])
def test_auc_and_pr_auc_are_nan_without_positives(metric) -> None:  # type: ignore[no-untyped-def]
    assert math.isnan(metric([0.1, 0.2], [0, 0]))


def test_hits_mark_relevant_items_and_pad_short_lists() -> None:
    listed, relevant = np.array([7, 3, 9]), np.array([9, 7, 100])
    assert metrics.hits(listed, relevant, 2).tolist() == [True, False]
    assert metrics.hits(listed, relevant, 5).tolist() == [True, False, True, False, False]


def test_ndcg_is_independent_of_the_base_of_the_logarithm() -> None:
    expected = (1 / math.log(2) + 1 / math.log(4)) / (1 / math.log(2) + 1 / math.log(3))
    assert metrics.ndcg(HITS, relevant=2) == pytest.approx(expected)
    in_bits = (1 + 1 / 2) / (1 + 1 / math.log2(3))
    assert metrics.ndcg(HITS, relevant=2) == pytest.approx(in_bits)


def test_ndcg_equals_a_value_computed_by_hand() -> None:
    hits = metrics.hits(np.array([7, 1, 2, *range(100, 107)]), np.array([1, 9]), 10)
    expected = (1 / math.log2(3)) / (1 + 1 / math.log2(3))
    assert metrics.ndcg(hits, relevant=2) == pytest.approx(expected)


def test_ndcg_is_1_when_every_listed_item_is_relevant() -> None:
    assert metrics.ndcg(np.array([True, True]), relevant=50) == pytest.approx(1)


def test_precision_recall_and_average_precision_equal_values_computed_by_hand() -> None:
    assert metrics.precision(HITS) == 2 / 4
    assert metrics.recall(HITS, relevant=5) == 2 / 5
    # Precision 1 at the first hit, 2/3 at the second, of at most four.
    assert metrics.average_precision(HITS, relevant=5) == pytest.approx((1 + 2 / 3) / 4)
    assert metrics.average_precision(HITS, relevant=3) == pytest.approx((1 + 2 / 3) / 3)


def test_list_metrics_are_nan_when_nothing_is_relevant() -> None:
    for metric in (metrics.ndcg, metrics.recall, metrics.average_precision):
        assert math.isnan(metric(HITS, relevant=0))


def test_coverage_counts_each_item_once() -> None:
    assert metrics.coverage([np.array([1, 2]), np.array([2, 3])], catalogue=12) == 3 / 12


def test_diversity_is_the_mean_pairwise_distance() -> None:
    # Parallel, orthogonal, and without features: distances 0, 1, 1, 1, 1, 1 over six pairs.
    features = np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    assert metrics.intra_list_diversity(features) == pytest.approx(5 / 6)
    assert math.isnan(metrics.intra_list_diversity(features[:1]))


def test_novelty_is_self_information_in_bits() -> None:
    # Rated by all, by half and by an eighth of 8 people: 0, 1 and 3 bits.
    assert metrics.novelty([8, 4, 1], people=8) == pytest.approx(4 / 3)


def test_interval_contains_the_mean_and_narrows_with_more_values() -> None:
    values = np.random.default_rng(1).normal(5.0, 2.0, 400)
    low, high = metrics.interval(values)
    assert low < values.mean() < high
    # The normal approximation: mean ± 1.96·σ/√n.
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert metrics.interval(values) == (low, high)
    assert metrics.interval([3.0, 3.0]) == (3.0, 3.0)


@pytest.mark.filterwarnings("ignore:Deprecated in 3.0.0:FutureWarning")
def test_metrics_equal_those_of_spark(spark: SparkSession) -> None:
    random = np.random.default_rng(2)
    k = 10
    lists = [random.permutation(30)[:k] for _ in range(20)]
    relevant = [random.permutation(30)[: 1 + n] for n in range(20)]
    pairs = [(a.tolist(), b.tolist()) for a, b in zip(lists, relevant, strict=True)]
    theirs = RankingMetrics(spark.sparkContext.parallelize(pairs, 2))
    found = [metrics.hits(a, b, k) for a, b in zip(lists, relevant, strict=True)]
    counts = [len(b) for b in relevant]
    both = list(zip(found, counts, strict=True))
    assert np.mean([metrics.ndcg(*pair) for pair in both]) == pytest.approx(theirs.ndcgAt(k))
    assert np.mean([metrics.average_precision(*pair) for pair in both]) == pytest.approx(
        theirs.meanAveragePrecisionAt(k)
    )
    assert np.mean([metrics.recall(*pair) for pair in both]) == pytest.approx(theirs.recallAt(k))
    assert np.mean([metrics.precision(hits) for hits in found]) == pytest.approx(
        theirs.precisionAt(k)
    )
    scores = random.integers(0, 20, 200) / 20
    positive = (random.random(200) < scores).astype(float)
    rows = list(zip(scores.tolist(), positive.tolist(), strict=True))
    curve = BinaryClassificationMetrics(spark.sparkContext.parallelize(rows, 2))
    assert metrics.auc(scores, positive) == pytest.approx(curve.areaUnderROC)


def test_mean_rating_of_hits_counts_each_listed_title_that_was_rated() -> None:
    lists = [np.array([1, 2, 3]), np.array([4]), np.array([5])]
    ratings = [{1: 5.0, 3: 2.0, 9: 1.0}, {4: 3.5}, {8: 1.0}]
    assert metrics.mean_rating_of_hits(lists, ratings) == pytest.approx((5 + 2 + 3.5) / 3)
    assert math.isnan(metrics.mean_rating_of_hits(lists[2:], ratings[2:]))
