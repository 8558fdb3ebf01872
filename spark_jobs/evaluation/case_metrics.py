"""Metrics over test cases, computed on the workers: of predicted stars, of lists, of catalogues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from pyspark import RDD

from recommender import metrics
from recommender.arrays import Float64Array, Int64Array
from spark_jobs.evaluation.baselines import Predictor, Ranker
from spark_jobs.evaluation.splits import Case
from spark_jobs.protocols import LIKED, LIST_LENGTH, LONG_LIST_LENGTH


def star_metrics(cases: RDD[Case], predictor: Predictor) -> dict[str, float]:
    """Measure the predicted stars of all held-out ratings together."""

    def predict(predictor: Predictor, case: Case) -> tuple[Any, list[float]]:
        return predictor.stars(case.known, case.held), list(case.held.values())

    pairs = map_cases(cases, predictor, predict)
    predicted = np.concatenate([stars for stars, _ in pairs])
    actual = np.concatenate([stars for _, stars in pairs])
    return {
        "RMSE": metrics.rmse(predicted, actual),
        "MAE": metrics.mae(predicted, actual),
        "PR-AUC": metrics.pr_auc(predicted, actual >= LIKED),
        "AUC": metrics.auc(predicted, actual >= LIKED),
    }


def ranking_metrics(cases: RDD[Case], ranker: Ranker, least: float) -> dict[str, float]:
    """Average over the people who have a relevant title: one rated ``least`` or more."""

    def measure(ranker: Ranker, case: Case) -> tuple[float, ...]:
        relevant = relevant_items(case, least)
        ranked = ranker.top(case.known, LONG_LIST_LENGTH)
        long_hits = metrics.hits(ranked, relevant, LONG_LIST_LENGTH)
        hits, count = long_hits[:LIST_LENGTH], len(relevant)
        return (
            metrics.ndcg(hits, count),
            metrics.recall(long_hits, count),
            metrics.precision(hits) if count else float("nan"),
            metrics.recall(hits, count),
            metrics.average_precision(hits, count),
        )

    means = np.nanmean(map_cases(cases, ranker, measure), axis=0)
    names = (
        f"NDCG@{LIST_LENGTH}",
        f"recall@{LONG_LIST_LENGTH}",
        f"precision@{LIST_LENGTH}",
        f"recall@{LIST_LENGTH}",
        f"MAP@{LIST_LENGTH}",
    )
    return dict(zip(names, means.tolist(), strict=True))


def catalogue_auc(cases: RDD[Case], ranker: Ranker, item_ids: Int64Array) -> dict[str, float]:
    """Average over the people the AUC of held-out titles among all that they do not have.

    ``item_ids``: the catalogue, ascending. Titles that the ranker does not know come last.
    """

    def measure(shared: tuple[Ranker, Int64Array], case: Case) -> float:
        ranker, catalogue_ids = shared
        scores = np.full(len(catalogue_ids), -np.inf)
        scores[np.searchsorted(catalogue_ids, ranker.item_ids)] = ranker.scores(case.known)
        candidates = ~np.isin(catalogue_ids, list(case.known))
        held = np.isin(catalogue_ids, list(case.held))
        return metrics.auc(scores[candidates], held[candidates])

    return {"catalogue AUC": float(np.nanmean(map_cases(cases, (ranker, item_ids), measure)))}


def beyond_accuracy(
    cases: RDD[Case],
    ranker: Ranker,
    genres: dict[int, Float64Array],
    counts: dict[int, int],
    people: int,
) -> dict[str, float]:
    """Measure the coverage, diversity and novelty of the list of each case.

    ``genres``: by item id, 1 for each genre of the title. ``counts``: of ratings by item id, given
    by ``people``.
    """
    lists = map_cases(cases, ranker, lambda ranker, case: ranker.top(case.known, LIST_LENGTH))
    diversity = [metrics.intra_list_diversity(np.array([genres[i] for i in x])) for x in lists]
    novelty = [metrics.novelty([counts[i] for i in x], people) for x in lists]
    return {
        f"coverage@{LIST_LENGTH}": metrics.coverage(lists, len(counts)),
        f"diversity@{LIST_LENGTH}": float(np.nanmean(diversity)),
        f"novelty@{LIST_LENGTH}": float(np.mean(novelty)),
    }


def ndcg_after(cases: RDD[Case], ranker: Ranker, ratings: int, least: float) -> list[float]:
    """NDCG@10 of each case after its first ``ratings``; NaN where it has fewer, or no held-out
    title rated ``least`` or more."""

    def measure(ranker: Ranker, case: Case) -> float:
        relevant = relevant_items(case, least)
        if len(case.known) < ratings or not len(relevant):
            return float("nan")
        first = dict(list(case.known.items())[:ratings])
        ranked = ranker.top(first, LIST_LENGTH, hidden=case.known)
        return metrics.ndcg(metrics.hits(ranked, relevant, LIST_LENGTH), len(relevant))

    return map_cases(cases, ranker, measure)


def relevant_items(case: Case, least: float) -> Int64Array:
    """The held-out titles rated ``least`` or more."""
    return np.array([item for item, stars in case.held.items() if stars >= least], np.int64)


def map_cases(cases: RDD[Case], shared: Any, function: Callable[[Any, Case], Any]) -> list[Any]:
    """Compute ``function(shared, case)`` of every case on the workers."""
    broadcast = cases.context.broadcast(shared)
    results = cases.map(lambda case: function(broadcast.value, case)).collect()
    broadcast.destroy()
    return results
