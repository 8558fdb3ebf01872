"""Bulk transfer of hours: import of Steam libraries, and export for training."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app.extensions import db
from app.models import Item, SiteState
from recommender.feedback import SCALES
from recommender.formats.movielens import ML_CSV, format_of, read_ratings
from recommender.formats.steam_libraries import find_libraries, read_libraries
from tests.support.api import client_with_token, stored
from tests.support.commands import run
from tests.support.datasets import write_files
from tests.support.site import real_data, register

LIBRARIES = (
    "{'user_id': 'ann', 'items': [{'item_id': '10', 'item_name': 'A', 'playtime_forever': 90},"
    " {'item_id': '50', 'item_name': 'B', 'playtime_forever': 0}]}\n"
    "{'user_id': 'bob', 'items': [{'item_id': '777', 'item_name': 'X', 'playtime_forever': 6}]}\n"
    "{'user_id': 'ann', 'items': [{'item_id': '10', 'item_name': 'A', 'playtime_forever': 120}]}\n"
)
HOURS = [(1, 10, 2.0, False), (1, 50, 0.0, False)]


def steam(folder: Path, libraries: str | bytes = LIBRARIES) -> Path:
    raw = libraries.encode() if isinstance(libraries, str) else libraries
    return write_files(folder, {"our_users_items.json.gz": gzip.compress(raw)})


def test_import_ratings_stores_steam_libraries_as_users_with_hours(
    games_app: Flask, tmp_path: Path
) -> None:
    """Users are numbered as in training, by their first line; their last line counts."""
    status, printed = run(games_app, "import-ratings", str(steam(tmp_path / "steam")))
    assert (status, printed.splitlines()[-1]) == (
        0,
        "3 ratings; 1 of titles that the release does not list were left out",
    )
    assert stored(games_app) == HOURS
    rest = client_with_token(games_app, "service")
    top = rest.answer("GET", "/user/1/hours/top")["hours"]
    assert [(each["game"]["game_id"], each["hours"]) for each in top] == [(10, 2.0), (50, 0.0)]


def test_import_ratings_counts_owners_who_never_played(games_app: Flask, tmp_path: Path) -> None:
    run(games_app, "import-ratings", str(steam(tmp_path / "steam")))
    with games_app.app_context():
        assert db.session.scalars(select(SiteState.has_data_set)).one()
        never = db.session.get_one(Item, 50)
        assert (never.rating_count, never.rating_mean) == (1, 0.0)


def test_import_ratings_of_steam_is_idempotent(games_app: Flask, tmp_path: Path) -> None:
    for _ in range(2):
        assert run(games_app, "import-ratings", str(steam(tmp_path / "steam")))[0] == 0
    assert stored(games_app) == HOURS


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("{'user_id': 'x', 'items': [", "line 4: not a Python literal"),
        ("__import__('os').getcwd()", "line 4: not a Python literal"),
        ("{'user_id': 'x'}", "line 4: no list of items"),
        (
            "{'user_id': 'x', 'items': [{'item_id': '10', 'playtime_forever': -5}]}",
            "line 4: game 10: playtime_forever is -5",
        ),
    ],
)
def test_import_ratings_names_the_bad_line_of_a_library(
    games_app: Flask, tmp_path: Path, line: str, output: str
) -> None:
    status, printed = run(
        games_app, "import-ratings", str(steam(tmp_path / "steam", LIBRARIES + line + "\n"))
    )
    assert status == 2
    assert output in printed
    assert stored(games_app) == []


def test_import_ratings_rejects_a_truncated_library_file(games_app: Flask, tmp_path: Path) -> None:
    folder = steam(tmp_path / "steam")
    file = find_libraries(folder)
    assert file is not None
    file.write_bytes(file.read_bytes()[:-10])
    status, printed = run(games_app, "import-ratings", str(folder))
    assert status == 2
    assert "cannot be unpacked" in printed


def test_import_ratings_rejects_steam_libraries_when_catalogue_has_movies(
    app: Flask, tmp_path: Path
) -> None:
    status, printed = run(app, "import-ratings", str(steam(tmp_path / "steam")))
    assert status == 2
    assert "no ratings file of a known layout" in printed


@pytest.mark.slow
def test_read_libraries_reads_the_whole_published_sample() -> None:
    folder = real_data("steam")
    file = find_libraries(folder)
    assert file is not None
    batches = list(read_libraries(file, 20_000))
    assert sum(size for _, size in batches) == file.stat().st_size
    assert len({row.user_id for rows, _ in batches for row in rows}) > 10_000


def test_export_ratings_writes_hours_that_training_reads(games_app: Flask, tmp_path: Path) -> None:
    gil = games_app.test_client()
    register(gil, "gil")
    for item, hours in ((10, "12.34"), (50, "0"), (60, "100000")):
        gil.post(f"/title/{item}/rating", data={"rating": hours})
    assert run(games_app, "export-ratings", str(tmp_path / "out"))[0] == 0
    scale = SCALES["implicit"]
    file = tmp_path / "out" / "ratings.csv"
    ((rows, _),) = read_ratings(file, format_of(file, ML_CSV, scale.low, scale.high), 10)
    own = [(row.item_id, row.rating) for row in rows]
    assert own == [(10, 12.34), (50, 0.0), (60, 100_000.0)]
