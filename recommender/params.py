"""Typed parameters of both models, each with one sentence and a range that is always checked."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Self

from recommender.errors import ConfigError


def param(default: float, sentence: str, *, low: float, high: float = math.inf) -> Any:
    """A dataclass field with its help sentence and the closed range of values it takes."""
    return field(default=default, metadata={"help": sentence, "low": low, "high": high})


class _Params:
    """What the parameter classes share: strict construction from a mapping."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str) -> Self:
        """Build from ``values``; ``where`` names their source in errors.

        Raises ConfigError for an unknown name, a wrong type, or a value out of range.
        """
        known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
        if unknown := sorted(set(values) - set(known), key=str):
            raise ConfigError(
                f"{where}: unknown parameter {unknown[0]!r}; known are {', '.join(known)}"
            )
        return cls(**{name: _checked(known[name], value, where) for name, value in values.items()})


def _checked(spec: Field[Any], value: Any, where: str) -> int | float:
    whole = isinstance(spec.default, int)
    number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    low, high = spec.metadata["low"], spec.metadata["high"]
    if not (number and low <= value <= min(high, sys.float_info.max)):
        kind = "a whole number" if whole else "a number"
        top = "" if math.isinf(high) else f" and at most {high:g}"
        raise ConfigError(
            f"{where}: {spec.name} must be {kind} of at least {low:g}{top}, not {value!r}"
        )
    return int(value) if whole else float(value)


@dataclass(frozen=True)
class RankingParams(_Params):
    """The ranking head: implicit feedback (Hu, Koren, Volinsky 2008) with signed preferences."""

    rank: int = param(128, "number of factors", low=1, high=1024)
    iterations: int = param(10, "alternations, items then users", low=1, high=200)
    regularization: float = param(
        0.07, "lambda, multiplied by (positive ratings + alpha_0 * catalogue)^nu", low=1e-9
    )
    regularization_exponent: float = param(
        1.0, "nu, the power of what lambda is multiplied by", low=0, high=2
    )
    catalogue_share: float = param(
        0.0, "alpha_0, the share of the other side's rows counted as rated in it", low=0, high=1
    )
    alpha: float = param(5.0, "confidence gained per unit of preference", low=1e-9)
    neutral: float = param(
        2.5, "the rating that says neither yes nor no (preference 0), where stars are", low=0
    )
    playtime_weight: float = param(
        0.1, "preference gained per log(1 + hours played), where hours are the feedback", low=0
    )
    popularity_weight: float = param(
        0.05, "beta, the weight of log(1 + rating count) in the score", low=1e-9
    )
    min_ratings: int = param(1, "ratings a title needs before it is recommended", low=1)


@dataclass(frozen=True)
class RatingParams(_Params):
    """The rating model: shrunken biases, explicit ALS on what they leave over, and beside its
    factors those of the ranking model and what the catalogue says of a title."""

    rank: int = param(50, "number of factors learned from stars", low=1, high=1024)
    iterations: int = param(10, "alternations, items then users", low=1, high=200)
    regularization: float = param(
        0.15, "lambda, multiplied by (ratings + alpha_0 * catalogue)^nu", low=1e-9
    )
    regularization_exponent: float = param(
        1.0, "nu, the power of what lambda is multiplied by", low=0, high=2
    )
    catalogue_share: float = param(
        0.0, "alpha_0, the share of the other side's rows counted as rated in it", low=0, high=1
    )
    taste_weight: float = param(
        1.4, "weight of the ranking factors beside the factors learned from stars", low=0
    )
    description_weight: float = param(
        1.4, "weight of genres, decade and popularity beside them", low=0
    )
    bias_regularization: float = param(5.0, "ratings' worth of shrinkage of each bias", low=1e-9)
    bias_sweeps: int = param(5, "alternations in fitting the biases", low=1, high=100)
