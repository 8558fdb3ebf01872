"""The scale of a catalogue of one's own: which values are valid, and what they become."""

from __future__ import annotations

from recommender.feedback import COUNTS, EXPLICIT, HAVING, IMPLICIT, SCALES, Scale
from spark_jobs.datasets.catalogue_source.batches import Values
from spark_jobs.datasets.catalogue_source.description import OwnCatalogue, PointScale

STARS = SCALES[EXPLICIT]


def valid_values(own: OwnCatalogue) -> Values:
    """Return which values are valid in the table. Points become stars."""
    if points := own.catalogue.scale:
        return Values(points.min, points.max, STARS.high / points.max, STARS.low)
    scale = scale_of(own)
    return Values(scale.low, scale.high)


def scale_of(own: OwnCatalogue) -> Scale:
    """Return the scale of ratings as they are after reading."""
    if points := own.catalogue.scale:
        return _in_stars(points)
    if own.having:
        return HAVING
    return COUNTS if own.catalogue.measure else SCALES[IMPLICIT]


def _in_stars(points: PointScale) -> Scale:
    """Nothing is below half a star, so 0 of ten points is half a star too."""
    factor = STARS.high / points.max
    return Scale(max(STARS.low, points.min * factor), STARS.high, points.step * factor)
