"""A site that serves the tiny release of games, for several files of tests."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from recommender.storage.release_store import ReleaseStore
from tests.support.releases import publish_tiny_games
from tests.support.site import register

ACTION, FARMING = [10, 20, 30, 40], [50, 60, 70, 80]


@pytest.fixture
def games_app(closed_app: Flask, store: ReleaseStore) -> Flask:
    """A site of games."""
    publish_tiny_games(store)
    return closed_app


@pytest.fixture
def gil(games_app: Flask) -> FlaskClient:
    """A person who has just signed up there."""
    client = games_app.test_client()
    register(client, "gil")
    return client
