"""The next question, and the end of the questions."""

from __future__ import annotations

import numpy as np

from benchmarks import onboarding as benchmark
from recommender.fold_in import Ridge, gram
from recommender.model import Model
from recommender.onboarding import chance_to_know, next_question, onboarding_progress
from tests.support.releases import tiny_release

FACTORS = np.array([[1.0, 0.0], [0.9, 0.0], [0.0, 1.0], [0.0, 0.9]])
NOTHING = np.empty((0, 2))


def chance(known: list[int], unseen: list[int]) -> np.ndarray:
    return chance_to_know(
        gram(FACTORS),
        FACTORS,
        np.full(4, 0.2),
        FACTORS[known],
        FACTORS[unseen],
        5.0,
        Ridge(0.1, 1.0, 0.5),
    )


def test_chance_to_know_rises_near_known_items() -> None:
    before, after = chance([], []), chance([0], [])
    assert after[1] > before[1]
    assert after[1] > after[3]


def test_chance_to_know_falls_near_unseen_items() -> None:
    assert chance([2], [0])[1] < chance([2], [])[1]
    assert chance([], [0])[1] < chance([], [0])[3]


def test_chance_to_know_is_strictly_between_0_and_1() -> None:
    share = np.array([0.0, 1.0, 0.5, 0.5])
    ridge = Ridge(0.1, 1.0, 0.5)
    chances = chance_to_know(gram(FACTORS), FACTORS, share, NOTHING, NOTHING, 5.0, ridge)
    assert np.all((chances > 0) & (chances < 1))


def test_next_question_asks_about_each_item_once() -> None:
    model = Model(tiny_release())
    ratings: dict[int, float] = {}
    unseen: list[int] = []
    for number in range(8):
        item = next_question(model, ratings, unseen)
        assert item is not None
        assert item not in ratings
        assert item not in unseen
        if number % 2:
            ratings[item] = 4.0
        else:
            unseen.append(item)
    assert next_question(model, ratings, unseen) is None


def test_next_question_starts_with_a_popular_item() -> None:
    assert next_question(Model(tiny_release()), {}) in (1, 8)


def test_onboarding_progress_compares_the_list_before_and_after_the_last_rating() -> None:
    model = Model(tiny_release())
    assert (onboarding_progress(model, {}).kept, onboarding_progress(model, {}).settled) == (
        0,
        False,
    )
    four = {1: 5.0, 2: 4.0, 3: 4.0, 5: 4.5}
    assert not onboarding_progress(model, four).settled
    output = onboarding_progress(model, {**four, 8: 1.0})
    assert output.kept == output.of == 3
    assert output.settled


def test_simulated_newcomer_uses_only_their_own_ratings() -> None:
    model = Model(tiny_release())
    people = [dict.fromkeys(model.items.index.item_ids.tolist(), 5.0)]
    (newcomer,) = benchmark.newcomers(people, np.random.default_rng(0))
    assert len(newcomer.answers) == 6
    assert not newcomer.relevant & newcomer.answers.keys()
    outcome = benchmark.simulate(model, people, 0)
    assert outcome["ours"].shape == (1, len(benchmark.AFTER) + 1)
    assert "| ours |" in benchmark.table(outcome)
