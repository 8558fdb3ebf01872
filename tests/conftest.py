"""Shared fixtures, and marks by folder and by the fixtures that a test uses."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from hypothesis import settings
from jinja2 import FileSystemBytecodeCache

pytest_plugins = [
    "tests.support.fixtures.databases",
    "tests.support.fixtures.site",
    "tests.support.fixtures.spark",
]
pytest.register_assert_rewrite("tests.support.browser", "tests.support.accessibility")

# No test depends on the speed of the machine that runs it.
settings.register_profile("marquee", deadline=None)
settings.load_profile("marquee")

SHELVES = Path(__file__).parent
# What a test needs besides Python, by folder and by fixture.
BY_SHELF = {
    "integration/browser": "browser",
    "integration/databases": "database",
    "integration/deploy": "server",
    "integration/pages": "spark",
    "integration/proxy": "server",
    "integration/s3": "server",
    "integration/spark": "spark",
    "robustness": "slow",
}
BY_FIXTURE = {
    "spark": "spark",
    "trained_store": "spark",
    "browser": "browser",
    "servers": "database",
    "moto": "server",
}


def pytest_configure(config: pytest.Config) -> None:
    """Compile each template once, not once for each application that tests make."""
    if cache := getattr(config, "cache", None):  # not with -p no:cacheprovider
        folder = cache.mkdir("templates")
        Flask.jinja_options = {"bytecode_cache": FileSystemBytecodeCache(str(folder))}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        shelf = item.path.relative_to(SHELVES).as_posix()
        marks = {mark for folder, mark in BY_SHELF.items() if shelf.startswith(f"{folder}/")}
        marks |= {
            BY_FIXTURE[name] for name in getattr(item, "fixturenames", ()) if name in BY_FIXTURE
        }
        for mark in sorted(marks):
            item.add_marker(mark)
