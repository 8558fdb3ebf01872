"""The watchlist by fit: order, filters, and one title drawn from it."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from tests.support.pages import shown


@pytest.fixture
def lover(ann: FlaskClient) -> FlaskClient:
    """Ann, who likes love stories, with both kinds on her watchlist."""
    for item, stars in ((8, "5"), (2, "1")):
        ann.post(f"/title/{item}/rating", data={"rating": stars})
    for item in (13, 1, 21, 3):
        ann.post(f"/title/{item}/watchlist")
    return ann


@pytest.mark.every_database
def test_watchlist_is_ordered_by_predicted_stars(lover: FlaskClient) -> None:
    page = lover.get("/watchlist/ranked").text
    assert sorted(shown(page)) == [1, 3, 13, 21]
    stars = [float(n) for n in re.findall(r"</span> ([0-9.]+) <span[^>]*>predicted", page)]
    assert len(stars) == 4
    assert stars == sorted(stars, reverse=True)
    assert shown(lover.get("/watchlist").text) != shown(page)


def test_title_that_the_model_lacks_comes_last(lover: FlaskClient) -> None:
    lover.post("/title/55/watchlist")
    assert shown(lover.get("/watchlist/ranked").text)[-1] == 55


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("genre=Romance", {13, 21}),
        ("genre=Sci-Fi&from=1990", {3}),
        ("to=1980", {1}),
        ("from=1999&to=1970", {1, 3, 13}),
        ("genre=Nonsense&from=x", {1, 3, 13, 21}),
        ("from=2050", set()),
    ],
)
def test_watchlist_is_filtered_by_genre_and_year(
    lover: FlaskClient, query: str, left: set[int]
) -> None:
    assert set(shown(lover.get(f"/watchlist/ranked?{query}").text)) == left


def drawn(page: str) -> str:
    found = re.search(r'class="drawn".*?alt="([^"]+)"', page, re.DOTALL)
    assert found, page
    return found[1]


def test_pick_draws_one_says_why_and_repeats_for_its_seed(lover: FlaskClient) -> None:
    page = lover.get("/watchlist/ranked?pick=3").text
    assert drawn(page) == drawn(lover.get("/watchlist/ranked?pick=3").text)
    assert re.search(r"Drawn by lot from 4.*This one had \d+(\.\d)? in 100", page, re.DOTALL)
    others = {drawn(lover.get(f"/watchlist/ranked?pick={seed}").text) for seed in range(30)}
    assert len(others) > 1
    romances = {
        drawn(lover.get(f"/watchlist/ranked?genre=Romance&pick={seed}").text) for seed in range(9)
    }
    assert romances <= {"Love Letters (1995)", "All About Love"}
    because = lover.get("/watchlist/ranked?genre=Romance&pick=1").text
    assert "Because you liked Amélie in Love" in because


@pytest.mark.parametrize("seed", ["-1", "x", "9" * 40, ""])
def test_pick_takes_any_seed(lover: FlaskClient, seed: str) -> None:
    assert lover.get(f"/watchlist/ranked?pick={seed}").status_code == 200


def test_empty_watchlist_says_what_to_do(ann: FlaskClient) -> None:
    page = ann.get("/watchlist/ranked?pick=1").text
    assert "Nothing here yet" in page
    assert "Pick one" not in page
