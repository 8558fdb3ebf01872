"""YAML files of `name: value` lines: read, and edited without touching anything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from recommender.errors import ConfigError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


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


def edit_yaml(text: str, section: str, values: Mapping[str, float]) -> str:
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
