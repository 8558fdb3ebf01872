"""Parameters of the models: accepted and rejected values, and error messages."""

import math
from typing import Any

import pytest
from msgspec import inspect
from msgspec.structs import asdict

from recommender.errors import ConfigError
from recommender.params import NeighbourhoodParams, RankingParams, RatingParams, describe_params
from recommender.validation import LARGEST_FLOAT, convert

MODELS = [RankingParams, RatingParams, NeighbourhoodParams]
EVERY = [
    pytest.param(model, field, id=f"{model.__name__}.{field.name}")
    for model in MODELS
    for field in inspect.type_info(model).fields
]
NUMBERS = [p for p in EVERY if not isinstance(p.values[1].type.type, inspect.StrType)]
BOUNDED = [p for p in NUMBERS if (p.values[1].type.type.le or LARGEST_FLOAT) < LARGEST_FLOAT]

REFUSED = {
    "no_factors": ("rank", 0),
    "too_many_factors": ("rank", 1025),
    "a_fraction_of_a_factor": ("rank", 2.5),
    "a_whole_number_written_as_a_fraction": ("rank", 2.0),
    "yes_is_not_one": ("rank", True),
    "digits_in_a_string": ("rank", "8"),
    "nothing": ("rank", None),
    "a_list": ("alpha", [5.0]),
    "yes_is_not_one_point_zero": ("alpha", True),
    "a_number_in_a_string": ("alpha", "5"),
    "no_confidence": ("alpha", 0),
    "not_a_number": ("alpha", math.nan),
    "infinity": ("alpha", math.inf),
    "more_than_a_float_holds": ("alpha", 10**400),
    "below_the_scale": ("neutral", -0.5),
}


def taken(model: type, name: str, value: object) -> Any:
    return getattr(convert({name: value}, model, "tune.json"), name)


@pytest.mark.parametrize("model", MODELS)
def test_convert_uses_defaults_for_missing_parameters(model: type):
    assert convert({}, model, "tune.json") == model()


def test_convert_reads_back_written_parameters():
    params = RankingParams(rank=7, alpha=3.5, min_ratings=4)
    assert convert(asdict(params), RankingParams, "tune.json") == params


@pytest.mark.parametrize(("model", "spec"), EVERY)
def test_parameters_have_a_description_and_a_default_in_range(model: type, spec: inspect.Field):
    (sentence,) = (text for name, _, text in describe_params(model) if name == spec.name)
    assert sentence.strip()
    assert taken(model, spec.name, spec.default) == spec.default


@pytest.mark.parametrize(("model", "spec"), NUMBERS)
def test_convert_accepts_the_minimum_and_rejects_less(model: type, spec: inspect.Field):
    low = spec.type.type.ge
    less = low - 1 if isinstance(spec.default, int) else math.nextafter(low, -math.inf)
    assert taken(model, spec.name, low) == low
    with pytest.raises(ConfigError, match=spec.name):
        taken(model, spec.name, less)


@pytest.mark.parametrize(("model", "spec"), BOUNDED)
def test_convert_accepts_the_maximum_and_rejects_more(model: type, spec: inspect.Field):
    high = spec.type.type.le
    assert taken(model, spec.name, high) == high
    with pytest.raises(ConfigError, match=f"{spec.name} .*at most {high}"):
        taken(model, spec.name, high + 1)


def test_convert_accepts_an_integer_for_a_float():
    assert isinstance(taken(RankingParams, "alpha", 2), float)


@pytest.mark.parametrize(("name", "value"), REFUSED.values(), ids=REFUSED)
def test_convert_error_names_source_parameter_and_value(name: str, value: object):
    with pytest.raises(ConfigError) as refusal:
        taken(RankingParams, name, value)
    message = str(refusal.value)
    assert message.startswith(f"tune.json: {name} must be a")
    assert message.endswith(f"not {value!r}")


def test_convert_error_lists_the_objectives():
    with pytest.raises(ConfigError) as refusal:
        taken(NeighbourhoodParams, "objective", "loved")
    assert str(refusal.value) == "tune.json: objective must be liked or watched, not 'loved'"


def test_convert_error_states_the_range():
    with pytest.raises(ConfigError) as refusal:
        taken(RankingParams, "rank", 0)
    assert str(refusal.value) == (
        "tune.json: rank must be a whole number of at least 1 and at most 1024, not 0"
    )


def test_convert_error_lists_known_parameters_when_one_is_unknown():
    with pytest.raises(ConfigError, match=r"unknown parameter 'aplha'; known are rank, .*alpha"):
        convert({"rank": 2, "aplha": 5.0}, RankingParams, "tune.json")


def test_parameters_are_immutable():
    with pytest.raises(AttributeError):
        RankingParams().rank = 3
