"""Shared fixtures, and marks by folder and by the fixtures that a test uses."""

from __future__ import annotations

import os
from pathlib import Path

# Before anything imports numpy: several processes share the cores, and BLAS's threads would wait
# for each other in busy loops.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from flask import Flask
from hypothesis import settings
from jinja2 import FileSystemBytecodeCache

from tests.support.java_options import BRISK

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
# Shelves with the longest files, which begin first: at the end both processes are busy with short
# ones.
LONG_SHELVES = ("integration/pages", "integration/spark", "robustness/faults", "integration")


def pytest_configure(config: pytest.Config) -> None:
    """Prepare what each test would otherwise spend time on.

    Each template is compiled once, not once for each application that tests make.
    """
    # For every Java that tests start, their own Spark session included.
    os.environ.setdefault("SPARK_SUBMIT_OPTS", BRISK)
    if cache := getattr(config, "cache", None):  # not with -p no:cacheprovider
        folder = cache.mkdir("templates")
        Flask.jinja_options = {"bytecode_cache": FileSystemBytecodeCache(str(folder))}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)  # within a file the order stays
    for item in items:
        shelf = item.path.relative_to(SHELVES).as_posix()
        marks = {mark for folder, mark in BY_SHELF.items() if shelf.startswith(f"{folder}/")}
        marks |= {
            BY_FIXTURE[name] for name in getattr(item, "fixturenames", ()) if name in BY_FIXTURE
        }
        for mark in sorted(marks):
            item.add_marker(mark)


def _place(item: pytest.Item) -> int:
    shelf = item.path.relative_to(SHELVES).as_posix()
    places = [n for n, folder in enumerate(LONG_SHELVES) if shelf.startswith(f"{folder}/")]
    return min(places, default=len(LONG_SHELVES))
