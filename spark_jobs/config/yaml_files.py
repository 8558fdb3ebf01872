"""YAML files of `name: value` lines: read and written."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MantissaNoDotYAML1_1Warning, YAMLError

from recommender.errors import ConfigError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def read_yaml(path: Traversable) -> dict[str, Any]:
    """The `name: value` lines of a file. Raises ConfigError."""
    try:
        values = _parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); give a YAML file") from error
    except YAMLError as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"{path}: not YAML ({problem}); correct the file") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold `name: value` lines; see pipelines/movies.yaml")
    return values


def _parse(text: str) -> Any:
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 1)  # in which `yes` is true
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MantissaNoDotYAML1_1Warning)  # 1e-5 is a number
        values = reader.load(text)
    return {} if values is None else values


def write_yaml(sections: Mapping[str, Mapping[str, float | str]], *comments: str) -> str:
    """Return `name: value` lines by section, below the comments."""
    lines = [f"# {comment}" for comment in comments]
    for section, values in sections.items():
        lines += ["", f"{section}:", *(f"  {name}: {value}" for name, value in values.items())]
    return "\n".join(lines) + "\n"
