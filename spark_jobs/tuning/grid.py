"""Candidates of a search: the configuration as it is, and every combination of a YAML grid."""

from __future__ import annotations

import itertools
from dataclasses import asdict, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

from recommender.errors import ConfigError
from recommender.params import RankingParams
from spark_jobs.als.solver import Params
from spark_jobs.config.configuration import PARAMS, Config
from spark_jobs.config.yaml_files import read_yaml

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

GRID = resources.files("spark_jobs") / "pipelines" / "movies-grid.yaml"
# Candidates of each model: the configuration as it is, then those of the grid.
Grid = dict[str, list[Params]]


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


def with_params(settings: Config, params: Params) -> Config:
    if isinstance(params, RankingParams):
        return replace(settings, ranking=params)
    return replace(settings, rating=params)
