"""Parameters of both heads: what is taken, what is refused, and what a refusal says."""

import math
from dataclasses import Field, FrozenInstanceError, asdict, fields
from typing import Any

import pytest

from recommender.errors import ConfigError
from recommender.params import RankingParams, RatingParams

HEADS = [RankingParams, RatingParams]
EVERY = [pytest.param(h, f, id=f"{h.__name__}.{f.name}") for h in HEADS for f in fields(h)]
BOUNDED = [p for p in EVERY if math.isfinite(p.values[1].metadata["high"])]

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


def taken(head: type, name: str, value: object) -> Any:
    return getattr(head.from_mapping({name: value}, "tune.json"), name)


@pytest.mark.parametrize("head", HEADS)
def test_what_is_not_given_keeps_its_default(head: type):
    assert head.from_mapping({}, "tune.json") == head()


def test_what_was_written_down_is_read_back():
    params = RankingParams(rank=7, alpha=3.5, min_ratings=4)
    assert RankingParams.from_mapping(asdict(params), "tune.json") == params


@pytest.mark.parametrize(("head", "spec"), EVERY)
def test_every_parameter_has_a_sentence_and_a_default_in_its_range(head: type, spec: Field):
    assert spec.metadata["help"].strip()
    assert taken(head, spec.name, spec.default) == spec.default


@pytest.mark.parametrize(("head", "spec"), EVERY)
def test_the_lowest_value_is_taken_and_less_is_refused(head: type, spec: Field):
    low = spec.metadata["low"]
    less = low - 1 if isinstance(spec.default, int) else math.nextafter(low, -math.inf)
    assert taken(head, spec.name, low) == low
    with pytest.raises(ConfigError, match=spec.name):
        taken(head, spec.name, less)


@pytest.mark.parametrize(("head", "spec"), BOUNDED)
def test_the_highest_value_is_taken_and_more_is_refused(head: type, spec: Field):
    high = spec.metadata["high"]
    assert taken(head, spec.name, high) == high
    with pytest.raises(ConfigError, match=f"{spec.name} .*at most {high}"):
        taken(head, spec.name, high + 1)


def test_a_whole_number_will_do_for_a_number():
    assert isinstance(taken(RankingParams, "alpha", 2), float)


@pytest.mark.parametrize(("name", "value"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_the_source_the_parameter_and_the_value(name: str, value: object):
    with pytest.raises(ConfigError) as refusal:
        taken(RankingParams, name, value)
    message = str(refusal.value)
    assert message.startswith(f"tune.json: {name} must be a")
    assert message.endswith(f"not {value!r}")


def test_a_refusal_gives_the_range():
    with pytest.raises(ConfigError) as refusal:
        taken(RankingParams, "rank", 0)
    assert str(refusal.value) == (
        "tune.json: rank must be a whole number of at least 1 and at most 1024, not 0"
    )


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"unknown parameter 'aplha'; known are rank, .*alpha"):
        RankingParams.from_mapping({"rank": 2, "aplha": 5.0}, "tune.json")


def test_parameters_do_not_change_once_made():
    with pytest.raises(FrozenInstanceError):
        RankingParams().rank = 3
