"""A site serves releases of every format, and stays with one when a newer format is promoted."""

import json
import logging

import pytest
from flask import Flask
from flask.testing import FlaskClient
from msgspec import structs

from app.health import NOT_FOLDED_IN
from recommender.storage.release_store import ReleaseStore
from tests.support.commands import run
from tests.support.older_releases import FILMS, FORMATS, copy_release
from tests.support.releases import FIRST, SECOND, change, publish_tiny, tiny_release
from tests.support.site import register

CATALOGUE = {**structs.asdict(tiny_release().catalogue), "mood": "dark"}


def ready(version: str) -> dict[str, str]:
    return {"status": "ready", "release": version, "new_titles": NOT_FOLDED_IN}


@pytest.mark.parametrize("version", FORMATS)
def test_site_serves_a_release_of_each_format(
    closed_app: Flask, store: ReleaseStore, version: str
) -> None:
    copy_release(version, store.folder)
    status, output = run(closed_app, "releases", "promote", version)
    assert status == 0, output
    client = closed_app.test_client()
    assert client.get("/ready").json == ready(version)
    register(client, "ann")
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("version", FORMATS)
def test_releases_verify_works_on_each_format(
    closed_app: Flask, store: ReleaseStore, version: str
) -> None:
    copy_release(version, store.folder)
    status, output = run(closed_app, "releases", "verify", version)
    assert status == 0, output
    assert "over 3 users" in output


def test_site_follows_from_the_first_format_to_the_newest_and_back(
    closed_app: Flask, store: ReleaseStore
) -> None:
    client = closed_app.test_client()
    for version in (*FILMS, *reversed(FILMS)):
        if version not in store.versions():
            copy_release(version, store.folder)
        store.promote(version)
        assert client.get("/ready").json == ready(version)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"format_version": 9}, "format 9, and this version of Marquee reads 1 to 3"),
        ({"catalogue": CATALOGUE}, "catalogue: unknown parameter 'mood'"),
    ],
)
def test_newer_release_leaves_the_old_one_in_service(
    client: FlaskClient,
    store: ReleaseStore,
    caplog: pytest.LogCaptureFixture,
    values: dict[str, object],
    reason: str,
) -> None:
    client.get("/ready")
    publish_tiny(store, SECOND)
    change(store.folder / SECOND, "", {"written_by": "9.0.0", **values})
    with caplog.at_level(logging.WARNING):
        answers = [client.get("/ready") for _ in range(3)]
    for answer in answers:
        assert (answer.status_code, answer.json["release"]) == (200, FIRST)
        assert reason in answer.json["problem"]
    assert "Marquee 9.0.0 wrote it" in answers[0].json["problem"]
    assert sum(reason in line for line in caplog.messages) == 1
    assert json.loads((store.folder / "current.json").read_text())["version"] == SECOND
