"""YAML files of `name: value` lines: read, and edited with their comments kept."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
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


def edit_yaml(text: str, section: str, values: Mapping[str, float]) -> str:
    """Set these numbers in ``section`` of a YAML text; other values and comments stay.

    Raises ConfigError where the section cannot be edited without changing another one.
    """
    before = _parse(text)
    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 4096
    editor.indent(mapping=2, sequence=4, offset=2)
    document = editor.load(text)
    edited = io.StringIO()
    if document is None:
        document = CommentedMap()
        edited.write(text)  # comments alone
    if not document.get(section):
        document[section] = CommentedMap()
    for name, value in values.items():
        if name in document[section]:
            document[section][name] = value
        else:
            document[section].insert(0, name, value)
    editor.dump(document, edited)
    if _parse(edited.getvalue()) != {**before, section: {**(before.get(section) or {}), **values}}:
        raise ConfigError(f"{section} must stand as plain `parameter: value` lines to be edited")
    return edited.getvalue()
