"""A stage of the pipeline, its inputs and its outputs.

Each stage works in the pipeline's folder; its output replaces the earlier one once it is complete,
so a failed stage leaves the earlier output.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from recommender.errors import MarqueeError
from recommender.storage.release_store import ReleaseStore
from spark_jobs.config.configuration import Config
from spark_jobs.session import build_session


class NotGoodEnough(MarqueeError):
    """The gate rejects a release."""


@dataclass(frozen=True)
class Made:
    """``summary``: a line for the terminal, and others of what was odd. ``files``: must stay as
    they are while the stage is up to date. ``facts``: for later stages."""

    summary: str
    files: list[Path] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """The inputs of a stage. ``facts``: those of the stages that it needs, by name."""

    settings: Config
    store: ReleaseStore
    facts: Mapping[str, Mapping[str, Any]]

    @property
    def folder(self) -> Path:
        return Path(self.settings.pipeline.folder)

    @cached_property
    def spark(self) -> SparkSession:
        return build_session("marquee pipeline")


@dataclass(frozen=True)
class Stage:
    """``needs``: the stages whose results it reads. ``parameters``: what else its result depends
    on. ``run``: makes it, or raises MarqueeError."""

    needs: tuple[str, ...]
    parameters: Callable[[Work], Any]
    run: Callable[[Work], Made]


def list_files(folder: Path) -> list[str]:
    """List the paths, below ``folder``, of every file in it that is not hidden."""
    places = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(x) for x in places if not any(p.startswith(".") for p in x.parts))


def replace_folder(unfinished: Path, folder: Path) -> None:
    """Put a folder that is complete in place of the earlier one."""
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
