"""Typed parameters of the models, each with one sentence and a range that is always checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, inspect

from recommender.validation import LARGEST_FLOAT

Rank = Annotated[int, Meta(ge=1, le=1024)]
Positive = Annotated[float, Meta(ge=1e-9, le=LARGEST_FLOAT)]
NotNegative = Annotated[float, Meta(ge=0, le=LARGEST_FLOAT)]
Iterations = Annotated[int, Meta(ge=1, le=200, description="alternations, items then users")]
Exponent = Annotated[
    float, Meta(ge=0, le=2, description="nu, the power of what lambda is multiplied by")
]
CatalogueShare = Annotated[
    float,
    Meta(
        ge=0, le=1, description="alpha_0, the share of the other side's rows counted as rated in it"
    ),
]


class RankingParams(Struct, frozen=True, forbid_unknown_fields=True):
    """The ranking model: implicit feedback (Hu, Koren, Volinsky 2008), signed preferences."""

    rank: Annotated[Rank, Meta(description="number of factors")] = 128
    iterations: Iterations = 10
    regularization: Annotated[
        Positive,
        Meta(
            description="lambda, multiplied by t * ((positive ratings + alpha_0 * catalogue)"
            " / t)^nu"
        ),
    ] = 0.07
    regularization_exponent: Exponent = 1.0
    # 1, which changes nothing, in releases and files older than this parameter.
    typical_count: Annotated[
        NotNegative,
        Meta(description="t, the positive ratings of a typical row (0: measured while training)"),
    ] = 1.0
    catalogue_share: CatalogueShare = 0.0
    alpha: Annotated[Positive, Meta(description="confidence gained per unit of preference")] = 5.0
    neutral: Annotated[
        NotNegative,
        Meta(description="the rating with preference 0, neither liked nor disliked (stars)"),
    ] = 2.5
    playtime_weight: Annotated[
        NotNegative, Meta(description="preference gained per log(1 + hours played) (hours)")
    ] = 0.1
    popularity_weight: Annotated[
        Positive, Meta(description="beta, the weight of log(1 + rating count) in the score")
    ] = 0.05
    min_ratings: Annotated[
        int, Meta(ge=1, description="ratings a title needs before it is recommended")
    ] = 1


class RatingParams(Struct, frozen=True, forbid_unknown_fields=True):
    """The rating model: shrunken biases, explicit ALS on their residuals, and beside its factors
    those of the ranking model and the features of the catalogue."""

    rank: Annotated[Rank, Meta(description="number of factors learned from stars")] = 50
    iterations: Iterations = 10
    regularization: Annotated[
        Positive, Meta(description="lambda, multiplied by (ratings + alpha_0 * catalogue)^nu")
    ] = 0.15
    regularization_exponent: Exponent = 1.0
    catalogue_share: CatalogueShare = 0.0
    taste_weight: Annotated[
        NotNegative,
        Meta(description="weight of the ranking factors beside the factors learned from stars"),
    ] = 1.4
    description_weight: Annotated[
        NotNegative, Meta(description="weight of genres, decade and popularity beside them")
    ] = 1.4
    bias_regularization: Annotated[
        Positive, Meta(description="shrinkage of each bias, in ratings")
    ] = 5.0
    bias_sweeps: Annotated[
        int, Meta(ge=1, le=100, description="alternations in fitting the biases")
    ] = 5


LIKED, WATCHED = OBJECTIVES = ("liked", "watched")


class NeighbourhoodParams(Struct, frozen=True, forbid_unknown_fields=True):
    """The neighbourhood beside the ranking model's factors: for each item, weights of the items
    most like it (EASE, Steck 2019, restricted to a few)."""

    neighbours: Annotated[
        int,
        Meta(ge=0, le=1000, description="M, titles that a title's score draws on; 0: no such part"),
    ] = 100
    regularization: Annotated[
        Positive, Meta(description="lambda_n, the ridge of each title's regression")
    ] = 50.0
    weight: Annotated[NotNegative, Meta(description="w, the weight of this part in the score")] = (
        1.0
    )
    objective: Annotated[
        str,
        Meta(
            pattern=f"^({'|'.join(OBJECTIVES)})$",
            title=" or ".join(OBJECTIVES),
            description="liked: ratings count by their preference; watched: each counts as 1",
        ),
    ] = LIKED
    most_ratings: Annotated[
        int, Meta(ge=1, description="ratings counted of one person; of more, as many are drawn")
    ] = 500


ModelParams = RankingParams | NeighbourhoodParams | RatingParams


def describe_params(params: type[ModelParams]) -> Iterator[tuple[str, int | float | str, str]]:
    """Yield (name, default, sentence) of each parameter."""
    kind = inspect.type_info(params)
    assert isinstance(kind, inspect.StructType)
    for field in kind.fields:
        assert isinstance(field.type, inspect.Metadata)
        assert field.type.extra_json_schema
        yield field.name, field.default, field.type.extra_json_schema["description"]
