"""Weights that enter at serving alone: what is chosen, and where it goes."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.model import Model
from recommender.params import RankingParams
from spark_jobs.config.configuration import Config
from spark_jobs.evaluation.promotion_gate import with_weights
from spark_jobs.evaluation.serving_weights import (
    NEIGHBOURS,
    ChosenWeights,
    _around,
    _choose,
    _every_second,
    ndcg_of_weights,
    weight_notes,
)
from tests.support.releases import tiny_release

BETA = "ranking.popularity_weight"


def test_chosen_weights_replace_those_of_settings_and_release() -> None:
    chosen = ChosenWeights({BETA: 0.4}, 0.3, 50)
    assert chosen.in_settings(Config()).ranking == RankingParams(popularity_weight=0.4)
    release = chosen.in_release(tiny_release())
    assert release.ranking.popularity_weight == 0.4
    assert release.ranking.rank == tiny_release().ranking.rank


def test_settings_take_the_weights_that_the_gate_reports() -> None:
    report = {"weights": [{"protocol": "G", "seed": 0, BETA: 0.2, "NDCG@10": 0.3, "people": 50}]}
    assert with_weights(Config(chosen=(BETA,)), report).ranking.popularity_weight == 0.2
    assert with_weights(Config(chosen=()), report) == Config()


def test_ndcg_of_each_weight_equals_that_of_a_release_with_it() -> None:
    """Liked are the titles that the other taste likes: the more popularity counts, the better."""
    known = {1: 5.0}
    relevant = np.array([8, 13])
    weights = (1e-9, 0.05, 5.0)
    found = ndcg_of_weights(
        Model(tiny_release()), known, known, relevant, [(weight, 1.0) for weight in weights]
    )
    for weight, ndcg in zip(weights, found, strict=True):
        model = Model(ChosenWeights({BETA: weight}, 0.0, 0).in_release(tiny_release()))
        listed = [row.item_id for row in model.recommend(model.fold_in(known), 10)]
        gains = [1 / np.log2(listed.index(item) + 2) for item in relevant.tolist()]
        assert ndcg == pytest.approx(sum(gains) / (1 + 1 / np.log2(3)))
    assert found[0] < found[2]


def test_every_second_pair_is_tried_and_then_those_around_the_best() -> None:
    grid = {BETA: (1.0, 2.0, 3.0), NEIGHBOURS: (0.0, 4.0, 8.0, 16.0)}
    assert _every_second(grid) == [(1, 0), (1, 8), (3, 0), (3, 8)]
    assert _around((1.0, 8.0), grid) == [(1, 4), (1, 16), (2, 4), (2, 8), (2, 16)]
    assert _around((3.0, 0.0), grid) == [(2, 0), (2, 4), (3, 4)]
    assert _around((1.0, 0.0), {BETA: (1.0,), NEIGHBOURS: (0.0,)}) == []


def test_best_weights_are_chosen_where_the_people_tell() -> None:
    random = np.random.default_rng(0)
    person = random.uniform(0, 1, 100)[:, None]
    gains = np.array([0.0, 0.2, 0.1]) + 0.01 * random.standard_normal((100, 3))
    assert _choose(person + gains, steps=[0, 3, 1]) == 1


def test_most_usual_weights_are_chosen_where_differences_are_chance() -> None:
    """The third is best by luck, and the first is worse beyond chance."""
    random = np.random.default_rng(0)
    values = np.array([0.1, 0.5, 0.52, 0.51]) + 0.3 * random.standard_normal((30, 4))
    values[:, 2] += 0.52 - values[:, 2].mean()
    assert _choose(values, steps=[0, 1, 5, 3]) == 1


def test_weight_notes_name_the_values_of_each_seed() -> None:
    rows = [{"protocol": "B", "seed": seed, BETA: 0.05 * 2**seed} for seed in range(2)]
    (note,) = weight_notes(rows)
    assert note.startswith(f"Protocol B: {BETA} 0.05, 0.1")
    assert weight_notes([]) == []
