"""Decides whether a release may go into service, by its parameters' metrics on people held out.

People are drawn by hashing their ids with a fixed seed, so the same people are held out from one
training to the next. A manifest holds the release's metrics, which the next release is compared
with. The release in service itself is not measured: it was fitted on the ratings now held out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec.structs import replace

from recommender.model import Model
from recommender.params import RankingParams, RatingParams
from recommender.storage.release import ParitySample, Release
from spark_jobs.config.configuration import Config, Gate
from spark_jobs.evaluation.measuring import evaluate_set
from spark_jobs.evaluation.protocol_splits import EvaluationPlan
from spark_jobs.evaluation.serving_weights import ChosenWeights
from spark_jobs.protocols import GATE_METRICS, LIST_LENGTH, SERVED
from spark_jobs.training_set import TrainingSet

Figures = dict[str, Any]


def measure(training: TrainingSet, settings: Config, solver: str, warm: bool = False) -> Figures:
    """Evaluate on the people held out. Raises DataError where they are too few.

    ``warm``: the release needs few iterations, because it starts from factors fitted to the people
    held out; here the fit starts from none, and takes no fewer iterations than the default.
    """
    if warm:
        ranking, rating = settings.ranking, settings.rating
        settings = replace(
            settings,
            ranking=replace(
                ranking, iterations=max(ranking.iterations, RankingParams().iterations)
            ),
            rating=replace(rating, iterations=max(rating.iterations, RatingParams().iterations)),
        )
    gate = settings.gate
    plan = EvaluationPlan(
        ("G", "E"), (gate.seed,), baselines=False, people=gate.people, solver=solver
    )
    return evaluate_set(training, settings, plan)


def metrics_of(report: Mapping[str, Any], gate: Gate) -> Figures:
    """Return the manifest's metrics, and on whom they were measured; without NaN."""
    measured = report["protocols"]["G"][SERVED]
    values = {name: value["mean"] for name, value in measured.items()}
    drawn = {"seed": gate.seed, "most": gate.people}
    chosen: Figures = {"weights": report["weights"][0]} if report["weights"] else {}
    halved = {"halved": True} if chosen else {}
    return {
        "held_out": {**drawn, **halved, "people": report["people"]},
        **chosen,
        **{name: value for name, value in values.items() if np.isfinite(value)},
    }


def with_weights(settings: Config, report: Mapping[str, Any]) -> Config:
    """Return the configuration with the weights that were chosen on half of the people."""
    for chosen in report["weights"]:
        values = {name: chosen[name] for name in settings.chosen if name in chosen}
        settings = ChosenWeights(values, chosen["NDCG@10"], chosen["people"]).in_settings(settings)
    return settings


def judged(
    measured: Figures, new: Release, before: Release | None, sample: ParitySample, gate: Gate
) -> Figures:
    """Add the verdict (``gate``) and the ``comparison`` with the release in service, if any."""
    comparison = compare(new, before, sample) if before else {}
    reasons = judge(new.metrics, comparison, gate)
    limits = {
        name: {
            "measured": new.metrics.get(name),
            "floor": gate.floors.get(name),
            "margin": gate.margins.get(name),
        }
        for name in GATE_METRICS
        if name in gate.floors or name in gate.margins
    }
    verdict = {"passed": not reasons, "reasons": reasons, "limits": limits}
    return {**measured, "comparison": comparison, "gate": verdict}


def compare(new: Release, before: Release, sample: ParitySample) -> Figures:
    """Compare metrics of two releases, and the ten titles that people of ``sample`` see.

    Without ``metrics`` where the two were measured differently; ``note`` says why.
    """
    compared: Figures = {"version": before.version, "lists": _lists(new, before, sample)}
    if note := _unlike(new, before):
        return {**compared, "note": note}
    return {
        **compared,
        "metrics": {
            name: {
                "now": new.metrics[name],
                "before": before.metrics[name],
                "difference": new.metrics[name] - before.metrics[name],
            }
            for name in GATE_METRICS
            if name in new.metrics and name in before.metrics
        },
    }


def judge(metrics: Mapping[str, Any], comparison: Figures, gate: Gate) -> list[str]:
    """Return every floor and margin that a release misses, in words."""
    reasons = []
    for name, floor in gate.floors.items():
        if name not in metrics:
            reasons.append(f"{name}, which has a floor, could not be measured")
        elif GATE_METRICS[name] * (metrics[name] - floor) < 0:
            side = "below" if GATE_METRICS[name] > 0 else "above"
            reasons.append(f"{name} {metrics[name]:.4f} is {side} its floor of {floor:g}")
    compared = comparison.get("metrics", {})
    for name, margin in gate.margins.items():
        if name in compared and GATE_METRICS[name] * compared[name]["difference"] < -margin:
            reasons.append(
                f"{name} {metrics[name]:.4f} is worse by more than {margin:g} than the"
                f" {compared[name]['before']:.4f} of {comparison['version']}, in service"
            )
    return reasons


def _unlike(new: Release, before: Release) -> str:
    if "held_out" not in before.metrics:
        return f"{before.version} was promoted without being measured"
    if before.catalogue.name != new.catalogue.name:
        return f"{before.version} was measured on {before.catalogue.name}"
    drawn = ("seed", "most", "halved")
    then, now = before.metrics["held_out"], new.metrics["held_out"]
    if any(then.get(name, False) != now.get(name, False) for name in drawn):
        return f"{before.version} was measured on people drawn differently"
    return ""


def _lists(new: Release, before: Release, sample: ParitySample) -> Figures:
    """Compare the ten titles that each person sees with those they saw before."""
    models = Model(new), Model(before)
    pairs = [
        [
            {row.item_id for row in model.recommend(model.fold_in(ratings), LIST_LENGTH)}
            for model in models
        ]
        for _, ratings in sample.users()
    ]
    return {
        "people": len(pairs),
        f"kept_of_{LIST_LENGTH}": float(np.mean([len(now & then) for now, then in pairs])),
        "share_unchanged": float(np.mean([now == then for now, then in pairs])),
    }
