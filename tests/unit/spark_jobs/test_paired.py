"""Differences between model and baselines on the same people."""

from __future__ import annotations

import numpy as np
import pytest

from spark_jobs.evaluation.paired import PairedValues, as_case_values, paired_difference
from spark_jobs.reporting.differences import interval_text

NAN = float("nan")


def test_paired_difference_equals_a_t_interval_of_people_without_repeats() -> None:
    """Differences 0.1, 0.3, 0.2: mean 0.2, standard error 0.1/√3."""
    ours, theirs = np.array([0.3, 0.5, 0.9, NAN]), np.array([0.2, 0.2, 0.7, 0.4])
    found = paired_difference(np.array([4, 5, 6, 7]), ours, theirs)
    assert found
    assert found["people"] == 3
    assert found["difference"] == pytest.approx(0.2)
    assert found["high"] - found["difference"] == pytest.approx(1.959964 * 0.1 / np.sqrt(3))
    assert found["difference"] - found["low"] == pytest.approx(1.959964 * 0.1 / np.sqrt(3))


def test_paired_difference_counts_cases_of_one_person_as_dependent() -> None:
    """The same two people on two splits are no better known than on one."""
    ours, theirs = np.array([0.5, 0.1]), np.array([0.2, 0.2])
    once = paired_difference(np.array([1, 2]), ours, theirs)
    twice = paired_difference(np.array([1, 2, 1, 2]), np.tile(ours, 2), np.tile(theirs, 2))
    assert once
    assert twice == pytest.approx(once)


def test_paired_difference_has_no_interval_for_one_person_and_none_for_nobody() -> None:
    one = paired_difference(np.array([1, 1]), np.array([0.5, 0.3]), np.array([0.2, 0.2]))
    assert one
    assert (one["low"], one["people"]) == (None, 1)
    assert interval_text(one) == "+0.200"
    assert paired_difference(np.array([1]), np.array([NAN]), np.array([0.2])) is None


def test_paired_values_join_the_seeds_and_compare_with_each_baseline() -> None:
    paired = PairedValues()
    for users, ours in (([1, 2], [0.5, 0.4]), ([2, 3], [0.2, 0.3])):
        of_cases = {"Marquee": {"NDCG@10": np.array(ours)}, "EASE": {"NDCG@10": np.zeros(2)}}
        paired.add(np.array(users), of_cases)
    found = paired.differences()
    assert list(found) == ["EASE"]
    assert found["EASE"]["NDCG@10"]["difference"] == pytest.approx(0.35)
    assert found["EASE"]["NDCG@10"]["people"] == 3


def test_as_case_values_makes_a_metric_of_each_point() -> None:
    assert list(as_case_values({"Marquee": {1: [0.5], 20: [NAN]}})["Marquee"]) == [
        "NDCG@10 after 1",
        "NDCG@10 after 20",
    ]
