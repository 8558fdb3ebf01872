"""Configuration files with a section ``catalogue``: of tables that no publisher laid out."""

from __future__ import annotations

import re
from typing import Annotated, Any

from msgspec import Meta, Struct

from recommender.errors import ConfigError
from recommender.feedback import IMPLICIT
from recommender.validation import convert
from spark_jobs.datasets.catalogue_source.description import OwnCatalogue

CATALOGUE = "catalogue"
SECTIONS = (CATALOGUE, "ratings", "items")


class ModelSection(Struct, frozen=True, forbid_unknown_fields=True):
    """What most catalogues set of the models; the sections of each model have all parameters.
    ``recommend_again``: what a person has is recommended again."""

    min_ratings: Annotated[int, Meta(ge=1)] = 1
    recommend_again: bool = False


def is_own(values: dict[str, Any]) -> bool:
    return CATALOGUE in values


def read_own(values: dict[str, Any], path: str) -> OwnCatalogue:
    """Return the description of the catalogue in a file. Raises ConfigError naming the place."""
    sections: dict[str, Any] = {name: values[name] for name in SECTIONS if name in values}
    words = sections[CATALOGUE]
    if isinstance(words, dict):
        for name in ("noun", "measure"):
            if isinstance(words.get(name), str):  # one word, of which there are many with an s
                words = {**words, name: {"one": words[name]}}
        sections[CATALOGUE] = words
    return convert({**sections, "path": path}, OwnCatalogue, path)


def with_defaults(
    values: dict[str, Any], own: OwnCatalogue, default: dict[str, Any]
) -> dict[str, Any]:
    """Return the other sections of the file. ``default``: of a shipped configuration for the same
    kind of feedback, of which gate and pipeline are taken over as far as they fit any catalogue."""
    others = {name: value for name, value in values.items() if name not in (*SECTIONS, "model")}
    model = convert(values.get("model") or {}, ModelSection, f"{own.path}, model")
    ranking = {"min_ratings": model.min_ratings, **(others.get("ranking") or {})}
    # How good a model of other data can be, nobody knows; a later one must not be much worse.
    gate = {"floors": {}, "margins": default["gate"]["margins"], **(others.get("gate") or {})}
    _check_ingest(own, others.get("pipeline"))
    pipeline = {
        "folder": f"data/pipelines/{_file_name(own.catalogue.name)}",
        "evaluate": default["pipeline"]["evaluate"],
        **(others.get("pipeline") or {}),
    }
    return {
        **others,
        "noun": own.catalogue.noun.one,
        "dataset": CATALOGUE,
        "recommend_again": model.recommend_again,
        "ranking": ranking,
        "gate": gate,
        "pipeline": pipeline,
    }


def _check_ingest(own: OwnCatalogue, pipeline: Any) -> None:
    """Refuse, before anything is read, what the site cannot do: its tier reads no tables."""
    ingest = pipeline.get("ingest") if isinstance(pipeline, dict) else None
    if isinstance(ingest, dict) and ingest.get("ratings") is True:
        raise ConfigError(
            f"{own.path}, pipeline, ingest: ratings must be false, because the site has no Spark"
            " and imports ratings from CSV files alone, not from tables; to have the people of"
            " the tables in the REST API, write a CSV file with the columns userKey, itemKey,"
            " rating and timestamp, and run `flask import-ratings FILE` after the pipeline"
        )


def like(own: OwnCatalogue) -> str:
    """Return the data set whose parameters suit the kind of feedback."""
    return "steam" if own.catalogue.feedback == IMPLICIT else "movielens"


def _file_name(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-") or CATALOGUE
