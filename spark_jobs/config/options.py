"""Options of the jobs' command lines that set, or stand for, a configuration."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from functools import cache

from recommender.params import describe_params
from recommender.storage.release_store import ReleaseStore
from recommender.storage.s3_release_store import open_store
from spark_jobs.config.configuration import (
    AUTO,
    CHOOSABLE,
    DEFAULT_FILES,
    PARAMS,
    Config,
    as_config,
    default_file,
    shown_params,
)
from spark_jobs.config.own_catalogue import like
from spark_jobs.config.yaml_files import read_yaml
from spark_jobs.datasets.read import reader_names


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """``--dataset KIND``, ``--config FILE`` and ``--seed N``."""
    add_dataset_options(parser)
    parser.add_argument("--seed", type=int, help="seed of everything drawn at random")


def add_dataset_options(parser: argparse.ArgumentParser) -> None:
    """``--dataset KIND`` and ``--config FILE``."""
    parser.add_argument(
        "--dataset",
        choices=reader_names(),
        help="which files --data holds (default: what the configuration says, else what is there)",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="YAML configuration, or the description of a catalogue of your own"
        f" (default: {' or '.join(DEFAULT_FILES.values())}, by the data set)",
    )


def add_params_option(parser: argparse.ArgumentParser) -> None:
    """``--params FILE``, whose parameters replace those of the configuration."""
    parser.add_argument(
        "--params",
        metavar="FILE",
        help="YAML parameters of the models, as `tune` writes them: they replace those of --config",
    )


def add_releases_option(parser: argparse.ArgumentParser) -> None:
    """``--releases PLACE``, which ``open_releases`` opens."""
    parser.add_argument(
        "--releases",
        default=os.environ.get("RELEASES", "releases"),
        metavar="PLACE",
        help="where releases live: a folder or s3://bucket/folder (default: RELEASES, else"
        " ./releases)",
    )


def open_releases(place: str) -> ReleaseStore:
    """The store of releases at a place. Raises ConfigError."""
    return open_store(place, os.environ.get("RELEASE_CACHE"))


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``add_file_options``, ``--params``, and one for each parameter of each
    model."""
    add_file_options(parser)
    add_params_option(parser)
    configured = [_defaults(dataset) for dataset in DEFAULT_FILES]
    for model, params in PARAMS.items():
        group = parser.add_argument_group(f"{model} model")
        for name, default, sentence in describe_params(params):
            group.add_argument(
                _option(model, name),
                dest=f"{model}.{name}",
                type=_number_or_auto if f"{model}.{name}" in CHOOSABLE else type(default),
                metavar={int: "N", float: "X", str: "WORD"}[type(default)],
                help=f"{sentence} (default: {_either(configured, model, name)})",
            )


def as_options(settings: Config) -> list[str]:
    """Options that set ``settings``, except the gate and the noun."""
    default = _defaults(like(settings.own) if settings.own else settings.dataset)
    if settings.own:
        options = ["--config", settings.own.path]
    else:
        options = [] if settings.dataset == Config().dataset else ["--dataset", settings.dataset]
    options += ["--seed", str(settings.seed)]
    for model in PARAMS:
        before = shown_params(default, model)
        for name, value in shown_params(settings, model).items():
            if value != before[name]:
                options += [_option(model, name), str(value)]
    return options


def _option(model: str, parameter: str) -> str:
    return f"--{model}-{parameter.replace('_', '-')}"


def _number_or_auto(text: str) -> float | str:
    return text if text == AUTO else float(text)


@cache
def _defaults(dataset: str) -> Config:
    return as_config(read_yaml(default_file(dataset)), str(default_file(dataset)))


def _either(configured: Sequence[Config], model: str, parameter: str) -> str:
    """Name the default of each data set, once where they agree."""
    values = [shown_params(config, model)[parameter] for config in configured]
    shown = (value if isinstance(value, str) else f"{value:g}" for value in values)
    return " or ".join(dict.fromkeys(shown))
