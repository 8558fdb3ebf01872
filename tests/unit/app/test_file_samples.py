"""Small files of the kinds that people bring, sent to a site of MovieLens latest-small."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.extensions import db
from app.models import ListEntry, Rating
from recommender.catalogue import FIRST_ADDED_ITEM
from tests.support.site import real_data, register
from tests.support.uploads import bring, report_of

TOY_STORY, JUMANJI, HEAT, CASINO = 1, 2, 6, 16
FARGO, PULP_FICTION, LEBOWSKI, CROUCHING_TIGER = 608, 296, 1732, 3996
STAR_WARS, EMPIRE, JEDI, GUARDIANS_2 = 260, 1196, 1210, 122918
INTERVIEW, HARRY_POTTER, WAR_OF_THE_WORLDS = 253, 4896, 34048
LETTERBOXD = {
    **{PULP_FICTION: 5.0, HEAT: 4.5, STAR_WARS: 5.0, EMPIRE: 4.0, JEDI: 4.0, GUARDIANS_2: 3.5},
    **{INTERVIEW: 3.0, HARRY_POTTER: 4.0, WAR_OF_THE_WORLDS: 3.0, FARGO: 4.5},
}


class Sample(NamedTuple):
    """What a sample gives. ``reasons``: what is left out, with its number."""

    file: str
    rated: dict[int, float]
    seen: set[int] = set()
    wished: set[int] = set()
    by_id: int = 0
    by_name: int = 0
    unmatched: int = 0
    added: int = 0
    reasons: dict[str, int] = {}
    note: str = ""


EPISODE_AND_SERIES = {"an episode": 1, "a series": 1}
SAMPLES = (
    Sample(
        *("imdb_2024_overwrite.csv", {HEAT: 5.0, FARGO: 4.5}),
        by_id=2,
        reasons=EPISODE_AND_SERIES,
    ),
    Sample(
        *("imdb_macos_rezipped.zip", {TOY_STORY: 4.5, LEBOWSKI: 4.0, FIRST_ADDED_ITEM: 3.0}),
        by_id=3,
        added=1,
        reasons={"an episode": 2, "a series": 2, "a game": 1},
    ),
    Sample("imdb_watchlist_2024.csv", {TOY_STORY: 4.5}, wished={HEAT, CASINO}, by_id=3),
    Sample(
        *("imdb_excel_us_dates.csv", {TOY_STORY: 4.5, HEAT: 4.0}),
        by_id=2,
        note="can be read two ways, such as 11/2/2024",
    ),
    Sample(
        *("letterboxd_watched.csv", {}, {TOY_STORY, HEAT, CROUCHING_TIGER, PULP_FICTION}),
        by_name=4,
    ),
    Sample(
        *("letterboxd_diary.csv", {TOY_STORY: 4.0, HEAT: 4.5, PULP_FICTION: 5.0}, {FARGO}),
        by_name=4,
    ),
    Sample(
        *("letterboxd_export_full.zip", LETTERBOXD, {TOY_STORY, CROUCHING_TIGER, JUMANJI}),
        wished={CASINO},
        by_name=14,
    ),
    Sample("letterboxd_ratings_title_variants.csv", LETTERBOXD, by_name=10),
    Sample("letterboxd_import_format.csv", {HEAT: 4.5, TOY_STORY: 3.0}, by_id=2),
    Sample("trakt_ratings-movies.json", {HEAT: 4.5, TOY_STORY: 3.0}, by_id=2),
    Sample("movielens_site_ratings.csv", {TOY_STORY: 3.5, HEAT: 4.5}, by_id=2),
    Sample("movielens_site_wishlist.csv", {}, wished={CASINO, FARGO}, by_id=2),
    Sample("movielens_pandas.csv", {TOY_STORY: 4.0, HEAT: 4.5}, by_id=2),
)


@pytest.fixture
def bea(movielens_app: Flask) -> FlaskClient:
    """A person who has just signed up on the site of MovieLens."""
    client = movielens_app.test_client()
    register(client, "bea")
    return client


def ratings_of(app: Flask) -> dict[int, float]:
    with app.app_context():
        return dict(db.session.execute(select(Rating.item_id, Rating.rating)).all())


def marked(app: Flask, kind: str) -> set[int]:
    with app.app_context():
        return set(db.session.scalars(select(ListEntry.item_id).where(ListEntry.kind == kind)))


@pytest.fixture(scope="module")
def files() -> Path:
    return real_data("files")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.file)
def test_sample_gives_its_ratings_marks_and_report(
    movielens_app: Flask, bea: FlaskClient, files: Path, sample: Sample
) -> None:
    answer = bring(bea, (files / sample.file).read_bytes(), sample.file)
    assert answer.status_code == 303
    assert ratings_of(movielens_app) == sample.rated
    assert marked(movielens_app, "seen") == sample.seen
    assert marked(movielens_app, "watchlist") == sample.wished
    report = report_of(movielens_app)
    counts = {
        name: report[name]
        for name in ("by_id", "by_name", "unmatched", "added", "undecided", "bad")
    }
    assert counts == {
        **{"by_id": sample.by_id, "by_name": sample.by_name, "unmatched": sample.unmatched},
        "added": sample.added,
        **{"undecided": 0, "bad": 0},
    }
    assert report["reasons"] == sample.reasons
    assert sample.note in " ".join(report["notes"])
    assert bool(report["notes"]) == bool(sample.note)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.file)
def test_sample_sent_again_changes_nothing(
    movielens_app: Flask, bea: FlaskClient, files: Path, sample: Sample
) -> None:
    content = (files / sample.file).read_bytes()
    for _ in range(2):
        assert bring(bea, content, sample.file).status_code == 303
    assert ratings_of(movielens_app) == sample.rated
    report = report_of(movielens_app)
    numbers = {name: report[name] for name in ("new", "changed", "seen", "wanted")}
    assert numbers == dict.fromkeys(numbers, 0)
    assert report["same"] == len(sample.rated) + len(sample.seen) + len(sample.wished)
