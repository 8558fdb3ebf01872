"""The configuration of a job: a YAML file, whose parameters the command line may override."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recommender.errors import ConfigError
from recommender.feedback import IMPLICIT
from recommender.formats.steam import is_steam
from recommender.params import RankingParams, RatingParams
from spark_jobs.config.pipeline import Pipeline, read_pipeline
from spark_jobs.config.yaml_files import read_yaml
from spark_jobs.datasets.processed import feedback_of, is_processed
from spark_jobs.protocols import GATE_METRICS

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

# By data set, what is used where no file is named.
DEFAULT_FILES = {"movielens": "pipelines/movies.yaml", "steam": "pipelines/games.yaml"}
PARAMS: dict[str, type[RankingParams] | type[RatingParams]] = {
    "ranking": RankingParams,
    "rating": RatingParams,
}


@dataclass(frozen=True)
class Gate:
    """What a release has to reach. ``people``: how many are held out at most, drawn with ``seed``.
    By metric, ``floors``: the worst value that is promoted; ``margins``: how much worse than the
    release in service it may be."""

    people: int = 2000
    seed: int = 0
    floors: dict[str, float] = field(
        default_factory=lambda: {"RMSE": 1.0, "PR-AUC": 0.7, "NDCG@10": 0.1}
    )
    margins: dict[str, float] = field(
        default_factory=lambda: {"RMSE": 0.01, "PR-AUC": 0.01, "NDCG@10": 0.02}
    )


@dataclass(frozen=True)
class Config:
    """``noun``: what the catalogue calls an item. ``seed``: of everything drawn at random.
    ``rating``: unused where nobody gives stars. ``dataset``: which reader reads it."""

    noun: str
    seed: int
    ranking: RankingParams
    rating: RatingParams
    gate: Gate = field(default_factory=Gate)
    dataset: str = "movielens"
    pipeline: Pipeline = field(default_factory=Pipeline)


def load_config(options: argparse.Namespace) -> Config:
    """The configuration that ``options`` ask for. Raises ConfigError naming file and parameter."""
    detected = options.dataset or dataset_of(getattr(options, "data", None) or [])
    where = options.config or DEFAULT_FILES[detected]
    values = read_yaml(Path(options.config) if options.config else default_file(detected))
    known = ("noun", "seed", *PARAMS, "gate", "dataset", "pipeline")
    if unknown := sorted(set(values) - set(known), key=str):
        raise ConfigError(f"{where}: unknown section {unknown[0]!r}; known are {', '.join(known)}")
    heads: dict[str, Any] = {}
    for head, params in PARAMS.items():
        section = values.get(head) or {}
        if not isinstance(section, dict):
            raise ConfigError(f"{where}: {head} must be a list of `parameter: value` lines")
        given = {
            spec.name: value
            for spec in fields(params)
            if (value := getattr(options, f"{head}.{spec.name}", None)) is not None
        }
        heads[head] = params.from_mapping({**section, **given}, f"{where}, {head}")
    seed = options.seed if options.seed is not None else values.get("seed", 1)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise ConfigError(f"{where}: seed must be a whole number, not {seed!r}")
    noun = values.get("noun", "movie")
    if not isinstance(noun, str) or not noun:
        raise ConfigError(f"{where}: noun must be a word, not {noun!r}")
    dataset = options.dataset or values.get("dataset", detected)
    if dataset not in DEFAULT_FILES:
        raise ConfigError(f"{where}: dataset {dataset!r} is none of {', '.join(DEFAULT_FILES)}")
    gate = _gate(values.get("gate") or {}, where)
    pipeline = read_pipeline(values.get("pipeline"), where)
    return Config(noun, seed, gate=gate, dataset=dataset, pipeline=pipeline, **heads)


def dataset_of(folders: Iterable[str]) -> str:
    """Which data set folders of this machine hold, by the names of their files. Raises DataError
    for a processed one that cannot be read."""
    local = [Path(folder) for folder in folders]
    names = (path.name for folder in local if folder.is_dir() for path in folder.iterdir())
    implicit = any(feedback_of(folder) == IMPLICIT for folder in local if is_processed(folder))
    return "steam" if implicit or is_steam(names) else "movielens"


def default_file(dataset: str) -> Traversable:
    return resources.files("spark_jobs") / DEFAULT_FILES[dataset]


def _gate(section: Any, where: str) -> Gate:
    kinds: dict[str, type] = {"people": int, "seed": int, "floors": dict, "margins": dict}
    if not isinstance(section, dict) or set(section) - set(kinds):
        raise ConfigError(f"{where}: gate must hold some of {', '.join(kinds)}")
    for name, value in section.items():
        if type(value) is not kinds[name] or (isinstance(value, int) and value < 0):
            shape = "a whole number" if kinds[name] is int else "`metric: value` lines"
            raise ConfigError(f"{where}: gate, {name} must be {shape}, not {value!r}")
    for name in ("floors", "margins"):
        for metric, value in section.get(name, {}).items():
            if metric not in GATE_METRICS:
                raise ConfigError(
                    f"{where}: gate, {name}: unknown metric {metric!r}; known are"
                    f" {', '.join(GATE_METRICS)}"
                )
            if not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0:
                raise ConfigError(
                    f"{where}: gate, {name}: {metric} must be a number of at least 0, not {value!r}"
                )
    return Gate(**section)
