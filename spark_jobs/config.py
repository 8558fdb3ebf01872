"""A pipeline's configuration: a YAML file, whose parameters the command line may override."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from recommender.errors import ConfigError
from recommender.feedback import IMPLICIT
from recommender.formats.steam import is_steam
from recommender.params import RankingParams, RatingParams
from recommender.storage.release_store import ReleaseStore
from recommender.storage.s3_release_store import open_store
from spark_jobs.datasets.processed import feedback_of, is_processed
from spark_jobs.pipeline.configuration import Pipeline, read_pipeline
from spark_jobs.protocols import GATE_METRICS

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

# By data set, what is used where no file is named.
DEFAULTS = {"movielens": "pipelines/movies.yaml", "steam": "pipelines/games.yaml"}
HEADS: dict[str, type[RankingParams] | type[RatingParams]] = {
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


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """``--dataset KIND``, ``--config FILE`` and ``--seed N``."""
    parser.add_argument(
        "--dataset",
        choices=DEFAULTS,
        help="which files --data holds (default: what the configuration says, else what is there)",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help=f"YAML configuration (default: {' or '.join(DEFAULTS.values())}, by the data set)",
    )
    parser.add_argument("--seed", type=int, help="seed of everything drawn at random")


def add_releases_option(parser: argparse.ArgumentParser) -> None:
    """``--releases PLACE``, which ``releases`` opens."""
    parser.add_argument(
        "--releases",
        default=os.environ.get("RELEASES", "releases"),
        metavar="PLACE",
        help="where releases live: a folder or s3://bucket/folder (default: RELEASES, else"
        " ./releases)",
    )


def releases(place: str) -> ReleaseStore:
    """The store of releases at a place. Raises ConfigError."""
    return open_store(place, os.environ.get("RELEASE_CACHE"))


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``add_file_options``, and one for each parameter of each head."""
    add_file_options(parser)
    for head, params in HEADS.items():
        group = parser.add_argument_group(f"{head} head")
        for spec in fields(params):
            group.add_argument(
                f"--{head}-{spec.name.replace('_', '-')}",
                dest=f"{head}.{spec.name}",
                type=type(spec.default),
                metavar="N" if isinstance(spec.default, int) else "X",
                help=f"{spec.metadata['help']} (default: {spec.default:g})",
            )


def as_options(settings: Config) -> list[str]:
    """The command line's way to say ``settings``, but for the gate and the noun."""
    given = [] if settings.dataset == Config.dataset else ["--dataset", settings.dataset]
    given += ["--seed", str(settings.seed)]
    written = read_yaml(default_file(settings.dataset))
    for head, params in (("ranking", settings.ranking), ("rating", settings.rating)):
        default = HEADS[head].from_mapping(written.get(head) or {}, DEFAULTS[settings.dataset])
        for spec in fields(params):
            if (value := getattr(params, spec.name)) != getattr(default, spec.name):
                given += [f"--{head}-{spec.name.replace('_', '-')}", str(value)]
    return given


def load(options: argparse.Namespace) -> Config:
    """The configuration that ``options`` ask for. Raises ConfigError naming file and parameter."""
    found = options.dataset or kind_of(getattr(options, "data", None) or [])
    where = options.config or DEFAULTS[found]
    values = read_yaml(Path(options.config) if options.config else default_file(found))
    known = ("noun", "seed", *HEADS, "gate", "dataset", "pipeline")
    if unknown := sorted(set(values) - set(known), key=str):
        raise ConfigError(f"{where}: unknown section {unknown[0]!r}; known are {', '.join(known)}")
    heads: dict[str, Any] = {}
    for head, params in HEADS.items():
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
    dataset = options.dataset or values.get("dataset", found)
    if dataset not in DEFAULTS:
        raise ConfigError(f"{where}: dataset {dataset!r} is none of {', '.join(DEFAULTS)}")
    gate = _gate(values.get("gate") or {}, where)
    pipeline = read_pipeline(values.get("pipeline"), where)
    return Config(noun, seed, gate=gate, dataset=dataset, pipeline=pipeline, **heads)


def kind_of(folders: Iterable[str]) -> str:
    """Which data set folders of this machine hold, by the names of their files. Raises DataError
    for a processed one that cannot be read."""
    local = [Path(folder) for folder in folders]
    names = (path.name for folder in local if folder.is_dir() for path in folder.iterdir())
    implicit = any(feedback_of(folder) == IMPLICIT for folder in local if is_processed(folder))
    return "steam" if implicit or is_steam(names) else "movielens"


def default_file(dataset: str) -> Traversable:
    return resources.files("spark_jobs") / DEFAULTS[dataset]


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


def read_yaml(path: Traversable) -> dict[str, Any]:
    """The `name: value` lines of a file. Raises ConfigError."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); give a YAML file") from error
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"{path}: not YAML ({problem}); correct the file") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold `name: value` lines; see pipelines/movies.yaml")
    return values


def edited(text: str, section: str, values: Mapping[str, float]) -> str:
    """YAML with these numbers in ``section``, and everything else, comments too, as it was.

    Raises ConfigError where the section is not written out as plain numbers.
    """
    before = yaml.safe_load(text) or {}
    for name, value in values.items():
        text = _with_number(text, section, name, yaml.safe_dump(value).split("\n")[0])
    if yaml.safe_load(text) != {**before, section: {**(before.get(section) or {}), **values}}:
        raise ConfigError(f"{section} must stand as plain `parameter: value` lines to be edited")
    return text


def _with_number(text: str, section: str, name: str, number: str) -> str:
    root = yaml.compose(text, yaml.SafeLoader)
    inside = _children(root).get(section)
    if inside is None:
        return f"{text.rstrip()}\n\n{section}:\n  {name}: {number}\n".lstrip()
    children = _children(inside)
    if name in children:
        start, end = children[name].start_mark.index, children[name].end_mark.index
        return text[:start] + number + text[end:]
    start = inside.start_mark.index
    if not children:  # `section:`, or `section: {}`
        return f"{text[:start].rstrip()}\n  {name}: {number}\n{text[inside.end_mark.index :]}"
    if inside.flow_style:
        return f"{text[: start + 1]}{name}: {number}, {text[start + 1 :]}"
    return f"{text[:start]}{name}: {number}\n{' ' * inside.start_mark.column}{text[start:]}"


def _children(node: Any) -> dict[str, Any]:
    return {key.value: value for key, value in node.value} if hasattr(node, "flow_style") else {}
