"""Chooses the weights that enter at serving alone, on people who were not fitted.

The factors stay as they are, so that one fit serves every choice.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from pyspark import RDD

from recommender import metrics
from recommender.arrays import Float64Array, Int64Array
from recommender.model import Model
from recommender.storage.release import Release
from recommender.top_n import top_n
from spark_jobs.config.configuration import Config
from spark_jobs.evaluation.case_metrics import map_cases, relevant_items
from spark_jobs.evaluation.splits import Case, uniform, user_ids
from spark_jobs.protocols import LIST_LENGTH

POPULARITY, NEIGHBOURS = "ranking.popularity_weight", "neighbourhood.weight"
# What is tried for each parameter that can be chosen: every second value, then those around the
# best.
TRIED: Mapping[str, tuple[float, ...]] = {
    POPULARITY: (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6),
    NEIGHBOURS: (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0),
}
# What suits most data; where the people do not tell, the nearest pair to it is chosen.
USUAL = {POPULARITY: 0.1, NEIGHBOURS: 1.0}
# Of popularity and of the neighbourhood.
Weights = tuple[float, float]
Grid = Mapping[str, tuple[float, ...]]
# Of fewer people a choice would be noise.
LEAST_PEOPLE = 40
# A list is judged after a person's first ratings too, because newcomers need popularity most.
FIRST_RATINGS = 3
HALVES_SEED = 77


@dataclass(frozen=True)
class ChosenWeights:
    """``values`` by parameter, like "ranking.popularity_weight"; NDCG@10 of the ``people``."""

    values: dict[str, float]
    ndcg: float
    people: int

    def in_settings(self, settings: Config) -> Config:
        changed = settings
        for name, value in self.values.items():
            section, parameter = name.split(".")
            params = msgspec.structs.replace(getattr(changed, section), **{parameter: value})
            changed = msgspec.structs.replace(changed, **{section: params})
        return changed

    def in_release(self, release: Release) -> Release:
        for name, value in self.values.items():
            section, parameter = name.split(".")
            params = msgspec.structs.replace(getattr(release, section), **{parameter: value})
            changes: dict[str, Any] = {section: params}
            release = replace(release, **changes)
        return release

    def as_figures(self) -> dict[str, Any]:
        """Return what manifest and report record."""
        return {**self.values, "NDCG@10": self.ndcg, "people": self.people}


def halves(cases: RDD[Case]) -> tuple[RDD[Case], RDD[Case]] | None:
    """Return half of the cases to choose on, and the other half to judge on; the same people from
    one training to the next, as far as they remain. None where either would be too few."""
    ids = user_ids(cases)
    if len(ids) < 2 * LEAST_PEOPLE:
        return None
    chosen = cases.context.broadcast(frozenset(ids[uniform(HALVES_SEED, ids) < 0.5].tolist()))
    return (
        cases.filter(lambda case: case.user_id in chosen.value),
        cases.filter(lambda case: case.user_id not in chosen.value),
    )


def choose_weights(
    cases: RDD[Case], release: Release, settings: Config, least: float
) -> ChosenWeights | None:
    """Choose the parameters in ``settings.chosen`` by the mean NDCG@10 of lists after the first few
    ratings and after all: the best pair, or a more usual one that is not worse beyond chance.

    ``least``: the lowest relevant rating. None where there is nothing to choose, or too few people
    have a relevant title.
    """
    grid: dict[str, tuple[float, ...]] = {
        POPULARITY: (release.ranking.popularity_weight,),
        NEIGHBOURS: (1.0,),
    }
    if release.neighbourhood:
        grid[NEIGHBOURS] = (release.neighbourhood.weight,)
        release = ChosenWeights({NEIGHBOURS: 1.0}, 0.0, 0).in_release(release)
    present = (POPULARITY, NEIGHBOURS) if release.neighbourhood else (POPULARITY,)
    chosen = [name for name in present if name in settings.chosen]
    grid |= {name: TRIED[name] for name in chosen}
    if not chosen:
        return None
    model, usual = Model(release), _usual(grid)
    tried = list(dict.fromkeys([usual, *_every_second(grid)]))
    values = _ndcg_values(cases, model, tried, least)
    if len(values) < LEAST_PEOPLE / 2:
        return None
    best = tried[int(np.argmax(values.mean(axis=0)))]
    if around := [pair for pair in _around(best, grid) if pair not in tried]:
        tried += around
        values = np.hstack([values, _ndcg_values(cases, model, around, least)])
    place = _choose(values, [_steps(pair, usual, grid) for pair in tried])
    found = dict(zip((POPULARITY, NEIGHBOURS), tried[place], strict=True))
    ndcg = float(values[:, place].mean())
    return ChosenWeights({name: found[name] for name in chosen}, ndcg, len(values))


def _choose(values: Float64Array, steps: Sequence[int]) -> int:
    """Return the column nearest to the usual weights, by ``steps``, among those that are worse than
    the best one by no more than a standard error of the difference between the same people.

    ``values``: (people, pairs). With few people the best pair is mostly chance.
    """
    means = values.mean(axis=0)
    worse = values[:, [int(np.argmax(means))]] - values
    errors = worse.std(axis=0, ddof=1) / np.sqrt(len(values))
    near: list[int] = np.flatnonzero(worse.mean(axis=0) <= errors).tolist()
    return min(near, key=lambda column: (steps[column], -means[column]))


def _usual(grid: Grid) -> Weights:
    """Return the usual weights, or the only value of one that is not chosen."""
    popularity, neighbours = (
        USUAL[name] if USUAL[name] in grid[name] else grid[name][0]
        for name in (POPULARITY, NEIGHBOURS)
    )
    return popularity, neighbours


def _steps(pair: Weights, other: Weights, grid: Grid) -> int:
    """Return how many values of the grid lie between two pairs."""
    places = (
        (grid[name].index(one), grid[name].index(another))
        for name, one, another in zip((POPULARITY, NEIGHBOURS), pair, other, strict=True)
    )
    return sum(abs(one - another) for one, another in places)


def _every_second(grid: Grid) -> list[Weights]:
    return list(itertools.product(grid[POPULARITY][::2], grid[NEIGHBOURS][::2]))


def _around(best: Weights, grid: Grid) -> list[Weights]:
    """Return the pairs beside the best one that were not tried among every second."""

    def beside(name: str, value: float) -> tuple[float, ...]:
        place = grid[name].index(value)
        return grid[name][max(0, place - 1) : place + 2]

    pairs = itertools.product(beside(POPULARITY, best[0]), beside(NEIGHBOURS, best[1]))
    return [pair for pair in pairs if pair != best]


def _ndcg_values(
    cases: RDD[Case], model: Model, tried: Sequence[Weights], least: float
) -> Float64Array:
    """Return the NDCG@10 of each person who has a relevant title, by pair, (people, tried)."""

    def measure(model: Model, case: Case) -> Float64Array:
        relevant = relevant_items(case, least)
        if not len(relevant):
            return np.full(len(tried), np.nan)
        first = dict(list(case.known.items())[:FIRST_RATINGS])
        lists = [
            ndcg_of_weights(model, known, case.known, relevant, tried)
            for known in (first, case.known)
        ]
        return np.asarray(np.mean(lists, axis=0))

    values = np.array(map_cases(cases, model, measure)).reshape(-1, len(tried))
    return values[np.isfinite(values[:, 0])]


def ndcg_of_weights(
    model: Model,
    known: dict[int, float],
    excluded: Iterable[int],
    relevant: Int64Array,
    tried: Sequence[Weights],
) -> list[float]:
    """NDCG@10 of the list for each pair of weights, of popularity and of the neighbourhood, without
    the ``excluded`` items. The weight of the model's neighbourhood is 1."""
    arrays, person = model.release.arrays, model.fold_in(known)
    factors = arrays.ranking_factors @ person.ranking_vector
    neighbours = 0.0 if person.neighbour_scores is None else person.neighbour_scores
    counts = np.where(np.isfinite(model.items.popularity), np.log1p(arrays.item_counts), -np.inf)
    hidden, found = model.items.index.known_rows(excluded), []
    for popularity, weight in tried:
        scores = factors + weight * neighbours + popularity * counts
        listed = model.items.index.item_ids[top_n(scores, LIST_LENGTH, hidden)]
        found.append(metrics.ndcg(metrics.hits(listed, relevant, LIST_LENGTH), len(relevant)))
    return found


def weight_notes(weights: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say which values were chosen by protocol: of each seed, in order."""
    by_parameter: dict[tuple[str, str], list[str]] = {}
    for chosen in weights:
        for name in TRIED:
            if name in chosen:
                by_parameter.setdefault((chosen["protocol"], name), []).append(f"{chosen[name]:g}")
    return [
        f"Protocol {protocol}: {name} {', '.join(values)}, chosen on people in no test"
        for (protocol, name), values in by_parameter.items()
    ]
