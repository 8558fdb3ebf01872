"""Differences between the model and each baseline on the same people, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recommender.arrays import Float64Array, Int64Array
from recommender.confidence_intervals import ratio
from spark_jobs.evaluation.case_metrics import CaseValues
from spark_jobs.evaluation.tables import Curve
from spark_jobs.protocols import SERVED

# By baseline and metric: difference, low, high, people.
Differences = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class PairedValues:
    """Values of the same cases by ranker, collected over the seeds."""

    user_ids: list[Int64Array] = field(default_factory=list)
    values: dict[tuple[str, str], list[Float64Array]] = field(default_factory=dict)

    def add(self, user_ids: Int64Array, by_ranker: Mapping[str, CaseValues]) -> None:
        """Add one split: the person of each case, and by ranker and metric its value."""
        self.user_ids.append(user_ids)
        for ranker, measured in by_ranker.items():
            for metric, of_cases in measured.items():
                self.values.setdefault((ranker, metric), []).append(of_cases)

    def differences(self) -> Differences:
        """Return the model's value minus each baseline's."""
        found: Differences = {}
        for (ranker, metric), theirs in self.values.items():
            ours = self.values.get((SERVED, metric))
            if ranker != SERVED and ours is not None:
                users = np.concatenate(self.user_ids)
                compared = paired_difference(users, np.concatenate(ours), np.concatenate(theirs))
                if compared:
                    found.setdefault(ranker, {})[metric] = compared
        return found


def as_case_values(curve: Curve) -> dict[str, CaseValues]:
    """Return each point of a curve as a metric of its own."""
    return {
        name: {f"NDCG@10 after {n}": np.array(values) for n, values in points.items()}
        for name, points in curve.items()
    }


def paired_difference(
    user_ids: Int64Array, ours: Float64Array, theirs: Float64Array
) -> dict[str, Any] | None:
    """Return the mean of ``ours − theirs`` over the cases that have both, with its 95 % interval.

    A person may be a case of several splits. Their cases are not independent, so the variance is
    taken between people (``confidence_intervals.ratio``). None where no case has both; without an
    interval where one person has.
    """
    difference = np.asarray(ours - theirs)
    measured = np.isfinite(difference)
    people, place = np.unique(user_ids[measured], return_inverse=True)
    totals = np.bincount(place, difference[measured], len(people))
    interval = ratio(totals, np.bincount(place, minlength=len(people)))
    if interval is None:
        return None
    return {
        "difference": interval.value,
        "low": interval.low,
        "high": interval.high,
        "people": len(people),
    }
