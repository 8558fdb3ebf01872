"""Measures the model the way the literature does, beside baselines on the same splits.

    python -m spark_jobs.evaluate --data FOLDER --protocol A,B,C,E --seeds 0,1,2,3,4

A: stars, 80:20 by rating. B: ranking for people held out entirely, 80 % of each one's ratings
folded in, a held-out rating of 4 or more being relevant. C: ranking, 75:25 within each person,
every held-out title being relevant (Microsoft's recommenders benchmark). D: ranking, 80:20 by
rating, every held-out title being relevant. E: beyond accuracy, and quality after the first few
ratings, on the splits of B. G: stars and ranking for people held out, from one fit: what the gate
of ``train`` looks at. Every protocol ranks the whole catalogue but what a person has rated.

Where hours played stand in place of stars, whatever people have is relevant, and there is no A.

Exit status 0: tables were printed and written. 2: bad input, nothing was fitted.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    # spark-submit puts this file's folder on the path; imports start one above.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark import RDD
from pyspark.sql import SparkSession

from recommender import metrics
from recommender.catalogue import Catalogue
from recommender.errors import ConfigError, DataError, MarqueeError
from recommender.feedback import EXPLICIT, IMPLICIT
from recommender.fold_in import Ridge
from recommender.model import Model
from recommender.params import RankingParams, RatingParams
from recommender.storage.release import Release
from spark_jobs import config
from spark_jobs.als import mllib
from spark_jobs.als.biases import fit_biases
from spark_jobs.als.rating_blocks import Block, BlockedRatings, NothingToPack, build_blocks
from spark_jobs.config import Config, Gate
from spark_jobs.datasets.obtain import obtain
from spark_jobs.datasets.read import read_datasets
from spark_jobs.evaluation.baselines import (
    Biases,
    Ease,
    Popularity,
    Predictor,
    Ranker,
    RawAls,
    ServedModel,
    ease_fits,
)
from spark_jobs.evaluation.splits import (
    Case,
    Divide,
    Split,
    by_person,
    by_rating,
    split,
    validation,
    within_person,
)
from spark_jobs.explore import by_month, describe
from spark_jobs.filesystem import check_out
from spark_jobs.fit_models import FittedModels, Fitter, fit_models
from spark_jobs.pipeline.configuration import PROTOCOLS
from spark_jobs.progress import ProgressBar
from spark_jobs.session import build_session
from spark_jobs.training_set import TrainingSet, check_ranks, merge, tell

# By data set, where none is asked for.
DEFAULT_PROTOCOLS = {"movielens": "A,B,C,E", "steam": "B,D,E"}
LIKED = 4.0
K = 10
LONG = 20
CURVE = (1, 2, 3, 5, 10, 20)
# Chosen on validation splits of MovieLens latest-small, as docs/model.md tells.
EASE_REGULARIZATION = 100.0
RAW_ALS = RatingParams(rank=20, regularization=0.15, regularization_exponent=1.0)
# Likewise of the Steam sample.
PLAIN_ALS = RankingParams(rank=32, regularization=1.0, alpha=5.0, playtime_weight=0.0)

SERVED, POPULARITY, BIASES = "Marquee", "popularity", "biases alone"
RAW, EASE, EASE_LIKES = "MLlib ALS on raw stars", "EASE, all ratings", "EASE, 4 and up"
# Contenders where there are no stars, by the weight of log(1 + count) in their score.
PLAIN = {"MLlib implicit ALS": 1e-9, "the same + 0.02·log n": 0.02}
# The value of a metric on one split, and on all seeds: contender -> metric -> value(s).
Scores = dict[str, dict[str, float]]
Values = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class EvaluationPlan:
    """What to measure. ``validation``: on splits to choose parameters on. ``baselines``: the costly
    ones too. ``people``: how many G holds out at most."""

    protocols: tuple[str, ...]
    seeds: tuple[int, ...]
    validation: bool = False
    baselines: bool = True
    people: int = Gate.people
    solver: str = "als"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        settings, out = config.load(options), check_out(options.out)
        plan = _plan(options, settings.dataset)
        folders = options.data or [str(obtain(Path("data"), tell))]
        report = evaluate(build_session("marquee evaluate"), folders, settings, plan)
    except MarqueeError as error:
        tell(f"error: {error}")
        return 2
    given = sys.argv[1:] if arguments is None else arguments
    report["command"] = shlex.join(["python", "-m", "spark_jobs.evaluate", *given])
    # Only where a page is written, so that Spark's workers need no Matplotlib.
    from spark_jobs.reporting.html import evaluation_page, write

    page = write(out, report, evaluation_page)
    print(tables(report))
    print(f"Written to {page} and {out}. Again: {report['command']}")
    return 0


def evaluate(
    spark: SparkSession, folders: Sequence[str], settings: Config, plan: EvaluationPlan
) -> dict[str, Any]:
    """The measurements, as ``--out`` holds them. Raises MarqueeError before anything is fitted."""
    datasets = read_datasets(spark, settings.dataset, folders)
    months = by_month(datasets)
    training = merge(datasets, settings)
    exploration = describe(training, months)
    return {**evaluate_set(training, settings, plan), "exploration": exploration}


def evaluate_set(training: TrainingSet, settings: Config, plan: EvaluationPlan) -> dict[str, Any]:
    """The same for ratings that have been read."""
    check_ranks(training.catalogue, settings)
    implicit = training.catalogue.feedback == IMPLICIT
    if "A" in plan.protocols and implicit:
        raise ConfigError(f"{training.catalogue.name}: nobody gives stars; leave protocol A out")
    splits = {
        (kind, seed): _split(training.stars, kind, seed, plan)
        for kind in _kinds(plan.protocols)
        for seed in plan.seeds
    }
    people = 0
    for (kind, seed), made in splits.items():
        where = f"{training.catalogue.name}: protocol {kind}, seed {seed}"
        instead = "train with --promote always" if kind == "G" else "leave the protocol out"
        least = 1 if kind == "A" else 2
        people += check_cases(where, made, least, instead, least_liked(training.catalogue))
    found: dict[str, Values] = {name: {} for name in plan.protocols}
    curves: list[dict[str, Any]] = []
    notes: list[str] = []
    seconds: dict[str, list[float]] = {}
    for (kind, seed), made in splits.items():
        tell(f"protocol {kind}, seed {seed}")
        fitted = _fit(made, training, settings, seed, plan, kind)
        notes += [note for note in fitted.notes if note not in notes]
        for stage, took in fitted.seconds.items():
            seconds.setdefault(stage, []).append(took)
        if kind in found:
            _add(found[kind], _measure(kind, made.cases, fitted, training))
        if "E" in plan.protocols and kind == _split_of_e(plan.protocols):
            _add(found["E"], _beyond_accuracy(made.cases, fitted, training))
            liked = least_liked(training.catalogue)
            curves.append(_curve(made.cases, fitted, liked))
        made.cases.unpersist()
    return {
        "data": asdict(training.catalogue),
        "settings": {
            "ranking": asdict(settings.ranking),
            **({} if implicit else {"rating": asdict(settings.rating)}),
        },
        "validation": plan.validation,
        "seeds": list(plan.seeds),
        "people": people,
        "notes": notes,
        "seconds": {stage: float(np.mean(each)) for stage, each in seconds.items()},
        "protocols": {name: _summary(values) for name, values in found.items()},
        "fold_in_curve": _joined(curves),
    }


# --- splits ---


def _kinds(protocols: Sequence[str]) -> list[str]:
    """The splits that the protocols need."""
    return sorted({_split_of_e(protocols) if name == "E" else name for name in protocols})


def _split_of_e(protocols: Sequence[str]) -> str:
    """E measures on people held out, of G where that is measured anyhow."""
    return "G" if "G" in protocols else "B"


def _split(stars: BlockedRatings, kind: str, seed: int, plan: EvaluationPlan) -> Split:
    divides: dict[str, Callable[[int], Divide]] = {
        "A": by_rating,
        "D": by_rating,
        "B": lambda seed: by_person(seed, stars.users.ids),
        "C": within_person,
        "G": lambda seed: by_person(seed, stars.users.ids, plan.people),
    }
    divide = divides[kind]
    return split(stars, validation(divide, seed) if plan.validation else divide(seed), seed)


def least_liked(catalogue: Catalogue) -> float:
    """The rating from which on a title is one that the person likes."""
    return 0.0 if catalogue.feedback == IMPLICIT else LIKED


def check_cases(where: str, made: Split, least: int, instead: str, liked: float) -> int:
    """How many people there are to test on. Raises DataError where that is too few to measure.

    ``instead``: what to do without more ratings.
    """
    people = made.cases.count()
    positives = made.cases.filter(lambda case: max(case.held.values()) >= liked).count()
    if people < least or not positives:
        raise DataError(
            f"{where}: {people} people to test on, {positives} of them with a held-out rating of"
            f" {liked:g} or more; give more ratings, or {instead}"
        )
    return people


# --- fitting ---


@dataclass(frozen=True)
class Fitted:
    """``counts``: of ratings by item id, in the part that was fitted on. ``seconds``: by stage."""

    rankers: dict[str, Ranker]
    predictors: dict[str, Predictor]
    counts: dict[int, int]
    people: int
    notes: list[str]
    seconds: dict[str, float]


def _fit(
    made: Split, training: TrainingSet, settings: Config, seed: int, plan: EvaluationPlan, kind: str
) -> Fitted:
    name, explicit = training.catalogue.name, training.catalogue.feedback == EXPLICIT
    stars_too = explicit and kind in ("A", "G")
    try:
        stars = build_blocks(made.fitted)
    except NothingToPack as error:
        raise DataError(f"{name}: seed {seed} leaves nothing to fit on") from error
    progress = ProgressBar(3 if stars_too else 1)
    fitter = Fitter(progress, plan.solver, settings.seed, {})
    heads = fit_models(stars, training.items, training.catalogue, settings, fitter, stars_too)
    served = ServedModel(Model(as_release(heads, training, settings)))
    popularity = Popularity(stars.items.ids, stars.items.counts)
    rankers: dict[str, Ranker] = {SERVED: served, POPULARITY: popularity}
    predictors: dict[str, Predictor] = {SERVED: served}
    notes: list[str] = []
    if plan.baselines and not explicit:
        rankers |= _plain_als(stars, training, settings)
    elif plan.baselines:
        raw = _raw_als(stars, heads, seed)
        rankers[RAW] = raw
        if kind == "A":
            predictors |= {BIASES: _biases_alone(stars, heads.mean_rating, settings), RAW: raw}
        elif ease_fits(len(stars.users.ids), len(stars.items.ids)):
            if kind == "B":
                rankers[EASE_LIKES] = _ease(stars, LIKED)
            rankers[EASE] = _ease(stars, 0.0)
        else:
            notes.append(
                f"EASE was left out: {len(stars.users.ids):,} people and"
                f" {len(stars.items.ids):,} titles are too many for its closed form"
            )
    counts = dict(zip(stars.items.ids.tolist(), stars.items.counts.tolist(), strict=True))
    people = len(stars.users.ids)
    stars.unpersist()
    return Fitted(rankers, predictors, counts, people, notes, progress.seconds)


def as_release(heads: FittedModels, training: TrainingSet, settings: Config) -> Release:
    """The heads as the site would serve them, never written."""
    explicit = training.catalogue.feedback == EXPLICIT
    return Release(
        version="evaluation",
        created_at="",
        catalogue=training.catalogue,
        ranking=settings.ranking,
        rating=settings.rating if explicit else None,
        mean_rating=heads.mean_rating,
        arrays=heads.arrays,
    )


def _plain_als(stars: BlockedRatings, training: TrainingSet, settings: Config) -> dict[str, Ranker]:
    """Spark's own implicit ALS, which is how it is mostly used, and with some popularity added."""
    most = min(len(stars.users.ids), len(stars.items.ids))
    plain = replace(settings, ranking=replace(PLAIN_ALS, rank=min(PLAIN_ALS.rank, most)))
    fitter = Fitter(ProgressBar(1), "mllib", settings.seed, {})
    heads = fit_models(stars, training.items, training.catalogue, plain, fitter, with_rating=False)
    weighted = {
        name: replace(plain, ranking=replace(plain.ranking, popularity_weight=weight))
        for name, weight in PLAIN.items()
    }
    return {
        name: ServedModel(Model(as_release(heads, training, s))) for name, s in weighted.items()
    }


def _raw_als(stars: BlockedRatings, heads: FittedModels, seed: int) -> RawAls:
    most = min(len(stars.users.ids), len(stars.items.ids))
    params = replace(RAW_ALS, rank=min(RAW_ALS.rank, most))
    factors = mllib.fit(mllib.frame(stars), params, seed).items.of(stars.items.ids)
    ridge = Ridge.of(params, len(stars.items.ids))
    return RawAls(stars.items.ids, factors, heads.mean_rating, ridge)


def _biases_alone(stars: BlockedRatings, mean: float, settings: Config) -> Biases:
    _, item_bias = fit_biases(stars, mean, settings.rating)
    return Biases(stars.items.ids, mean, item_bias, settings.rating.bias_regularization)


def _ease(stars: BlockedRatings, liked: float) -> Ease:
    items = len(stars.items.ids)

    def dense(block: Block) -> NDArray[np.float32]:
        x = np.zeros((len(block.counts), items), np.float32)
        x[block.rows - block.first_row, block.columns] = block.values >= liked
        return x

    return Ease.fit(stars.items.ids, stars.users.map(dense), EASE_REGULARIZATION, liked)


# --- measuring ---


def _measure(kind: str, cases: RDD[Case], fitted: Fitted, training: TrainingSet) -> Scores:
    implicit, liked = training.catalogue.feedback == IMPLICIT, least_liked(training.catalogue)
    if kind == "A":
        return {
            name: star_metrics(cases, predictor) for name, predictor in fitted.predictors.items()
        }
    if kind == "G":
        served = fitted.rankers[SERVED]
        first = (
            catalogue_auc(cases, served, training.stars.items.ids)
            if implicit
            else star_metrics(cases, fitted.predictors[SERVED])
        )
        return {SERVED: {**first, **ranking_metrics(cases, served, liked)}}
    if kind == "D":
        return {
            name: {
                **catalogue_auc(cases, ranker, training.stars.items.ids),
                **ranking_metrics(cases, ranker, 0.0),
            }
            for name, ranker in fitted.rankers.items()
        }
    if kind == "C":
        liked = 0.0
    return {name: ranking_metrics(cases, ranker, liked) for name, ranker in fitted.rankers.items()}


def _over(cases: RDD[Case], shared: Any, one: Callable[[Any, Case], Any]) -> list[Any]:
    """``one(shared, case)`` of every case, computed on the workers."""
    sent = cases.context.broadcast(shared)
    found = cases.map(lambda case: one(sent.value, case)).collect()
    sent.destroy()
    return found


def star_metrics(cases: RDD[Case], predictor: Predictor) -> dict[str, float]:
    """Of all held-out ratings together."""

    def one(predictor: Predictor, case: Case) -> tuple[Any, list[float]]:
        return predictor.stars(case.known, case.held), list(case.held.values())

    found = _over(cases, predictor, one)
    predicted = np.concatenate([stars for stars, _ in found])
    actual = np.concatenate([stars for _, stars in found])
    return {
        "RMSE": metrics.rmse(predicted, actual),
        "MAE": metrics.mae(predicted, actual),
        "PR-AUC": metrics.pr_auc(predicted, actual >= LIKED),
        "AUC": metrics.auc(predicted, actual >= LIKED),
    }


def relevant(case: Case, liked: float) -> NDArray[np.int64]:
    """The held-out titles rated ``liked`` or more."""
    return np.array([item for item, stars in case.held.items() if stars >= liked], np.int64)


def ranking_metrics(cases: RDD[Case], ranker: Ranker, liked: float) -> dict[str, float]:
    """Means over the people that have a relevant title: one rated ``liked`` or more."""

    def one(ranker: Ranker, case: Case) -> tuple[float, ...]:
        wanted = relevant(case, liked)
        longer = metrics.hits(ranker.top(case.known, LONG), wanted, LONG)
        hits, count = longer[:K], len(wanted)
        return (
            metrics.ndcg(hits, count),
            metrics.recall(longer, count),
            metrics.precision(hits) if count else float("nan"),
            metrics.recall(hits, count),
            metrics.average_precision(hits, count),
        )

    means = np.nanmean(_over(cases, ranker, one), axis=0)
    names = (f"NDCG@{K}", f"recall@{LONG}", f"precision@{K}", f"recall@{K}", f"MAP@{K}")
    return dict(zip(names, means.tolist(), strict=True))


def catalogue_auc(
    cases: RDD[Case], ranker: Ranker, item_ids: NDArray[np.int64]
) -> dict[str, float]:
    """Mean over the people of the AUC of what is held out among all that they do not have.

    ``item_ids``: the catalogue, ascending. Titles that the ranker does not know come last.
    """

    def one(shared: tuple[Ranker, NDArray[np.int64]], case: Case) -> float:
        ranker, every = shared
        scores = np.full(len(every), -np.inf)
        scores[np.searchsorted(every, ranker.item_ids)] = ranker.scores(case.known)
        candidates = ~np.isin(every, list(case.known))
        held = np.isin(every, list(case.held))
        return metrics.auc(scores[candidates], held[candidates])

    return {"catalogue AUC": float(np.nanmean(_over(cases, (ranker, item_ids), one)))}


def _beyond_accuracy(cases: RDD[Case], fitted: Fitted, training: TrainingSet) -> Scores:
    genres, counts, people = _genres(training), fitted.counts, fitted.people
    scores = {}
    for name, ranker in fitted.rankers.items():
        lists = _over(cases, ranker, lambda ranker, case: ranker.top(case.known, K))
        alike = [metrics.intra_list_diversity(np.array([genres[i] for i in x])) for x in lists]
        novel = [metrics.novelty([counts[i] for i in x], people) for x in lists]
        scores[name] = {
            f"coverage@{K}": metrics.coverage(lists, len(counts)),
            f"diversity@{K}": float(np.nanmean(alike)),
            f"novelty@{K}": float(np.mean(novel)),
        }
    return scores


def _genres(training: TrainingSet) -> dict[int, NDArray[np.float64]]:
    """By item id, 1 for each genre that the title has."""
    names = sorted({genre for item in training.items for genre in item.genres})
    return {
        item.item_id: np.array([float(name in item.genres) for name in names])
        for item in training.items
    }


def _curve(cases: RDD[Case], fitted: Fitted, liked: float) -> dict[str, Any]:
    """NDCG@10 of every case after its first ratings, by contender and number of ratings."""

    def after(n: int) -> Callable[[Ranker, Case], float]:
        def one(ranker: Ranker, case: Case) -> float:
            wanted = relevant(case, liked)
            if len(case.known) < n or not len(wanted):
                return float("nan")
            first = dict(list(case.known.items())[:n])
            listed = ranker.top(first, K, hidden=case.known)
            return metrics.ndcg(metrics.hits(listed, wanted, K), len(wanted))

        return one

    return {
        name: {n: _over(cases, fitted.rankers[name], after(n)) for n in CURVE}
        for name in (SERVED, POPULARITY)
    }


# --- putting together ---


def _add(values: Values, scores: Scores) -> None:
    for name, measured in scores.items():
        for metric, value in measured.items():
            values.setdefault(name, {}).setdefault(metric, []).append(value)


def _summary(values: Values) -> dict[str, Any]:
    return {
        name: {
            metric: {
                "mean": float(np.mean(each)),
                "sd": float(np.std(each, ddof=1)) if len(each) > 1 else 0.0,
                "seeds": each,
            }
            for metric, each in measured.items()
        }
        for name, measured in values.items()
    }


def _joined(curves: list[dict[str, Any]]) -> dict[str, list[dict[str, float]]]:
    """Mean over the people of all seeds, with 95 % bootstrap intervals."""
    joined: dict[str, list[dict[str, float]]] = {}
    for name in curves[0] if curves else ():
        for n in CURVE:
            values = np.array([value for curve in curves for value in curve[name][n]])
            values = values[~np.isnan(values)]
            if len(values):
                low, high = metrics.interval(values)
                point = {"ratings": n, "people": len(values), "ndcg": float(values.mean())}
                joined.setdefault(name, []).append({**point, "low": low, "high": high})
    return joined


TITLES = {
    "A": "A. Stars (80:20 by rating)",
    "B": "B. Ranking for people never seen (a held-out rating of 4 or more is relevant)",
    "C": "C. Ranking, 75:25 within each person (every held-out title is relevant)",
    "D": "D. Ranking, 80:20 by rating (every held-out title is relevant)",
    "E": "E. Beyond accuracy",
    "G": "G. Stars and ranking for people never seen",
}


def tables(report: Mapping[str, Any]) -> str:
    """The report as a terminal shows it: mean ± standard deviation over the seeds."""
    seeds = ", ".join(map(str, report["seeds"]))
    kind = "validation" if report["validation"] else "test"
    lines = [f"{report['data']['name']}, {kind} splits, seeds {seeds}: mean ± standard deviation"]
    for protocol, rows in report["protocols"].items():
        names = list(next(iter(rows.values())))
        lines += ["", TITLES[protocol], _line("", names)]
        for contender, measured in rows.items():
            cells = [f"{measured[m]['mean']:.4f} ±{measured[m]['sd']:.4f}" for m in names]
            lines.append(_line(contender, cells))
    if report["fold_in_curve"]:
        lines += ["", "NDCG@10 after the first ratings (95 % interval)"]
        lines.append(_line("", [str(n) for n in CURVE]))
        for contender, points in report["fold_in_curve"].items():
            cells = [f"{p['ndcg']:.3f} {p['low']:.3f}–{p['high']:.3f}" for p in points]
            lines.append(_line(contender, cells))
    return "\n".join([*lines, *report["notes"], ""])


def _line(first: str, cells: Iterable[str]) -> str:
    return f"{first:<24}" + "".join(f"{cell:>18}" for cell in cells)


def _plan(options: argparse.Namespace, dataset: str) -> EvaluationPlan:
    asked = options.protocol or DEFAULT_PROTOCOLS[dataset]
    protocols = tuple(name.strip().upper() for name in asked.split(","))
    if unknown := [name for name in protocols if name not in PROTOCOLS]:
        raise ConfigError(
            f"--protocol: {unknown[0]!r} is none of {', '.join(PROTOCOLS)}; give some of them"
        )
    try:
        seeds = tuple(int(seed) for seed in options.seeds.split(","))
    except ValueError as error:
        raise ConfigError(f"--seeds: {options.seeds!r} must be like 0,1,2") from error
    if min(seeds) < 0:
        raise ConfigError(f"--seeds: must be 0 or more, not {min(seeds)}")
    return EvaluationPlan(protocols, seeds, options.validation)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evaluate.py", description="Measure the model beside baselines."
    )
    parser.add_argument("--data", action="append", metavar="FOLDER", help="a data set's folder")
    defaults = " or ".join(DEFAULT_PROTOCOLS.values())
    parser.add_argument(
        "--protocol", help=f"which protocols (default: {defaults}, by the data set)"
    )
    parser.add_argument(
        "--seeds", default="0,1,2,3,4", help="seeds of the splits (default: %(default)s)"
    )
    parser.add_argument(
        "--validation",
        action="store_true",
        help="splits that test on nothing the test splits of seeds 0 to 4 do: to choose parameters",
    )
    parser.add_argument(
        "--out",
        default="evaluation.json",
        metavar="FILE.json",
        help="the report is written beside it as a page (default: %(default)s)",
    )
    config.add_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
