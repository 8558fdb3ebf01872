"""Which items are folded in anew, and into what."""

from __future__ import annotations

import numpy as np

from spark_jobs.evaluation import items_anew


def test_items_with_half_as_many_raters_again_have_grown() -> None:
    now, fitted_on = np.array([10, 15, 14, 3, 0]), np.array([10, 10, 10, 0, 0])
    assert items_anew._grown(now, fitted_on).tolist() == [1, 3]


def test_most_grown_items_come_first_when_ratings_do_not_fit(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(items_anew, "MOST_RATINGS", 50)
    now, fitted_on = np.array([40, 30, 20]), np.array([20, 1, 1])
    assert items_anew._grown(now, fitted_on).tolist() == [1, 2]
