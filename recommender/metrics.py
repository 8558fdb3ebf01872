"""Evaluation metrics with their formulas, independent of any model.

A ranked list is given as its *hits*: whether each of its k places holds a relevant title, best
place first. A metric that is undefined (no pair, no positive) is NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.arrays import BoolArray, Float64Array

Hits = BoolArray


def rmse(predicted: ArrayLike, actual: ArrayLike) -> float:
    """``√(Σ (p − r)² / n)``, in stars."""
    return float(np.sqrt(np.mean(np.square(_differences(predicted, actual)))))


def mae(predicted: ArrayLike, actual: ArrayLike) -> float:
    """``Σ |p − r| / n``, in stars."""
    return float(np.mean(np.abs(_differences(predicted, actual))))


def pr_auc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Return the area under the precision–recall curve, also called average precision:
    ``Σ (R_t − R_{t−1})·P_t`` over the distinct scores t from the highest, where P_t and R_t are
    precision and recall of "score at least t"."""
    scores, positive = np.asarray(scores, float), np.asarray(positive, bool)
    if not positive.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.append(np.flatnonzero(ordered[1:] < ordered[:-1]), len(ordered) - 1)
    hits = np.cumsum(positive[order])[ends]
    return float(np.sum(np.diff(hits, prepend=0) * hits / (ends + 1)) / positive.sum())


def auc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Return the area under the ROC curve: the share of (positive, negative) pairs in the right
    order, equal pairs counting half.

    ``(Σ rank of positives − P·(P + 1)/2) / (P·N)``, equal scores having their mean rank.
    """
    scores, positive = np.asarray(scores, float), np.asarray(positive, bool)
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(counts) - (counts - 1) / 2
    above = mean_ranks[place][positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def hits(listed: NDArray[Any], relevant: NDArray[Any], k: int) -> Hits:
    """Return the hits of the first ``k`` places; empty places of a short list are misses."""
    is_hit = np.zeros(k, bool)
    is_hit[: len(listed)] = np.isin(listed[:k], relevant)
    return is_hit


def ndcg(hits: Hits, relevant: int) -> float:
    """``Σ_{hit at place j} 1/ln(j + 1) / Σ_{j = 1 … min(k, relevant)} 1/ln(j + 1)``

    Binary relevance, as in Microsoft's recommenders; the base of the logarithm cancels.
    """
    if not relevant:
        return float("nan")
    discounts = 1 / np.log(np.arange(2, len(hits) + 2))
    return float(discounts[hits].sum() / discounts[: min(len(hits), relevant)].sum())


def precision(hits: Hits) -> float:
    """``hits / k``"""
    return float(hits.mean())


def recall(hits: Hits, relevant: int) -> float:
    """``hits / relevant``"""
    return float(hits.sum() / relevant) if relevant else float("nan")


def average_precision(hits: Hits, relevant: int) -> float:
    """``Σ_{hit at place j} (hits up to j)/j / min(k, relevant)``; its mean over people is MAP@k."""
    if not relevant:
        return float("nan")
    precisions = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precisions[hits].sum() / min(len(hits), relevant))


def coverage(lists: list[NDArray[Any]], catalogue: int) -> float:
    """Return the share of the ``catalogue`` titles that are in at least one list."""
    return len(np.unique(np.concatenate(lists))) / catalogue


def intra_list_diversity(features: NDArray[Any]) -> float:
    """Return ``1 − mean cosine`` over the pairs of a list. ``features``: (k, features).

    A title without features is similar to none.
    """
    k = len(features)
    if k < 2:
        return float("nan")
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.where(lengths > 0, lengths, 1)
    cosines = unit @ unit.T
    return float(1 - cosines[np.triu_indices(k, 1)].mean())


def novelty(counts: ArrayLike, people: int) -> float:
    """Return a list's mean self-information in bits, ``Σ −log₂(count_i / people) / k`` (Zhou et
    al. 2010). ``counts``: how many of the ``people`` rated each title, at least 1."""
    return float(-np.log2(np.asarray(counts) / people).mean())


def mean_rating_of_hits(
    lists: Iterable[NDArray[Any]], ratings: Iterable[Mapping[int, float]]
) -> float:
    """Return ``Σ r / hits`` over the listed titles that people have rated, liked or not: the mean
    rating of recommendations that were taken. ``ratings``: of each list's person, by item id."""
    pairs = zip(lists, ratings, strict=True)
    given = [rated[item] for listed, rated in pairs for item in listed.tolist() if item in rated]
    return float(np.mean(given)) if given else float("nan")


def interval(values: ArrayLike, seed: int = 0, resamples: int = 1000) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean: percentiles of resampled means."""
    values = np.asarray(values, float)
    drawn = np.random.default_rng(seed).integers(0, len(values), (resamples, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def _differences(predicted: ArrayLike, actual: ArrayLike) -> Float64Array:
    return np.asarray(predicted, float) - np.asarray(actual, float)
