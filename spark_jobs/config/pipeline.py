"""The section ``pipeline`` of a configuration: where data comes from, and what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from recommender.errors import ConfigError
from recommender.storage.s3 import is_address, split
from spark_jobs.datasets.obtain import ADDRESS, ARCHIVE_SHA256
from spark_jobs.protocols import PROTOCOLS

SAMPLE = "sample"


@dataclass(frozen=True)
class Source:
    """``address``: of a file (http, https), a folder or packed file in S3, a local file or folder,
    or "sample". ``sha256``, ``md5``: of the file as published."""

    address: str
    sha256: str | None = None
    md5: str | None = None

    @property
    def is_web(self) -> bool:
        return urlsplit(self.address).scheme in ("http", "https")

    @property
    def is_s3(self) -> bool:
        return is_address(self.address)

    @property
    def is_remote(self) -> bool:
        return self.is_web or self.is_s3

    @property
    def is_s3_folder(self) -> bool:
        return self.is_s3 and not self.address.endswith((".zip", ".gz"))

    @property
    def local_folder(self) -> Path | None:
        path = Path(self.address).expanduser()
        return path if not self.is_remote and path.is_dir() else None

    @property
    def file_name(self) -> str:
        return urlsplit(self.address).path.rstrip("/").rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Pipeline:
    """``folder``: where the stages keep what they make. ``upload``: where in S3 the processed data
    goes too. ``protocols`` and ``seeds``: what ``evaluate`` measures. ``import_ratings``: whether
    the database gets the data set's people and ratings beside the catalogue. ``publish_to``: a
    place in S3 that a release which the gate accepts is copied to and promoted in."""

    folder: str = "data/pipelines/movies"
    sources: tuple[Source, ...] = (Source(ADDRESS, sha256=ARCHIVE_SHA256),)
    upload: str | None = None
    protocols: tuple[str, ...] = ("A", "B", "E")
    seeds: tuple[int, ...] = (0,)
    import_ratings: bool = False
    publish_to: str | None = None


def read_pipeline(section: Any, where: str) -> Pipeline:
    """Raises ConfigError naming file, stage and line."""
    where = f"{where}, pipeline"
    lines = _lines(section, ("folder", "acquire", *SETTINGS), where)
    values: dict[str, Any] = {}
    if "folder" in lines:
        values["folder"] = _checked(lines["folder"], _is_text, "a folder", f"{where}, folder")
    if "acquire" in lines:
        values["sources"] = _sources(lines["acquire"], f"{where}, acquire")
    for stage, settings in SETTINGS.items():
        here = f"{where}, {stage}"
        for name, value in _lines(lines.get(stage), tuple(settings), here).items():
            setting = settings[name]
            good = _checked(value, setting.allows, setting.shape, f"{here}, {name}")
            values[setting.field] = tuple(good) if isinstance(good, list) else good
    return Pipeline(**values)


@dataclass(frozen=True)
class Setting:
    """``field``: of Pipeline."""

    field: str
    allows: Callable[[Any], bool]
    shape: str


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_s3(value: Any) -> bool:
    return isinstance(value, str) and is_address(value) and bool(split(value))


def _are_protocols(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(name in PROTOCOLS for name in value)


def _are_seeds(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_seed(seed) for seed in value)


def _is_seed(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


SETTINGS: dict[str, dict[str, Setting]] = {
    "process": {"upload": Setting("upload", _is_s3, "like s3://bucket/folder")},
    "evaluate": {
        "protocols": Setting("protocols", _are_protocols, f"some of [{', '.join(PROTOCOLS)}]"),
        "seeds": Setting("seeds", _are_seeds, "whole numbers such as [0, 1, 2]"),
    },
    "ingest": {
        "ratings": Setting("import_ratings", lambda value: isinstance(value, bool), "true or false")
    },
    "publish": {"to": Setting("publish_to", _is_s3, "like s3://bucket/folder")},
}


def _lines(section: Any, known: tuple[str, ...], where: str) -> dict[str, Any]:
    if section is None:
        return {}
    if not isinstance(section, dict) or set(section) - set(known):
        raise ConfigError(f"{where}: must hold some of {', '.join(known)}, not {section!r}")
    return section


def _checked(value: Any, allows: Callable[[Any], bool], shape: str, where: str) -> Any:
    if not allows(value):
        raise ConfigError(f"{where}: must be {shape}, not {value!r}")
    return value


def _sources(section: Any, where: str) -> tuple[Source, ...]:
    if not isinstance(section, list) or not section:
        raise ConfigError(f"{where}: must be a list of `- from: address` entries")
    sources = tuple(_source(entry, where) for entry in section)
    names = [source.file_name for source in sources]
    if len(sources) > 1 and (
        len(set(names)) < len(names) or any(x.local_folder or x.is_s3_folder for x in sources)
    ):
        raise ConfigError(f"{where}: several sources must be files with names of their own")
    return sources


def _source(entry: Any, where: str) -> Source:
    values = _lines(entry, ("from", "sha256", "md5"), where)
    address = _checked(values.get("from"), _is_text, "`from: address`", where)
    source = Source(address, values.get("sha256"), values.get("md5"))
    if "://" in address and not source.is_remote:
        raise ConfigError(f"{where}: {address!r} must begin with http://, https:// or s3://")
    if source.is_remote and source.file_name in ("", ".", ".."):
        raise ConfigError(f"{where}: {address!r} names no file or folder")
    for kind, digits in (("sha256", 64), ("md5", 32)):
        value = values.get(kind)
        if value is None:
            continue
        if not isinstance(value, str) or not re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", value):
            raise ConfigError(
                f"{where}: {kind} must be {digits} hexadecimal digits (in quotes where they look"
                f" like a number), not {value!r}"
            )
        if source.is_s3_folder or source.local_folder:
            raise ConfigError(f"{where}: {kind} is of a file, and {address!r} is a folder")
    return source
