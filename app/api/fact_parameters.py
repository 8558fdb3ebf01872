"""Query parameters for a catalogue's own facts, as the OpenAPI document describes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.catalogue.fact_filters import HIGH, IS, LOW
from recommender.item_facts import NUMBER, Fact

# Between several texts in one parameter, as between genres.
SEVERAL = "|"


def fact_parameters(facts: Iterable[Fact]) -> dict[str, dict[str, Any]]:
    """Return the schema of each parameter by name."""
    parameters: dict[str, dict[str, Any]] = {}
    for fact in facts:
        if fact.kind == NUMBER:
            parameters[fact.name + LOW] = {"type": "number"}
            parameters[fact.name + HIGH] = {"type": "number"}
        else:
            parameters[fact.name + IS] = {"type": "string"}
    return parameters


def described(facts: Iterable[Fact]) -> list[dict[str, Any]]:
    """Return the parameters as the document lists them."""
    facts = list(facts)
    labels = {end: {fact.name + end: fact for fact in facts} for end in (LOW, HIGH, IS)}
    sentences = {
        LOW: "{} at least this",
        HIGH: "{} at most this",
        IS: f"{{}} is this; of several, separated by {SEVERAL}, any",
    }
    return [
        {
            "in": "query",
            "name": name,
            "required": False,
            "schema": schema,
            "description": next(
                sentences[end].format(label(of[name])) for end, of in labels.items() if name in of
            ),
        }
        for name, schema in fact_parameters(facts).items()
    ]


def label(fact: Fact) -> str:
    return f"{fact.label}, {fact.unit}," if fact.unit else fact.label
