"""The commands of the site."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from flask import Flask
from sqlalchemy import func, select

from app.extensions import db
from app.models import Item
from recommender.model import Model
from recommender.storage.release import ParitySample
from recommender.storage.release_store import ReleaseStore
from tests.support.commands import run
from tests.support.datasets import write_csv
from tests.support.releases import (
    GAMES,
    ITEMS,
    no_parity_sample,
    publish_tiny,
    tiny_games_release,
    tiny_release,
)

FIRST, SECOND = "20260101-000000-aaaa", "20260102-000000-bbbb"
REFUSED = {"report.json": b'{"gate": {"passed": false, "reasons": ["too bad"]}}'}


def test_sync_catalogue_writes_items_to_the_database(app: Flask) -> None:
    assert run(app, "sync-catalogue") == (0, f"9 titles from release {FIRST}\n")
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Item)) == 9
        rated, unrated = db.session.get(Item, 1), db.session.get(Item, 55)
    assert (rated.title, rated.year, rated.genre_list) == ("Space Station", 1979, ["Sci-Fi"])
    assert (rated.rating_count, rated.rating_mean) == (20, 4.0)
    assert (unrated.rating_count, unrated.rating_mean) == (0, None)


def test_sync_catalogue_accepts_a_release_that_is_not_promoted(
    closed_app: Flask, store: ReleaseStore
) -> None:
    store.publish(tiny_release(FIRST), ITEMS, no_parity_sample())
    output = run(closed_app, "sync-catalogue", "--release", FIRST)
    assert output == (0, f"9 titles from release {FIRST}\n")
    assert run(closed_app, "releases", "current")[0] == 2
    status, output = run(closed_app, "sync-catalogue", "--release", SECOND)
    assert (status, "no such release" in output) == (2, True)


def test_import_ratings_accepts_a_release_that_is_not_promoted(
    closed_app: Flask, store: ReleaseStore, tmp_path: Path
) -> None:
    store.publish(tiny_release(FIRST), ITEMS, no_parity_sample())
    folder = write_csv(tmp_path / "ml", [(1, 1, 4.0, 7), (2, 5, 3.0, 8)], {})
    status, output = run(closed_app, "import-ratings", "--release", FIRST, str(folder))
    assert status == 0, output
    assert output.endswith("2 ratings; 0 of titles that the release does not list were left out\n")


def test_sync_catalogue_restores_changed_items(app: Flask) -> None:
    run(app, "sync-catalogue")
    with app.app_context():
        db.session.get(Item, 1).title = "Wrong"
        db.session.commit()
    run(app, "sync-catalogue")
    with app.app_context():
        assert db.session.get(Item, 1).title == "Space Station"


def test_commands_print_a_one_line_error_when_there_is_no_release(closed_app: Flask) -> None:
    for command in (["sync-catalogue"], ["releases", "verify"], ["releases", "rollback"]):
        status, output = run(closed_app, *command)
        assert status == 2
        assert output.startswith("error: ")
        assert "no release has been promoted yet" in output
        assert output.count("\n") == 1
    assert run(closed_app, "releases", "list") == (0, "")


def test_releases_lists_promotes_and_rolls_back(app: Flask, store: ReleaseStore) -> None:
    publish_tiny(store, SECOND)
    assert run(app, "releases", "list") == (0, f"  {FIRST}\n* {SECOND}\n")
    assert run(app, "releases", "rollback")[1].startswith(f"{FIRST} is in service")
    assert run(app, "releases", "current") == (0, f"{FIRST}\n")
    assert run(app, "releases", "promote", SECOND)[0] == 0
    assert run(app, "releases", "current") == (0, f"{SECOND}\n")


def test_releases_promote_rejects_a_damaged_release(app: Flask, store: ReleaseStore) -> None:
    publish_tiny(store, SECOND)
    store.rollback()
    (store.folder / SECOND / "item_means.npy").write_bytes(b"")
    status, output = run(app, "releases", "promote", SECOND)
    assert status == 2
    assert "item_means.npy" in output
    assert run(app, "releases", "current") == (0, f"{FIRST}\n")


def test_releases_promote_needs_force_when_the_gate_refused_the_release(
    app: Flask, store: ReleaseStore
) -> None:
    store.publish(tiny_release(SECOND), ITEMS, no_parity_sample(), REFUSED)
    status, output = run(app, "releases", "promote", SECOND)
    assert (status, output.count("\n")) == (2, 1)
    assert f"error: {SECOND}: the gate refused it: too bad. Add --force" in output
    assert run(app, "releases", "current") == (0, f"{FIRST}\n")
    status, output = run(app, "releases", "promote", SECOND, "--force")
    assert status == 0
    assert output.splitlines()[0] == f"{SECOND}: the gate refused it: too bad"
    assert run(app, "releases", "current") == (0, f"{SECOND}\n")
    assert run(app, "releases", "rollback")[0] == 0


def test_releases_promote_needs_force_for_another_catalogue(
    app: Flask, store: ReleaseStore
) -> None:
    store.publish(tiny_games_release(SECOND), GAMES, no_parity_sample(rating_width=0))
    status, output = run(app, "releases", "promote", SECOND)
    assert status == 2
    assert "its catalogue is tiny games (9 games), in service is tiny (9 movies)" in output
    assert run(app, "releases", "promote", SECOND, "--force")[0] == 0


def test_releases_promote_replaces_a_damaged_release_without_force(
    app: Flask, store: ReleaseStore
) -> None:
    store.publish(tiny_games_release(SECOND), GAMES, no_parity_sample(rating_width=0))
    (store.folder / FIRST / "item_means.npy").write_bytes(b"")
    assert run(app, "releases", "promote", SECOND)[0] == 0


def test_releases_verify_compares_fold_in_with_the_parity_sample(
    app: Flask, store: ReleaseStore
) -> None:
    ratings = {1: 5.0, 2: 4.0, 13: 1.0}
    person = Model(store.read(FIRST)).fold_in(ratings)
    for version, error, expected in ((SECOND, 0.0, 0), ("20260103-000000-cccc", 0.001, 2)):
        parity = ParitySample(
            user_ids=np.array([7]),
            starts=np.array([0, 3]),
            item_ids=np.array(list(ratings)),
            ratings=np.array(list(ratings.values()), np.float32),
            ranking_vectors=(person.ranking_vector[None] + error).astype(np.float32),
            rating_vectors=person.rating_vector[None].astype(np.float32),
        )
        store.publish(tiny_release(version), ITEMS, parity)
        status, output = run(app, "releases", "verify", version)
        assert status == expected, output
        assert "over 1 users" in output


def test_sqlite_runs_in_wal_mode_with_foreign_keys(closed_app: Flask, tmp_path: Path) -> None:
    with closed_app.app_context(), db.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
