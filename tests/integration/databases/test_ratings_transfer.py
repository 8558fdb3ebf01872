"""Bulk transfer of ratings: import of a data set, export for training."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Row, delete, select

from app.cli import bulk_transfer as transfer_commands
from app.db import clock
from app.extensions import db
from app.models import Item, Rating, SiteState, User
from app.portability import bulk_transfer
from recommender.storage import s3
from recommender.storage.release_store import ReleaseStore
from spark_jobs import train
from tests.support.api import Rest, people, stored
from tests.support.aws import FaultProxy
from tests.support.commands import run
from tests.support.datasets import QUICK, RATINGS_HEADER, two_tastes, write_files, write_two_tastes
from tests.support.datasets import Rating as Line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytest_plugins = ["tests.support.fixtures.s3"]

LINES = [(1, 1, 4.5, 978300760), (1, 2, 3.0, 978300761), (20, 1, 2.0, 978300762)]


def data_set(folder: Path, lines: list[Line] = LINES) -> Path:
    rows = "".join(f"{user},{item},{stars},{at}\n" for user, item, stars, at in lines)
    return write_files(folder, {"ratings.csv": RATINGS_HEADER + rows})


@pytest.mark.every_database
def test_import_ratings_stores_users_and_ratings(app: Flask, tmp_path: Path) -> None:
    status, printed = run(app, "import-ratings", str(data_set(tmp_path / "data")))
    assert (status, printed.splitlines()[-1]) == (
        0,
        "3 ratings; 0 of titles that the release does not list were left out",
    )
    assert stored(app) == [(1, 1, 4.5, False), (1, 2, 3.0, False), (20, 1, 2.0, False)]
    assert people(app) == [1, 20]
    with app.app_context():
        given = db.session.get(Rating, (1, 1))
        assert given.rated_at == datetime.fromtimestamp(978300760, UTC)
        assert db.session.get(User, 1).username is None


def test_import_ratings_says_how_a_file_differs_from_the_publishers(
    app: Flask, tmp_path: Path
) -> None:
    lines = '"userId";"movieId";"rating";"timestamp"\n"1";"1";"4,5";"4/2/2005"\n'
    printed = run(app, "import-ratings", str(write_files(tmp_path, {"ratings.csv": lines})))[1]
    assert printed.splitlines()[:4] == [
        "ratings.csv: separated by semicolons",
        "ratings.csv: fields in quotation marks",
        "ratings.csv: decimal commas",
        "ratings.csv: dates such as 4/2/2005, which could be either way round: taken as"
        " day/month/year",
    ]
    assert stored(app) == [(1, 1, 4.5, False)]


@pytest.mark.every_database
def test_api_returns_imported_ratings(app: Flask, rest: Rest, tmp_path: Path) -> None:
    run(app, "import-ratings", str(data_set(tmp_path / "data")))
    output = rest.answer("GET", "/user/1/ratings/top")["ratings"]
    assert [(each["movie"]["movie_id"], each["rating"]) for each in output] == [(1, 4.5), (2, 3.0)]
    assert output[0]["ts"] == "2000-12-31T22:12:40+00:00"
    assert rest.answer("PUT", "/user", {"gender": "F", "year_of_birth": 1990})["user_id"] == 21


@pytest.mark.every_database
def test_import_ratings_is_repeatable_and_keeps_newer_ratings(
    app: Flask, rest: Rest, tmp_path: Path
) -> None:
    folder = str(data_set(tmp_path / "data"))
    run(app, "import-ratings", folder)
    rest.answer("PUT", "/user/1/rating", {"movie_id": 1, "rating": 1})
    assert run(app, "import-ratings", folder)[0] == 0
    assert stored(app) == [(1, 1, 1.0, False), (1, 2, 3.0, False), (20, 1, 2.0, False)]


@pytest.mark.every_database
def test_import_ratings_keeps_the_newest_rating_of_a_pair(app: Flask, tmp_path: Path) -> None:
    lines = [(1, 1, 4.5, 20), (1, 1, 1.0, 10)]
    run(app, "import-ratings", str(data_set(tmp_path / "data", lines)))
    assert stored(app) == [(1, 1, 4.5, False)]


@pytest.mark.every_database
def test_import_ratings_stores_nothing_when_a_line_is_invalid(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_transfer, "BATCH", 2)
    folder = tmp_path / "data"
    data_set(folder, [*LINES, (20, 2, 9.0, 1)])
    status, printed = run(app, "import-ratings", str(folder))
    assert status == 2
    assert "line 5: the rating is off the scale" in printed
    assert stored(app) == []
    assert people(app) == []


@pytest.mark.every_database
def test_import_ratings_resumes_when_repeated_after_an_interruption(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_transfer, "BATCH", 2)
    folder = data_set(tmp_path / "data")

    def interrupted(*arguments: Any) -> Iterator[int]:
        yield next(bulk_transfer.import_ratings(*arguments))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(transfer_commands, "import_ratings", interrupted)
        assert run(app, "import-ratings", str(folder))[0] != 0
    assert len(stored(app)) == 2
    assert run(app, "import-ratings", str(folder))[0] == 0
    assert len(stored(app)) == 3


@pytest.mark.every_database
def test_import_ratings_skips_and_counts_items_outside_the_catalogue(
    app: Flask, tmp_path: Path
) -> None:
    lines = [*LINES, (7, 999, 4.0, 1)]
    printed = run(app, "import-ratings", str(data_set(tmp_path / "data", lines)))[1]
    assert "3 ratings; 1 of titles" in printed
    assert people(app) == [1, 20]


@pytest.mark.every_database
def test_import_ratings_rejects_ids_of_registered_users(
    app: Flask, ann: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_transfer, "BATCH", 1)
    lines = [(20, 1, 4.0, 1), (21, 1, 4.0, 1), (22, 1, 4.0, 1)]
    status, printed = run(app, "import-ratings", str(data_set(tmp_path / "data", lines)))
    assert status == 2
    assert "user 21 signed up here" in printed
    assert stored(app) == []
    assert people(app) == [21]


@pytest.mark.every_database
def test_import_ratings_reserves_the_ids_of_the_data_set(
    app: Flask, rest: Rest, tmp_path: Path
) -> None:
    run(app, "import-ratings", str(data_set(tmp_path / "data", [(500, 1, 4.0, 1)])))
    assert rest.answer("PUT", "/user", {"gender": None, "year_of_birth": None})["user_id"] == 501


@pytest.mark.every_database
def test_imported_rating_with_a_future_time_can_be_replaced(
    app: Flask, rest: Rest, tmp_path: Path
) -> None:
    soon = int((clock.utcnow() + timedelta(days=400)).timestamp())
    run(app, "import-ratings", str(data_set(tmp_path / "data", [(1, 1, 4.0, soon)])))
    rest.answer("PUT", "/user/1/rating", {"movie_id": 1, "rating": 2})
    assert stored(app) == [(1, 1, 2.0, False)]


@pytest.mark.every_database
def test_import_ratings_refreshes_item_statistics(app: Flask, tmp_path: Path) -> None:
    run(app, "import-ratings", str(data_set(tmp_path / "data")))
    with app.app_context():
        first, third = db.session.get(Item, 1), db.session.get(Item, 3)
        assert (first.rating_count, first.rating_mean) == (2, 3.25)
        assert (third.rating_count, third.rating_mean) == (0, None)
        assert db.session.scalars(select(SiteState.has_data_set)).one()


@pytest.mark.every_database
@pytest.mark.parametrize("files", [{}, {"movies.csv": "x"}, {"ratings.csv": "a,b\n"}])
def test_import_ratings_names_the_expected_files_when_there_are_no_ratings(
    app: Flask, tmp_path: Path, files: dict[str, str]
) -> None:
    status, printed = run(app, "import-ratings", str(write_files(tmp_path / "data", files)))
    assert status == 2
    assert printed.splitlines()[-1].startswith("error: ")


@pytest.mark.every_database
def test_import_ratings_is_rejected_before_the_first_release(
    closed_app: Flask, tmp_path: Path
) -> None:
    status, printed = run(closed_app, "import-ratings", str(data_set(tmp_path / "data")))
    assert (status, "no release has been promoted yet" in printed) == (2, True)


# Export for training


def test_export_ratings_writes_explicit_ratings_in_the_format_of_training(
    app: Flask, rest: Rest, tmp_path: Path
) -> None:
    run(app, "import-ratings", str(data_set(tmp_path / "data")))
    rest.answer("PUT", "/user/1/watched", {"movie_id": 3})
    rest.answer("PUT", "/user/1/rating", {"movie_id": 2, "rating": 0})
    status, printed = run(app, "export-ratings", str(tmp_path / "new" / "out"))
    option = f"--ratings {tmp_path / 'new' / 'out'}"
    assert status == 0
    assert printed == f'3 ratings; to train on them too: make train ARGS="{option}"\n'
    header, *lines = (tmp_path / "new" / "out" / "ratings.csv").read_text().splitlines()
    assert header == "userId,movieId,rating,timestamp"
    assert lines[0] == "1,1,4.5,978300760"
    assert lines[1].startswith("1,2,0.5,")
    assert lines[2] == "20,1,2,978300762"


@pytest.mark.every_database
def test_import_of_an_export_restores_the_same_rows(app: Flask, tmp_path: Path) -> None:
    lines = [(user, item, 0.5 + (user + item) % 10 / 2, user) for user in (1, 2) for item in (1, 8)]
    run(app, "import-ratings", str(data_set(tmp_path / "data", lines)))
    before = rows_of_all(app)
    assert run(app, "export-ratings", str(tmp_path / "out"))[0] == 0
    with app.app_context():
        db.session.execute(delete(User))
        db.session.commit()
    assert rows_of_all(app) == []
    assert run(app, "import-ratings", str(tmp_path / "out"))[0] == 0
    assert rows_of_all(app) == before
    assert len(before) == len(lines)


def rows_of_all(app: Flask) -> list[Row]:
    """Return all ratings with every column."""
    with app.app_context():
        return list(
            db.session.execute(select(Rating.__table__).order_by(*Rating.__mapper__.primary_key))
        )


@pytest.mark.every_database
def test_export_ratings_replaces_the_earlier_export(app: Flask, rest: Rest, tmp_path: Path) -> None:
    for _ in range(2):
        assert run(app, "export-ratings", str(tmp_path / "out"))[0] == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ratings.csv"]


@pytest.mark.every_database
def test_export_ratings_names_a_folder_that_cannot_be_written(
    app: Flask, rest: Rest, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    status, printed = run(app, "export-ratings", str(tmp_path / "file" / "out"))
    assert (status, printed.count("\n")) == (2, 1)
    assert "cannot be written" in printed


def test_export_ratings_writes_to_s3(app: Flask, rest: Rest, tmp_path: Path, bucket: str) -> None:
    run(app, "import-ratings", str(data_set(tmp_path / "data")))
    status, printed = run(app, "export-ratings", f"{bucket}/site/ratings/")
    assert status == 0, printed
    s3.download(f"{bucket}/site/ratings/ratings.csv", tmp_path / "ratings.csv")
    assert (tmp_path / "ratings.csv").read_text().startswith(RATINGS_HEADER)


def test_export_ratings_names_an_s3_url_that_cannot_be_written(
    app: Flask, rest: Rest, proxy: FaultProxy
) -> None:
    status, printed = run(app, "export-ratings", "s3://no-such-bucket/site")
    assert (status, printed.count("\n")) == (2, 1)
    assert "s3://no-such-bucket/site/ratings.csv" in printed


def test_train_reads_exported_ratings_beside_the_data_set(
    spark: SparkSession, tmp_path: Path
) -> None:
    data = write_two_tastes(tmp_path / "data")
    user, item, stars, at = two_tastes()[0]
    lines = [(user, item, 6.0 - stars, at + 1), (900, item, 5.0, 7), (900, 999, 5.0, 7)]
    exported = data_set(tmp_path / "exported", lines)
    options = ["--data", str(data), "--releases", str(tmp_path / "releases"), *QUICK]
    assert train.main([*options, "--ratings", str(exported)]) == 0
    store = ReleaseStore(tmp_path / "releases")
    release = store.read(store.current().version)
    assert release.catalogue.max_user_id == 900
    assert release.catalogue.ratings == len(two_tastes()) + 1
    assert release.catalogue.name == "data + ratings given here"
    sums = {i: 0.0 for _, i, _, _ in two_tastes()}
    for one, i, s, _ in two_tastes():
        sums[i] += 6.0 - s if (one, i) == (user, item) else s
    row = release.arrays.item_ids.tolist().index(item)
    count = int(release.arrays.item_counts[row])
    assert release.arrays.item_means[row] * count == pytest.approx(sums[item] + 5.0, rel=1e-6)


def test_train_accepts_an_empty_export(spark: SparkSession, tmp_path: Path) -> None:
    data = write_two_tastes(tmp_path / "data")
    exported = data_set(tmp_path / "exported", [])
    options = ["--data", str(data), "--releases", str(tmp_path / "releases"), *QUICK]
    assert train.main([*options, "--ratings", str(exported)]) == 0


def test_train_names_what_an_export_lacks(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_two_tastes(tmp_path / "data")
    empty = write_files(tmp_path / "exported", {"other.csv": "x"})
    options = ["--data", str(data), "--releases", str(tmp_path / "releases"), *QUICK]
    assert train.main([*options, "--ratings", str(empty)]) == 2
    assert "flask export-ratings" in capsys.readouterr().err


def test_export_ratings_never_replaces_the_ratings_of_a_data_set(
    app: Flask, tmp_path: Path
) -> None:
    folder = write_files(tmp_path / "ml", {"ratings.csv": "theirs", "movies.csv": "theirs"})
    status, printed = run(app, "export-ratings", str(folder))
    assert status == 2
    assert "holds movies.csv" in printed
    assert (folder / "ratings.csv").read_text() == "theirs"
