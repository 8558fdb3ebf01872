"""The configuration of a job: a YAML file, whose parameters the command line may override."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct, field, structs

from recommender.errors import ConfigError
from recommender.feedback import EXPLICIT, IMPLICIT
from recommender.formats.steam import is_steam
from recommender.params import (
    ModelParams,
    NeighbourhoodParams,
    NotNegative,
    RankingParams,
    RatingParams,
)
from recommender.validation import convert
from spark_jobs.config import own_catalogue
from spark_jobs.config.pipeline import Pipeline, Text
from spark_jobs.config.yaml_files import read_yaml
from spark_jobs.datasets.catalogue_source.description import OwnCatalogue
from spark_jobs.datasets.processed import feedback_of, is_processed
from spark_jobs.datasets.read import reader_names
from spark_jobs.protocols import GATE_METRICS

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

# By data set, what is used where no file is named.
DEFAULT_FILES = {"movielens": "pipelines/movies.yaml", "steam": "pipelines/games.yaml"}
PARAMS: dict[str, type[ModelParams]] = {
    "ranking": RankingParams,
    "neighbourhood": NeighbourhoodParams,
    "rating": RatingParams,
}
# What stands for a number that training chooses, and the parameters that it can choose.
AUTO = "auto"
CHOOSABLE = ("ranking.popularity_weight", "neighbourhood.weight")
# By model and name.
Parameters = dict[str, dict[str, Any]]
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1, title="a whole number of at least 0")]


class Gate(Struct, frozen=True, forbid_unknown_fields=True):
    """What a release has to reach. ``people``: how many are held out at most, drawn with ``seed``.
    By metric, ``floors``: the worst value that is promoted; ``margins``: how much worse than the
    release in service it may be."""

    people: Annotated[int, Meta(ge=0)] = 2000
    seed: Seed = 0
    floors: dict[str, NotNegative] = field(
        default_factory=lambda: {"RMSE": 1.0, "PR-AUC": 0.7, "NDCG@10": 0.1}
    )
    margins: dict[str, NotNegative] = field(
        default_factory=lambda: {"RMSE": 0.01, "PR-AUC": 0.01, "NDCG@10": 0.02}
    )

    def __post_init__(self) -> None:
        if unknown := [name for name in (*self.floors, *self.margins) if name not in GATE_METRICS]:
            raise ValueError(f"unknown metric {unknown[0]!r}; known are {', '.join(GATE_METRICS)}")


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """``noun``: what the catalogue calls an item. ``seed``: of everything drawn at random.
    ``rating``: unused where nobody gives stars. ``dataset``: which reader reads it. ``chosen``:
    parameters that training chooses; their numbers are used where it cannot. ``own``: the
    catalogue that the file describes, if it does. ``recommend_again``: see ``Catalogue``."""

    noun: Text = "movie"
    seed: Seed = 1
    ranking: RankingParams = RankingParams()
    rating: RatingParams = RatingParams()
    neighbourhood: NeighbourhoodParams = NeighbourhoodParams()
    gate: Gate = field(default_factory=Gate)
    dataset: str = "movielens"
    pipeline: Pipeline = Pipeline()
    chosen: tuple[str, ...] = ()
    own: OwnCatalogue | None = None
    recommend_again: bool = False

    def __post_init__(self) -> None:
        known = reader_names()
        if self.dataset not in (*known, own_catalogue.CATALOGUE):
            raise ValueError(f"dataset must be one of {', '.join(known)}, not {self.dataset!r}")

    @property
    def feedback(self) -> str:
        """The kind of feedback that the data is expected to have."""
        if self.own:
            return self.own.catalogue.feedback
        return IMPLICIT if self.dataset == "steam" else EXPLICIT


def load_config(options: argparse.Namespace) -> Config:
    """Read the configuration that ``options`` select, and override it with the parameters of
    ``--params``, then with their own values.

    Raises ConfigError naming file and parameter.
    """
    detected = options.dataset or dataset_of(getattr(options, "data", None) or [])
    where = options.config or _default_name(detected)
    values = read_yaml(Path(options.config) if options.config else default_file(detected))
    own = own_catalogue.read_own(values, where) if own_catalogue.is_own(values) else None
    if own and options.dataset:
        raise ConfigError(f"--dataset: {where} describes a catalogue itself; leave the option out")
    dataset = options.dataset or str(values.get("dataset", detected))
    default = read_yaml(default_file(own_catalogue.like(own) if own else dataset))
    if own:
        values = own_catalogue.with_defaults(values, own, default)
    chosen = read_params(Path(options.params)) if getattr(options, "params", None) else {}
    for model, params in PARAMS.items():
        overrides = {
            spec.name: value
            for spec in structs.fields(params)
            if (value := getattr(options, f"{model}.{spec.name}", None)) is not None
        }
        section = values.get(model) or {}
        if isinstance(section, dict):
            files = _as_written(model, section), _as_written(model, chosen.get(model, {}))
            values[model] = {**default.get(model, {}), **files[0], **files[1], **overrides}
    if getattr(options, "seed", None) is not None:
        values["seed"] = options.seed
    values["dataset"] = options.dataset or values.get("dataset", detected)
    return structs.replace(as_config(values, where), own=own)


def as_config(values: dict[str, Any], where: str) -> Config:
    """Check a configuration, in which "auto" stands for what training chooses."""
    sections = {m: values[m] for m in PARAMS if isinstance(values.get(m), dict)}
    chosen = tuple(name for model, section in sections.items() for name in _chosen(model, section))
    plain = {model: without_auto(model, section) for model, section in sections.items()}
    return convert({**values, **plain, "chosen": list(chosen)}, Config, where)


def without_auto(model: str, section: dict[str, Any]) -> dict[str, Any]:
    """Leave out what training chooses."""
    chosen = _chosen(model, section)
    return {name: value for name, value in section.items() if f"{model}.{name}" not in chosen}


def _chosen(model: str, section: dict[str, Any]) -> list[str]:
    names = [f"{model}.{name}" for name, value in section.items() if value == AUTO]
    return [name for name in names if name in CHOOSABLE]


def _as_written(model: str, section: dict[str, Any]) -> dict[str, Any]:
    """Keep what a file's regularization meant before it was counted in typical rows."""
    if model != "ranking" or "regularization" not in section or "typical_count" in section:
        return section
    older = {"regularization_exponent": 1.0, "typical_count": 1.0}
    return {**older, **section}


def shown_params(settings: Config, model: str) -> dict[str, Any]:
    """Return the parameters of a model as configured, "auto" for what training chooses."""
    values = structs.asdict(getattr(settings, model))
    return {
        name: AUTO if f"{model}.{name}" in settings.chosen else value
        for name, value in values.items()
    }


def read_params(path: Path) -> Parameters:
    """Read a file of parameters alone, by model, as ``tune`` writes it.

    Raises ConfigError naming file and parameter.
    """
    if not path.exists():
        raise ConfigError(
            f"{path}: there is no such file; `make tune` writes tuned.yaml, or the file that --out"
            " names"
        )
    sections = read_yaml(path)
    if unknown := [name for name in sections if name not in PARAMS]:
        raise ConfigError(
            f"{path}: unknown section {unknown[0]!r}; a file of parameters has"
            f" {', '.join(PARAMS)} alone, and --config reads a whole configuration"
        )
    chosen = {model: values or {} for model, values in sections.items()}
    for model, values in chosen.items():
        plain = without_auto(model, values) if isinstance(values, dict) else values
        convert(plain, PARAMS[model], f"{path}, {model}")
    return chosen


def dataset_of(folders: Iterable[str]) -> str:
    """Which data set folders of this machine hold, by the names of their files. Raises DataError
    for a processed one that cannot be read."""
    local = [Path(folder) for folder in folders]
    names = (path.name for folder in local if folder.is_dir() for path in folder.iterdir())
    implicit = any(feedback_of(folder) == IMPLICIT for folder in local if is_processed(folder))
    return "steam" if implicit or is_steam(names) else "movielens"


def default_file(dataset: str) -> Traversable:
    return resources.files("spark_jobs") / _default_name(dataset)


def _default_name(dataset: str) -> str:
    """Return the shipped file for a data set; for one of another reader, that of films."""
    return DEFAULT_FILES.get(dataset, DEFAULT_FILES["movielens"])
