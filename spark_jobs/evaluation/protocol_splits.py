"""Draws the splits of the protocols, and checks that there is enough to measure on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from recommender.catalogue import Catalogue
from recommender.errors import ConfigError, DataError
from recommender.feedback import IMPLICIT
from spark_jobs.als.rating_blocks import BlockedRatings
from spark_jobs.config.configuration import Gate
from spark_jobs.evaluation.splits import (
    Divide,
    Split,
    by_person,
    by_rating,
    split,
    validation,
    within_person,
)
from spark_jobs.protocols import (
    ANY_RATING,
    BY_PERSON,
    BY_RATING,
    BY_TIME,
    BY_TITLE,
    LIKED,
    PROTOCOLS,
    WITHIN_PERSON,
)
from spark_jobs.training_set import TrainingSet

# By (protocol whose split it is, seed).
Splits = dict[tuple[str, int], Split]


@dataclass(frozen=True)
class EvaluationPlan:
    """What to measure. ``validation``: on splits to choose parameters on. ``baselines``: also the
    costly ones. ``people``: the most that G holds out."""

    protocols: tuple[str, ...]
    seeds: tuple[int, ...]
    validation: bool = False
    baselines: bool = True
    people: int = Gate().people
    solver: str = "als"


def least_liked(catalogue: Catalogue) -> float:
    """Return the lowest rating that counts as liked."""
    return ANY_RATING if catalogue.feedback == IMPLICIT else LIKED


def make_splits(training: TrainingSet, plan: EvaluationPlan) -> Splits:
    """Raises ConfigError for a protocol that cannot measure the catalogue's feedback, or that needs
    times where there are none."""
    for name in plan.protocols:
        if not metrics_of(name, training.catalogue):
            raise ConfigError(
                f"{training.catalogue.name}: nobody gives stars; leave protocol {name} out"
            )
        if PROTOCOLS[name].split == BY_TIME and not training.has_times:
            raise ConfigError(
                f"{training.catalogue.name}: its ratings do not say when they were given; leave"
                f" protocol {name} out, or name a `time` column"
            )
    return {
        (name, seed): _split(training.stars, name, seed, plan)
        for name in sorted({split_of(name, plan.protocols) for name in plan.protocols})
        if PROTOCOLS[name].split not in (BY_TIME, BY_TITLE)
        for seed in plan.seeds
    }


def metrics_of(protocol: str, catalogue: Catalogue) -> tuple[str, ...]:
    implicit = catalogue.feedback == IMPLICIT
    return PROTOCOLS[protocol].implicit_metrics if implicit else PROTOCOLS[protocol].metrics


def split_of(name: str, protocols: Sequence[str]) -> str:
    """Return the protocol whose split is used: its own; for E that of G if measured, else of B."""
    if PROTOCOLS[name].split:
        return name
    return "G" if "G" in protocols else "B"


def _split(ratings: BlockedRatings, protocol: str, seed: int, plan: EvaluationPlan) -> Split:
    limit = plan.people if protocol == "G" else None
    divides: Mapping[str | None, Callable[[int], Divide]] = {
        BY_RATING: by_rating,
        BY_PERSON: lambda seed: by_person(seed, ratings.users.ids, limit),
        WITHIN_PERSON: within_person,
    }
    divide = divides[PROTOCOLS[protocol].split]
    return split(ratings, validation(divide, seed) if plan.validation else divide(seed), seed)


def check_protocol(catalogue: Catalogue, protocol: str, seed: int, made: Split) -> int:
    where = f"{catalogue.name}: protocol {protocol}, seed {seed}"
    instead = "train with --promote always" if protocol == "G" else "leave the protocol out"
    return check_cases(where, made, 1 if protocol == "A" else 2, instead, least_liked(catalogue))


def check_cases(where: str, made: Split, least: int, instead: str, liked: float) -> int:
    """Count the people to test on. Raises DataError where they are too few to measure.

    ``instead``: the remedy without more ratings.
    """
    highest = made.cases.map(lambda case: max(case.held.values())).collect()
    people, positives = len(highest), sum(stars >= liked for stars in highest)
    if people < least or not positives:
        raise DataError(
            f"{where}: {people} people to test on, {positives} of them with a held-out rating of"
            f" {liked:g} or more; give more ratings, or {instead}"
        )
    return people
