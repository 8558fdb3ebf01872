"""A film of 2025, from one person's file to everybody's catalogue: found, rated, new for others,
and an ordinary title with the same id and ratings after retraining on the export."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page, expect

from recommender.storage.release_store import ReleaseStore
from spark_jobs import train
from tests.support.browser import DESKTOP, PHONE, keep, sign_up
from tests.support.datasets import QUICK, write_two_tastes
from tests.support.servers import ROOT, gunicorn, wait_until
from tests.support.site import settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytest_plugins = ["tests.support.fixtures.browser"]
pytestmark = pytest.mark.spark

EXPORT = (
    "Const,Your Rating,Date Rated,Title,Title Type,Year,Genres,Directors\n"
    'tt31193180,10,2025-05-02,Sinners,Movie,2025,"Drama, Horror",Ryan Coogler\n'
)


@pytest.fixture
def environ(spark: SparkSession, tmp_path: Path) -> dict[str, str]:
    """Settings of a site whose release is trained on a small data set; what comes later is folded
    in every second."""
    data, releases = write_two_tastes(tmp_path / "data"), tmp_path / "releases"
    assert train.main(["--data", str(data), "--releases", str(releases), *QUICK]) == 0
    often = {"RELEASE_POLL_SECONDS": "0.5", "STATISTICS_MINUTES": "0.02"}
    return {**settings(tmp_path / "site.db", releases), **often}


@pytest.fixture
def address(environ: dict[str, str], tmp_path: Path) -> Iterator[str]:
    flask(environ, "db", "upgrade")
    with gunicorn(environ, tmp_path / "gunicorn.log") as address:
        yield address


def flask(environ: dict[str, str], *command: str) -> None:
    program = [sys.executable, "-m", "flask", "--app", "application", *command]
    subprocess.run(program, cwd=ROOT, env=environ, check=True, capture_output=True)


def rows(database: Path, query: str) -> list[Any]:
    with sqlite3.connect(database) as connection:
        return connection.execute(query).fetchall()


def signed_up(browser: Browser, address: str, name: str, device: dict[str, Any]) -> Page:
    page = browser.new_context(base_url=address, **device).new_page()
    sign_up(page, name)
    return page


def test_film_of_a_file_becomes_an_ordinary_title_with_its_id_and_ratings(
    browser: Browser, address: str, environ: dict[str, str], tmp_path: Path
) -> None:
    bringer = signed_up(browser, address, "bringer", DESKTOP)
    bringer.goto("/data")
    file = {"name": "ratings.csv", "mimeType": "text/csv", "buffer": EXPORT.encode()}
    bringer.get_by_label("Your file").set_input_files(file)  # type: ignore[arg-type]
    bringer.get_by_role("button", name="Bring them in").click()
    expect(bringer.get_by_role("heading", level=1)).to_have_text("Your ratings are here")

    database = tmp_path / "site.db"
    for raters, name in enumerate(("second", "third"), 2):
        page = signed_up(browser, address, name, DESKTOP)
        page.goto("/search?q=sinners")
        page.get_by_role("link", name="Sinners", exact=True).first.click()
        page.get_by_role("radio", name="four stars", exact=True).click()
        wait_until(lambda n=raters: rows(database, "SELECT count(*) FROM ratings") == [(n,)])
        page.context.close()

    visitor = signed_up(browser, address, "visitor", PHONE)
    shelf = visitor.get_by_role("region", name="New here")
    expect(shelf.get_by_role("heading", level=3)).to_have_text(["Sinners"])
    keep(visitor, "phone", "title-of-a-file-new-here")
    shelf.get_by_role("link", name="Sinners", exact=True).click()
    page_of_title = visitor.url

    given = "SELECT user_id, item_id, rating FROM ratings ORDER BY user_id"
    wait_until(lambda: rows(database, "SELECT rating_count FROM folded_items") == [(3,)])
    before = rows(database, given)
    assert len(before) == 3

    exported, releases = tmp_path / "exported", tmp_path / "releases"
    flask(environ, "export-ratings", str(exported))
    data = ["--data", str(tmp_path / "data"), "--ratings", str(exported)]
    assert train.main([*data, "--releases", str(releases), "--promote", "always", *QUICK]) == 0
    store = ReleaseStore(releases)
    newest = store.read(store.current().version)
    wait_until(lambda: rows(database, "SELECT count(*) FROM folded_items") == [(0,)])

    item_id = before[0][1]
    assert page_of_title.endswith(f"/title/{item_id}")
    assert item_id in newest.arrays.item_ids
    assert rows(database, given) == before
    visitor.goto("/")
    expect(visitor.get_by_role("region", name="New here")).to_have_count(0)
    visitor.goto(page_of_title)
    expect(visitor.get_by_role("heading", level=1)).to_contain_text("Sinners")
    expect(visitor.locator(".sheet")).not_to_contain_text("New here")
