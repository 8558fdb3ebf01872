"""The scale on which the API takes and gives ratings, or what takes their place."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from app.recommend.model_watcher import serving
from recommender.feedback import SCALES, Scale

# Stand in the document for the lowest and highest value, and for the step where it says one.
LOWEST, HIGHEST, STEP = "lowest", "highest", "step of the scale"


def own_scale() -> Scale:
    """Return the scale of the release in service: its catalogue's own numbers."""
    kind, model = serving.feedback_kind, serving.model_or_none
    if model is None:
        scale = SCALES[kind.feedback]
        return Scale(0.0, scale.high, scale.step)
    catalogue, times = model.catalogue, kind.per_star
    if catalogue.having:
        return Scale(1.0, 1.0, 1.0)
    low = catalogue.rating_min * times if kind.is_general else 0.0
    return Scale(low, catalogue.rating_max * times, catalogue.rating_step * times)


def to_stored(value: float, scale: Scale) -> float:
    """Return what is stored of a value on ``scale``: stars to the nearest step, or a count."""
    kind = serving.feedback_kind
    return kind.to_step(value / kind.per_star, scale.step / kind.per_star)


class OwnValue(fields.Float):
    """A stored value, as the catalogue's own number."""

    def _serialize(self, value: Any, *rest: Any, **more: Any) -> Any:
        number = super()._serialize(value, *rest, **more)
        per_star = serving.feedback_kind.per_star
        return number if number is None or per_star == 1 else float(number) * per_star
