"""Tries a grid of parameters by k-fold cross-validation and keeps the best in the configuration.

    python -m spark_jobs.tune --data FOLDER --grid grid.yaml

Each head is judged by itself, by what it is for: the rating head by the RMSE of held-out ratings,
the ranking head by NDCG@10 for people held out entirely, as protocols A and B of ``evaluate`` do.
Every rating, or person, is held out once. What has been measured is kept in a file of results, so
an interrupted search goes on where it stopped, and a changed grid measures only what is new.

Exit status 0: the search is complete. 2: bad input, nothing was fitted. 130: interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    # spark-submit puts this file's folder on the path; imports start one above.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import hashlib
import io
import itertools
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pyspark import RDD
from pyspark.sql import SparkSession

from recommender.errors import ConfigError, MarqueeError
from recommender.model import Model
from recommender.params import RankingParams
from spark_jobs.als.rating_blocks import Block, BlockedRatings, build_blocks
from spark_jobs.als.solver import FittedFactors, Params
from spark_jobs.config.configuration import PARAMS, Config, default_file, load_config
from spark_jobs.config.options import add_file_options
from spark_jobs.config.yaml_files import edit_yaml, read_yaml
from spark_jobs.datasets.obtain import obtain
from spark_jobs.datasets.read import read_datasets
from spark_jobs.evaluation.baselines import ServedModel
from spark_jobs.evaluation.case_metrics import ranking_metrics, star_metrics
from spark_jobs.evaluation.fit_rankers import as_release
from spark_jobs.evaluation.measuring import check_cases, least_liked
from spark_jobs.evaluation.splits import Case, Split, mixed, person_fold, rating_fold, split
from spark_jobs.fit_models import Fitter, fit_models
from spark_jobs.progress import ProgressBar
from spark_jobs.session import build_session
from spark_jobs.training_set import TrainingSet, check_ranks, merge, tell

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

GRID = resources.files("spark_jobs") / "pipelines" / "movies-grid.yaml"
METRIC = {"ranking": "NDCG@10", "rating": "RMSE"}
BETTER = {"ranking": 1, "rating": -1}
INTERRUPTED = 130
# Of each line of results.
BEGINNING = b'{"of": {'
# Candidates of each head: the configuration as it is, then those of the grid.
Grid = dict[str, list[Params]]
# By head and candidate, the measure on each fold.
Found = dict[str, dict[Params, list[float]]]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    results = Path(options.results)
    try:
        settings = load_config(options)
        grid = read_grid(Path(options.grid) if options.grid else GRID, settings)
        source = Path(options.config) if options.config else default_file(settings.dataset)
        target = Path(options.out or str(source))
        _check_target(source, target, grid)
        known = TuningResults.read(results)
        if options.folds < 2:
            raise ConfigError(f"--folds: must be 2 or more, not {options.folds}")
        folders = options.data or [str(obtain(Path("data"), tell))]
        spark = build_session("marquee tune")
        with _quiet_interruption(spark):
            found = tune(spark, folders, settings, grid, options.folds, known)
    except MarqueeError as error:
        tell(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        tell(
            f"Interrupted. What was measured is in {results}; the same command goes on from there."
        )
        return INTERRUPTED
    print(table(found))
    _keep(source, target, found)
    return 0


@contextmanager
def _quiet_interruption(spark: SparkSession) -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, without what Spark and Py4J would say to it.

    PySpark's own handler talks to Java, which fails where Python is waiting for Java's answer; and
    Py4J reports a KeyboardInterrupt with a traceback, but lets a SystemExit pass.
    """
    asked = []

    def leave(*_: object) -> None:
        asked.append(True)
        raise SystemExit(INTERRUPTED)

    spark.sparkContext.setLogLevel("FATAL")
    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if asked:
            # Instead of whatever broke in Spark's own code on the way here.
            raise KeyboardInterrupt


def tune(
    spark: SparkSession,
    folders: Sequence[str],
    settings: Config,
    grid: Grid,
    folds: int,
    results: TuningResults,
) -> Found:
    """What every candidate of every head reaches on each fold. The rating head is tuned beside the
    best ranking head, whose factors it uses. Raises MarqueeError before anything is fitted."""
    training = merge(read_datasets(spark, settings.dataset, folders), settings)
    for params in itertools.chain(*grid.values()):
        check_ranks(training.catalogue, _with(settings, params))
    splits = {head: divide(training, head, folds, settings.seed) for head in grid}
    about = {"data": fingerprint(training), "folds": folds, "seed": settings.seed}
    found: Found = {}
    for head, candidates in grid.items():
        search = Search(head, candidates, splits[head], about, results)
        found[head] = search.run(training, settings)
        settings = _with(settings, best(head, found[head]))
    return found


@dataclass(frozen=True)
class Search:
    """The search for one head. ``about``: what its results have in common."""

    head: str
    candidates: list[Params]
    splits: list[Split]
    about: Mapping[str, Any]
    results: TuningResults

    def run(self, training: TrainingSet, settings: Config) -> dict[Params, list[float]]:
        """By candidate, its measure on each fold: known already, or measured now."""
        folds = range(len(self.splits))
        keys = {
            (p, fold): self._key(_with(settings, p), fold)
            for fold in folds
            for p in self.candidates
        }
        missing = [cell for cell in keys if keys[cell] not in self.results.values]
        known = f"{len(keys) - len(missing)} of {len(keys)} fits are known"
        tell(f"{self.head} head: {known} from {self.results.path}")
        started = time.monotonic()
        for number, value in enumerate(self._measured(missing, training, settings), start=1):
            params, fold = missing[number - 1]
            self.results.add(keys[params, fold], value)
            left = (time.monotonic() - started) / number * (len(missing) - number)
            tell(
                f"[{number}/{len(missing)}] {self.head} head, fold {fold + 1} of {len(folds)},"
                f" {_named(params, self.candidates)}: {METRIC[self.head]} {value:.4f};"
                f" about {_duration(left)} to go"
            )
        return {p: [self.results.values[keys[p, fold]] for fold in folds] for p in self.candidates}

    def _measured(
        self, cells: Sequence[tuple[Params, int]], training: TrainingSet, settings: Config
    ) -> Iterator[float]:
        """The measure of each cell; the ratings of a fold are packed once."""
        for fold, several in itertools.groupby(cells, lambda cell: cell[1]):
            made = self.splits[fold]
            stars = build_blocks(made.fitted)
            fitter = OnceFitter(ProgressBar(3, io.StringIO()), "als", settings.seed, {})
            for params, _ in several:
                yield measure(
                    self.head, stars, made.cases, training, _with(settings, params), fitter
                )
            stars.unpersist()

    def _key(self, settings: Config, fold: int) -> str:
        heads = ("ranking",) if self.head == "ranking" else ("ranking", "rating")
        params = {head: asdict(getattr(settings, head)) for head in heads}
        return key(**self.about, head=self.head, fold=fold, params=params)


class OnceFitter(Fitter):
    """Of fits of a ranking head that differ in nothing fitted, one after the other, the first alone
    is made."""

    def fit(self, head: str, packed: BlockedRatings, params: Params) -> FittedFactors:
        if not isinstance(params, RankingParams):
            return super().fit(head, packed, params)
        fitted = replace(params, popularity_weight=1.0, min_ratings=1)
        if fitted not in self._made:
            self._made.clear()
            self._made[fitted] = super().fit(head, packed, params)
        return self._made[fitted]

    @cached_property
    def _made(self) -> dict[Params, FittedFactors]:
        return {}


# --- the grid ---


def read_grid(path: Traversable, settings: Config) -> Grid:
    """The candidates of a grid: lists of values by head and parameter. Raises ConfigError."""
    values = read_yaml(path)
    if not values or (unknown := sorted(set(values) - set(PARAMS), key=str)):
        which = f"unknown head {unknown[0]!r}" if values else "nothing to try"
        raise ConfigError(f"{path}: {which}; give lists of values under {' or '.join(PARAMS)}")
    return {
        head: _candidates(values[head], head, path, settings) for head in PARAMS if head in values
    }


def _candidates(lists: Any, head: str, path: Traversable, settings: Config) -> list[Params]:
    where = f"{path}, {head}"
    if not isinstance(lists, dict) or not lists:
        raise ConfigError(f"{where}: must be `parameter: [value, value]` lines")
    for name, tried in lists.items():
        if not isinstance(tried, list) or not tried:
            raise ConfigError(
                f"{where}: {name} must be a list of at least one value, not {tried!r}"
            )
    configured: Params = getattr(settings, head)
    combinations = (
        PARAMS[head].from_mapping(
            {**asdict(configured), **dict(zip(lists, combination, strict=True))}, where
        )
        for combination in itertools.product(*lists.values())
    )
    return list(dict.fromkeys([configured, *combinations]))


def _with(settings: Config, params: Params) -> Config:
    if isinstance(params, RankingParams):
        return replace(settings, ranking=params)
    return replace(settings, rating=params)


# --- the folds ---


def divide(training: TrainingSet, head: str, folds: int, seed: int) -> list[Split]:
    """Each rating, or for the ranking head each person, is held out in one of the splits.

    Raises DataError where a fold has nothing to measure on.
    """
    stars, splits = training.stars, []
    for fold in range(folds):
        if head == "ranking":
            made = split(stars, person_fold(seed, stars.users.ids, fold, folds), seed)
        else:
            made = split(stars, rating_fold(seed, fold, folds), seed)
        where = f"{training.catalogue.name}: {head} head, fold {fold + 1} of {folds}"
        check_cases(where, made, 2, "ask for fewer folds", least_liked(training.catalogue))
        splits.append(made)
    return splits


def measure(
    head: str,
    stars: BlockedRatings,
    cases: RDD[Case],
    training: TrainingSet,
    settings: Config,
    fitter: Fitter,
) -> float:
    """Fit on ``stars``, measure on ``cases``."""
    with_rating = head == "rating"
    heads = fit_models(stars, training.items, training.catalogue, settings, fitter, with_rating)
    served = ServedModel(Model(as_release(heads, training, settings)))
    if with_rating:
        return star_metrics(cases, served)[METRIC[head]]
    return ranking_metrics(cases, served, least_liked(training.catalogue))[METRIC[head]]


# --- what is known ---


@dataclass(frozen=True)
class TuningResults:
    """Measures by key, one JSON line each, written as soon as they are known."""

    path: Path
    values: dict[str, float]

    @classmethod
    def read(cls, path: Path) -> TuningResults:
        """Raises ConfigError for a file that is something else, or cannot be written."""
        try:
            with path.open("ab+") as file:
                file.seek(0)
                *lines, torn = file.read().split(b"\n")
                rows = [json.loads(line) for line in lines]
                values = {key(**row["of"]): float(row["value"]) for row in rows}
                if not BEGINNING.startswith(torn[: len(BEGINNING)]):
                    raise ValueError("its last line has no end")
                # What is left of a line that was being written when the process was killed.
                file.truncate(file.tell() - len(torn))
            return cls(path, values)
        except OSError as error:
            raise ConfigError(f"--results {path}: cannot be used ({error})") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"--results {path}: not results of tuning ({error}); name another file"
            ) from error

    def add(self, of: str, value: float) -> None:
        self.values[of] = value
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"of": json.loads(of), "value": value}) + "\n")
            file.flush()
            os.fsync(file.fileno())


def key(**of: Any) -> str:
    """What a measure is of, as text: the data, the folds, the head and all its parameters."""
    return json.dumps(of, sort_keys=True)


def fingerprint(training: TrainingSet) -> str:
    """Of the ratings and the catalogue, in whatever order they were read."""
    stars = training.stars
    ids = stars.users.blocks.context.broadcast((stars.users.ids, stars.items.ids))

    def digest(block: Block) -> list[NDArray[np.uint64]]:
        user_ids, item_ids = ids.value
        values = block.values.astype(np.float32).view(np.uint32)
        return [mixed(0, user_ids[block.rows], item_ids[block.columns], values).sum(keepdims=True)]

    ratings = int(stars.users.map(digest).sum(dtype=np.uint64))
    items = json.dumps([asdict(item) for item in training.items])
    return hashlib.sha256(f"{ratings} {items}".encode()).hexdigest()[:16]


# --- what is told and kept ---


def best(head: str, measured: Mapping[Params, Sequence[float]]) -> Params:
    """The candidate with the best mean; of equal ones the earlier."""
    return max(measured, key=lambda params: BETTER[head] * np.mean(measured[params]))


def table(found: Found) -> str:
    """All results, best first: mean ± standard deviation over the folds."""
    lines = []
    for head, measured in found.items():
        configured = next(iter(measured))
        ordered = sorted(measured, key=lambda params: -BETTER[head] * np.mean(measured[params]))
        folds = len(measured[configured])
        lines += ["", f"{head} head: {METRIC[head]}, mean ± standard deviation over {folds} folds"]
        for params in ordered:
            values = measured[params]
            notes = [
                note
                for note, true in (
                    ("best", params == best(head, measured)),
                    ("as configured", params == configured),
                )
                if true
            ]
            lines.append(
                f"  {np.mean(values):.4f} ±{np.std(values, ddof=1):.4f}"
                f"  {_named(params, list(measured))}  {', '.join(notes)}".rstrip()
            )
    return "\n".join([*lines, ""])


def _named(params: Params, candidates: Sequence[Params]) -> str:
    """Those parameters in which the candidates differ."""
    every = [asdict(candidate) for candidate in candidates]
    differing = (name for name in every[0] if len({each[name] for each in every}) > 1)
    values = asdict(params)
    return ", ".join(f"{name} {values[name]:g}" for name in differing) or "one candidate alone"


def _keep(source: Traversable, target: Path, found: Found) -> None:
    """Write the winners into the configuration, and say what changed."""
    text = source.read_text(encoding="utf-8")
    changes = []
    for head, measured in found.items():
        changed = _changed(next(iter(measured)), best(head, measured))
        text = edit_yaml(text, head, {name: new for name, (_, new) in changed.items()})
        changes += [f"{head}.{name} {old:g} → {new:g}" for name, (old, new) in changed.items()]
    if not changes and Path(str(source)) == target:
        print(f"The configuration is the best of them; {target} stays as it is.")
        return
    unfinished = target.with_name(f".{target.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(target)
    print(f"Written to {target}: {', '.join(changes) or 'the configuration as it was'}.")


def _changed(before: Params, after: Params) -> dict[str, tuple[float, float]]:
    new = asdict(after)
    return {name: (old, new[name]) for name, old in asdict(before).items() if old != new[name]}


def _check_target(source: Traversable, target: Path, grid: Grid) -> None:
    """Raises ConfigError where the winner could not be written, before there is one."""
    if not (target.is_file() or not target.exists()) or not os.access(target.parent, os.W_OK):
        raise ConfigError(f"{target}: cannot be written; name another file with --out")
    text = source.read_text(encoding="utf-8")
    try:
        for head, candidates in grid.items():
            text = edit_yaml(text, head, asdict(candidates[-1]))
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tune.py", description="Find better parameters by cross-validation and keep them."
    )
    parser.add_argument("--data", action="append", metavar="FOLDER", help="a MovieLens folder")
    parser.add_argument(
        "--grid",
        metavar="FILE",
        help="YAML lists of values by head and parameter (default: pipelines/movies-grid.yaml)",
    )
    parser.add_argument("--folds", type=int, default=3, metavar="K", help="(default: %(default)s)")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="the configuration that the winner is written to (default: the one that is read)",
    )
    parser.add_argument(
        "--results",
        default="tuning.jsonl",
        metavar="FILE",
        help="what has been measured, to go on from (default: %(default)s)",
    )
    add_file_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
