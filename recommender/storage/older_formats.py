"""What manifests of earlier versions lack, with the meaning that it had in the code of their day.

A parameter that is added to ``recommender.params`` needs a line here: its value in a release that
was written before, which is the one that changes nothing, and the last format that may lack it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Value = float | int | str
# By section of the manifest: the parameter, the last format that may lack it, the value of then.
ADDED: Mapping[str, Mapping[str, tuple[int, Value]]] = {
    "ranking": {
        "regularization_exponent": (1, 1.0),
        "typical_count": (1, 1.0),
        "catalogue_share": (1, 0.0),
        "playtime_weight": (1, 0.1),  # of hours, which no release knew then
    },
    "rating": {
        "regularization_exponent": (1, 1.0),
        "catalogue_share": (1, 0.0),
        "taste_weight": (1, 0.0),
        "description_weight": (1, 0.0),
    },
    "neighbourhood": {},
}


def fill_manifest(values: Mapping[str, Any], format_version: int) -> dict[str, Any]:
    """Return a manifest with what releases of its format may lack."""
    filled = {**({"neighbourhood": None} if format_version == 1 else {}), **values}
    implicit = _is_implicit(values)
    for section, added in ADDED.items():
        if not isinstance(filled.get(section), dict) or (section == "rating" and implicit):
            continue
        older = {name: value for name, (last, value) in added.items() if format_version <= last}
        filled[section] = {**older, **filled[section]}
    return filled


def _is_implicit(values: Mapping[str, Any]) -> bool:
    """Whether there is no rating model, so that its parameters are not there either."""
    catalogue = values.get("catalogue")
    return isinstance(catalogue, dict) and catalogue.get("feedback") == "implicit"
