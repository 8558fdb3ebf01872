"""Describes ratings before anything is fitted on them: counts, spread, genres, best titles.

Ratings are only ever counted where they are: what reaches the driver is a number for each person,
title and month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from msgspec import to_builtins
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from recommender.catalogue import Catalogue
from recommender.feedback import IMPLICIT
from recommender.popularity import vote_weighted
from spark_jobs.als.biases import row_sums
from spark_jobs.als.rating_blocks import Block, BlockedRatings
from spark_jobs.array_cache import joined
from spark_jobs.config.configuration import Config
from spark_jobs.datasets.catalogue_source.suspicions import suspicions
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.datasets.findings import Findings
from spark_jobs.ratings import Ratings
from spark_jobs.training_set import TrainingSet, merge, read_inputs
from spark_jobs.units import BEST, POINTS, STARS, per_star, unit_of

LISTED = 15
CURVE_POINTS = 150
MOST_BARS = 40
# Where the bars of hours played end.
HOURS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
Rows = list[dict[str, Any]]


def explore(spark: SparkSession, folders: Sequence[str], settings: Config) -> dict[str, Any]:
    """What ``--out`` holds. Raises MarqueeError for data that cannot be used."""
    datasets = read_inputs(spark, settings, folders)
    if settings.own:
        odd = suspicions(datasets[0], settings.own)
        found = Findings.merged([datasets[0].findings, odd])
        datasets[0] = replace(datasets[0], findings=found)
    months = by_month(datasets)
    training = merge(datasets, settings)
    explored = describe(training, months)
    training.stars.unpersist()
    return explored


def by_month(datasets: Sequence[Dataset]) -> Rows:
    """Ratings and their mean in each month that has any, as read: repeated pairs count again.

    None where hours were played, or ratings given, of which nobody knows when.
    """
    if datasets[0].feedback == IMPLICIT or not datasets[0].timed:
        return []
    counts, sums = np.zeros(0, np.int64), np.zeros(0)
    for some_counts, some_sums in joined([dataset.ratings for dataset in datasets]).map(_monthly):
        counts, sums = _added(counts, some_counts), _added(sums, some_sums)
    return [
        {
            "month": str(np.datetime64(month, "M")),
            "ratings": int(counts[month]),
            "mean": float(sums[month] / counts[month]),
        }
        for month in np.flatnonzero(counts).tolist()
    ]


def _monthly(ratings: Ratings) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the number of ratings and the sum of stars by month since 1970."""
    months = ratings.seconds.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    return np.bincount(months), np.bincount(months, ratings.values)


def _added(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """Add two arrays, the shorter one followed by zeros."""
    total = np.zeros(max(len(one), len(other)), one.dtype)
    total[: len(one)] += one
    total[: len(other)] += other
    return total


def describe(training: TrainingSet, months: Rows) -> dict[str, Any]:
    """Everything but the months, from blocked ratings: one for each pair."""
    stars, facts = training.stars, training.catalogue
    sums = row_sums(stars.items)
    described = {
        "data": to_builtins(facts),
        "repeated": stars.repeated,
        "rated_titles": len(stars.items.ids),
        "density": facts.ratings / (facts.users * len(stars.items.ids)),
        "mean": float(sums.sum() / facts.ratings),
        "histogram": _hours(stars) if facts.feedback == IMPLICIT else _histogram(stars, facts),
        "months": months,
        "people": _spread(stars.users.counts),
        "titles": _spread(stars.items.counts),
        "genres": _genres(training, sums),
        **_best(training, sums),
        "findings": training.findings.as_json(),
    }
    return _in_own_numbers(described)


def _in_own_numbers(described: dict[str, Any]) -> dict[str, Any]:
    """Return a description with ratings on the catalogue's own scale, not in stars."""
    times = per_star(described["data"])
    if described["data"]["feedback"] == IMPLICIT or times == 1:
        return described
    own = described | {"mean": described["mean"] * times}
    for name in ("months", "genres", "most_rated", "best_rated"):
        own[name] = [
            row | {key: row[key] * times for key in ("mean", "shrunken") if key in row}
            for row in described[name]
        ]
    own["histogram"] = [
        {POINTS: round(row[STARS] * times, 6), "ratings": row["ratings"]}
        for row in described["histogram"]
    ]
    return own


def _histogram(stars: BlockedRatings, scale: Catalogue) -> Rows:
    """Count ratings by step of the catalogue's scale, or by half stars where it has very many."""
    fine = scale.rating_max / scale.rating_step > MOST_BARS
    step = scale.rating_max / (2 * BEST) if fine else scale.rating_step
    steps = round(scale.rating_max / step)

    def tally(block: Block) -> NDArray[np.int64]:
        places = np.rint(block.wide_values / step).astype(np.int64).clip(1, steps)
        return np.bincount(places, minlength=steps + 1)

    counts = np.sum(list(stars.users.map(tally)), axis=0)[1:]
    return [{STARS: step * (n + 1), "ratings": int(c)} for n, c in enumerate(counts)]


def _hours(stars: BlockedRatings) -> Rows:
    """How many pairs have been played for how long."""

    def tally(block: Block) -> NDArray[np.int64]:
        places = np.searchsorted(HOURS, block.wide_values, side="right")
        places[block.values == 0] = 0
        return np.bincount(places, minlength=len(HOURS) + 1)

    names = [
        "none",
        f"up to {HOURS[1]}",
        *(f"{low}–{high}" for low, high in pairwise(HOURS[1:])),
        f"over {HOURS[-1]}",
    ]
    counts = np.sum(list(stars.users.map(tally)), axis=0)
    return [{"hours": name, "ratings": int(n)} for name, n in zip(names, counts, strict=True)]


def _spread(counts: NDArray[np.int64]) -> dict[str, Any]:
    """How ratings are spread over people or titles. ``half``: how many of those with the most
    ratings have half of all ratings; ``curve``: ratings of the first, second, … of them."""
    ordered = np.sort(counts)[::-1]
    together = np.cumsum(ordered)
    ranks = np.unique(np.geomspace(1, len(ordered), CURVE_POINTS).round().astype(int))
    return {
        "mean": float(ordered.mean()),
        "median": float(np.median(ordered)),
        "least": int(ordered[-1]),
        "most": int(ordered[0]),
        "once": int((ordered == 1).sum()),
        "half": int(np.searchsorted(2 * together, together[-1])) + 1,
        "curve": [{"rank": int(rank), "ratings": int(ordered[rank - 1])} for rank in ranks],
    }


def _genres(training: TrainingSet, sums: NDArray[np.float64]) -> Rows:
    """Titles, ratings and mean of each genre, the most rated first; a title may have several."""
    stars = training.stars
    rated = zip(stars.items.ids.tolist(), stars.items.counts.tolist(), sums.tolist(), strict=True)
    tallies = {item_id: (count, total) for item_id, count, total in rated}
    found: dict[str, list[float]] = {}
    for item in training.items:
        count, total = tallies.get(item.item_id, (0, 0.0))
        for genre in item.genres:
            row = found.setdefault(genre, [0, 0, 0.0])
            found[genre] = [row[0] + 1, row[1] + count, row[2] + total]
    rows = [
        {"genre": genre, "titles": titles, "ratings": count, "mean": total / count}
        for genre, (titles, count, total) in found.items()
        if count
    ]
    return sorted(rows, key=lambda row: (-row["ratings"], row["genre"]))


def _best(training: TrainingSet, sums: NDArray[np.float64]) -> dict[str, Rows]:
    """The titles most rated, and those best rated by their shrunken mean."""
    stars = training.stars
    by_id = {item.item_id: item for item in training.items}
    counts, mean = stars.items.counts, sums.sum() / stars.count
    means = sums / counts
    shrunken = vote_weighted(means, counts, mean)

    def rows(order: NDArray[np.int64]) -> Rows:
        found = []
        for row in order[:LISTED]:
            item = by_id[int(stars.items.ids[row])]
            found.append(
                {
                    "title": item.title,
                    "year": item.year,
                    "ratings": int(counts[row]),
                    "mean": float(means[row]),
                    "shrunken": float(shrunken[row]),
                }
            )
        return found

    return {
        "most_rated": rows(np.argsort(-counts, kind="stable")),
        "best_rated": rows(np.argsort(-shrunken, kind="stable")),
    }


def summary(explored: Mapping[str, Any]) -> str:
    """The figures as a terminal shows them."""
    facts, people, titles = explored["data"], explored["people"], explored["titles"]
    months, unit = explored["months"], unit_of(facts)
    top, best = explored["most_rated"][0], explored["best_rated"][0]
    most = max(explored["histogram"], key=lambda row: row["ratings"])
    usual = str(most["hours" if facts["feedback"] == IMPLICIT else unit])
    given = f"given from {months[0]['month']} to {months[-1]['month']}; " if months else ""
    simulated = " (simulated people)" if facts["simulated"] else ""
    return "\n".join(
        [
            f"{facts['name']}{simulated}: {facts['ratings']:,} ratings by {facts['users']:,} people"
            f" of {explored['rated_titles']:,} titles ({facts['items']:,} in the catalogue)",
            f"  {given}{explored['density']:.3%} of all pairs are rated;"
            f" {explored['repeated']:,} older ratings of a pair were left out",
            f"  {unit}: mean {explored['mean']:.2f}, most often {usual.removesuffix('.0')}",
            f"  a person rated {people['median']:g} titles (median; {people['least']:,} to"
            f" {people['most']:,}), a title has {titles['median']:g} ratings (median; the most"
            f" {titles['most']:,}), {titles['once']:,} titles have one",
            f"  half of all ratings are of {titles['half']:,} titles"
            f" ({titles['half'] / explored['rated_titles']:.1%})",
            f"  most rated: {top['title']} ({top['ratings']:,}); best rated: {best['title']}"
            f" ({best['shrunken']:.2f} {unit}, shrunken mean)",
        ]
    )
