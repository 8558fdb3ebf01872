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
from spark_jobs.evaluation.tables import CURVE
from spark_jobs.protocols import LIKED, LIST_LENGTH, LONG_LIST_LENGTH

# By metric, the value of each case in the order of the cases; NaN where it has none.
CaseValues = dict[str, Float64Array]


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
    return means(ranking_values(cases, ranker, least))


def means(values: CaseValues) -> dict[str, float]:
    """Average over the cases that have a value."""
    return {name: float(np.nanmean(of_cases)) for name, of_cases in values.items()}


def ranking_values(cases: RDD[Case], ranker: Ranker, least: float) -> CaseValues:
    """Measure the list of each case that has a title rated ``least`` or more."""

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

    names = (
        f"NDCG@{LIST_LENGTH}",
        f"recall@{LONG_LIST_LENGTH}",
        f"precision@{LIST_LENGTH}",
        f"recall@{LIST_LENGTH}",
        f"MAP@{LIST_LENGTH}",
    )
    columns = np.array(map_cases(cases, ranker, measure)).T
    return dict(zip(names, columns, strict=True))


def catalogue_auc(cases: RDD[Case], ranker: Ranker, item_ids: Int64Array) -> CaseValues:
    """Compute for each case the AUC of held-out titles among all that the person does not have.

    ``item_ids``: the catalogue, ascending. Titles that the ranker does not know come last.
    """

    def measure(shared: tuple[Ranker, Int64Array], case: Case) -> float:
        ranker, catalogue_ids = shared
        scores = np.full(len(catalogue_ids), -np.inf)
        scores[np.searchsorted(catalogue_ids, ranker.item_ids)] = ranker.scores(case.known)
        candidates = ~np.isin(catalogue_ids, list(case.known))
        held = np.isin(catalogue_ids, list(case.held))
        return metrics.auc(scores[candidates], held[candidates])

    return {"catalogue AUC": np.array(map_cases(cases, (ranker, item_ids), measure))}


def new_title_auc(cases: RDD[Case], ranker: Ranker, least: float) -> CaseValues:
    """Compute for each case the AUC of the held-out titles rated ``least`` or more among those of
    the ranker that the person has not rated: NaN where one of the two kinds is missing."""

    def measure(ranker: Ranker, case: Case) -> float:
        liked = np.isin(ranker.item_ids, relevant_items(case, least))
        compared = liked | ~np.isin(ranker.item_ids, list(case.held))
        return metrics.auc(ranker.scores(case.known)[compared], liked[compared])

    return {"new-title AUC": np.array(map_cases(cases, ranker, measure))}


def beyond_accuracy(
    cases: RDD[Case],
    ranker: Ranker,
    genres: dict[int, Float64Array],
    counts: dict[int, int],
    people: int,
    stars: bool,
) -> dict[str, float]:
    """Measure the coverage, diversity and novelty of the list of each case, and, where there are
    ``stars``, the mean of those that listed titles got.

    ``genres``: by item id, 1 for each genre of the title. ``counts``: of ratings by item id, given
    by ``people``.
    """
    lists = map_cases(cases, ranker, lambda ranker, case: ranker.top(case.known, LIST_LENGTH))
    diversity = [metrics.intra_list_diversity(np.array([genres[i] for i in x])) for x in lists]
    novelty = [metrics.novelty([counts[i] for i in x], people) for x in lists]
    measured = {
        f"coverage@{LIST_LENGTH}": metrics.coverage(lists, len(counts)),
        f"diversity@{LIST_LENGTH}": float(np.nanmean(diversity)),
        f"novelty@{LIST_LENGTH}": float(np.mean(novelty)),
    }
    if stars:
        held = cases.map(lambda case: case.held).collect()
        measured[f"stars of hits@{LIST_LENGTH}"] = metrics.mean_rating_of_hits(lists, held)
    return measured


def curve_values(cases: RDD[Case], ranker: Ranker, least: float) -> dict[int, list[float]]:
    """NDCG@10 of each case after its first 1, 2, 3, … ratings, by their number; NaN where it has
    fewer, or no held-out title rated ``least`` or more."""

    def measure(ranker: Ranker, case: Case) -> list[float]:
        return [ndcg_after(ranker, case.known, case.held, n, least) for n in CURVE]

    return _by_number(map_cases(cases, ranker, measure))


def replay_values(cases: RDD[Case], ranker: Ranker, least: float) -> dict[int, list[float]]:
    """As ``curve_values`` of cases whose ratings are all ``known``, in order of time: what comes
    later is held out."""

    def measure(ranker: Ranker, case: Case) -> list[float]:
        ratings = list(case.known.items())
        return [ndcg_after(ranker, dict(ratings[:n]), dict(ratings[n:]), n, least) for n in CURVE]

    return _by_number(map_cases(cases, ranker, measure))


def _by_number(rows: list[list[float]]) -> dict[int, list[float]]:
    return {n: [row[place] for row in rows] for place, n in enumerate(CURVE)}


def ndcg_after(
    ranker: Ranker, known: dict[int, float], held: dict[int, float], ratings: int, least: float
) -> float:
    """NDCG@10 after the first ``ratings`` of ``known``, the others hidden."""
    relevant = _at_least(held, least)
    if len(known) < ratings or not len(relevant):
        return float("nan")
    first = dict(list(known.items())[:ratings])
    ranked = ranker.top(first, LIST_LENGTH, hidden=known)
    return metrics.ndcg(metrics.hits(ranked, relevant, LIST_LENGTH), len(relevant))


def relevant_items(case: Case, least: float) -> Int64Array:
    """The held-out titles rated ``least`` or more."""
    return _at_least(case.held, least)


def _at_least(ratings: dict[int, float], least: float) -> Int64Array:
    return np.array([item for item, stars in ratings.items() if stars >= least], np.int64)


def map_cases(cases: RDD[Case], shared: Any, function: Callable[[Any, Case], Any]) -> list[Any]:
    """Compute ``function(shared, case)`` of every case on the workers."""
    broadcast = cases.context.broadcast(shared)
    results = cases.map(lambda case: function(broadcast.value, case)).collect()
    broadcast.destroy()
    return results
