"""Translate the OpenAPI document to the names, summaries and scale of the release in service."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from typing import Any

from app.api import fact_parameters
from app.api.summaries import DESCRIPTIONS, SUMMARIES
from app.api.value_scale import HIGHEST, LOWEST, STEP, own_scale
from app.api.vocabulary import IDS_OF_FILMS, MOVIE, WORDS, is_keyed, noun, to_response
from app.recommend.model_watcher import serving
from recommender.feedback import SCALES
from recommender.item_facts import NUMBER, TEXT, Fact

_SCHEMAS = "#/components/schemas/"
_KEY, _FACTS = "key", "facts"


def in_document(document: Mapping[str, Any]) -> Any:
    """Return the OpenAPI document as it holds for the release in service."""
    kind = serving.feedback_kind
    described = deepcopy(dict(document))
    _describe(described, kind.summaries)
    if not is_keyed():
        _leave_out_keys(described)
    if noun() != MOVIE:
        _leave_out_fields(described, IDS_OF_FILMS)
    _describe_facts(described, serving.facts)
    scale = {LOWEST: 0, HIGHEST: SCALES[kind.feedback].high, STEP: None}
    if kind.is_general:
        own = own_scale()
        step = own.step if kind.has_accuracy else None
        scale = {LOWEST: own.low, HIGHEST: own.high, STEP: step}
    return _translate(described, scale, kind.is_general)


def _describe(document: dict[str, Any], summaries: str) -> None:
    descriptions = DESCRIPTIONS.get(summaries, {})
    for tag in document["tags"]:
        tag["description"] = descriptions.get(tag["name"], tag["description"])
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if summary := SUMMARIES.get(summaries, {}).get(f"{method.upper()} {path}"):
                operation["summary"] = summary


def _leave_out_keys(document: dict[str, Any]) -> None:
    paths = document["paths"]
    document["paths"] = {path: paths[path] for path in paths if f"{{{_KEY}}}" not in path}
    _leave_out_fields(document, (_KEY,))


def _leave_out_fields(document: dict[str, Any], names: Collection[str]) -> None:
    for schema in document["components"]["schemas"].values():
        for name in names:
            schema.get("properties", {}).pop(name, None)
        if "required" in schema:
            schema["required"] = [name for name in schema["required"] if name not in names]


def _describe_facts(document: dict[str, Any], facts: Sequence[Fact]) -> None:
    """Put the parameters of the catalogue's own facts where one stands for all of them, and their
    values into answers."""
    for methods in document["paths"].values():
        for operation in (each for each in methods.values() if isinstance(each, dict)):
            parameters = operation.get("parameters", [])
            rest = [each for each in parameters if each.get("name") != _FACTS]
            if len(rest) < len(parameters):
                operation["parameters"] = rest + fact_parameters.described(facts)
    if not facts:
        _leave_out_fields(document, (_FACTS,))
    types = {NUMBER: "number", TEXT: "string"}
    properties = {fact.name: {"type": types[fact.kind]} for fact in facts}
    for schema in document["components"]["schemas"].values():
        if _FACTS in schema.get("properties", {}):
            of_facts = {"type": "object", "properties": properties}
            schema["properties"][_FACTS] = of_facts


def _translate(value: Any, scale: Mapping[str, float | None], renames_schemas: bool) -> Any:
    def translate(value: Any) -> Any:
        if isinstance(value, list):
            return [translate(item) for item in value if not _is_word(item)]
        if isinstance(value, dict):
            return {
                name(key): translate(item)
                for key, item in value.items()
                if not (isinstance(item, str) and item in scale and scale[item] is None)
            }
        if not isinstance(value, str):
            return value
        if value in scale:
            return scale[value]
        return name(value) if value.startswith(_SCHEMAS) else to_response(value)

    def name(key: str) -> str:
        is_schema = key.removeprefix(_SCHEMAS) in schemas
        return _schema_name(key) if renames_schemas and is_schema else _in_path(to_response(key))

    schemas = value["components"]["schemas"]
    return translate(value)


def _is_word(value: Any) -> bool:
    """Return whether this is the path parameter of a ``WordConverter``."""
    return isinstance(value, dict) and value.get("in") == "path" and value.get("name") in WORDS


def _schema_name(name: str) -> str:
    """Return "RatedBooks" for "RatedMovies"."""
    for word in ("movies", MOVIE, "watched"):
        translated = "".join(part.capitalize() for part in to_response(word).split("_"))
        name = name.replace(word.capitalize(), translated)
    return name


def _in_path(key: str) -> str:
    if not key.startswith("/"):
        return key
    key = key.replace("{movie_id}", f"{{{to_response('movie_id')}}}")
    for word in WORDS:
        key = key.replace(f"{{{word}}}", to_response(word))
    return key
