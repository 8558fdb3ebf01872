"""Candidates of a search: the configuration as it is, and every combination of a YAML grid."""

from __future__ import annotations

import itertools
from importlib import resources
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict, replace

from recommender.errors import ConfigError
from recommender.params import ModelParams, NeighbourhoodParams, RankingParams, RatingParams
from recommender.validation import convert
from spark_jobs.config.configuration import Config
from spark_jobs.config.yaml_files import read_yaml

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

GRID = resources.files("spark_jobs") / "pipelines" / "movies-grid.yaml"
# In the order in which they are tuned: each with the best of those before.
TUNED: dict[str, type[ModelParams]] = {
    "ranking": RankingParams,
    "neighbourhood": NeighbourhoodParams,
    "rating": RatingParams,
}
# Candidates of each model: the configuration as it is, then those of the grid.
Grid = dict[str, list[ModelParams]]


def read_grid(path: Traversable, settings: Config) -> Grid:
    """Read the candidates of a grid: lists of values by model and parameter. Raises ConfigError."""
    values = read_yaml(path)
    if not values or (unknown := sorted(set(values) - set(TUNED), key=str)):
        which = f"unknown model {unknown[0]!r}" if values else "nothing to try"
        raise ConfigError(f"{path}: {which}; give lists of values under {', '.join(TUNED)}")
    models = [model for model in TUNED if model in values]
    return {model: _candidates(values[model], model, path, settings) for model in models}


def _candidates(lists: Any, model: str, path: Traversable, settings: Config) -> list[ModelParams]:
    where = f"{path}, {model}"
    if not isinstance(lists, dict) or not lists:
        raise ConfigError(f"{where}: must be `parameter: [value, value]` lines")
    for name, tried in lists.items():
        if not isinstance(tried, list) or not tried:
            raise ConfigError(
                f"{where}: {name} must be a list of at least one value, not {tried!r}"
            )
    configured: ModelParams = getattr(settings, model)
    candidates = [configured]
    for combination in itertools.product(*lists.values()):
        values = {**asdict(configured), **dict(zip(lists, combination, strict=True))}
        candidates.append(convert(values, TUNED[model], where))
    return list(dict.fromkeys(candidates))


def with_params(settings: Config, params: ModelParams) -> Config:
    section = next(model for model, kind in TUNED.items() if isinstance(params, kind))
    return replace(settings, **{section: params})
