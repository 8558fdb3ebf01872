"""A film that the catalogue lacks, in a real browser: from a file to its page, to another person's
front page, and to the owner's page."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.accessibility import violations
from tests.support.browser import DESKTOP, PHONE, keep, sign_up
from tests.support.fixtures.site import ReadySite
from tests.support.servers import gunicorn
from tests.support.site import settings

pytest_plugins = ["tests.support.fixtures.browser"]

EXPORT = (
    "Const,Your Rating,Date Rated,Title,Title Type,Year,Genres,Directors\n"
    'tt28607951,9,2025-01-02,Anora,Movie,2024,"Comedy, Drama",Sean Baker\n'
    "tt9900001,9,2025-01-02,Heat,Movie,1995,Drama,\n"
    "tt9900002,9,2025-01-02,Some Night,TV Episode,2019,Drama,\n"
)


@pytest.fixture(scope="module")
def database(movielens_site: ReadySite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("added")
    return Path(shutil.copy(movielens_site.database, folder / "site.db"))


@pytest.fixture(scope="module")
def address(movielens_site: ReadySite, database: Path) -> Iterator[str]:
    """The address of a site with the titles of MovieLens latest-small."""
    environ = {**settings(database, movielens_site.releases), "RELEASE_POLL_SECONDS": "5"}
    with gunicorn(environ, database.parent / "gunicorn.log") as address:
        yield address


def bring(page: Page, content: str) -> None:
    page.goto("/data")
    file = {"name": "ratings.csv", "mimeType": "text/csv", "buffer": content.encode()}
    page.get_by_label("Your file").set_input_files(file)  # type: ignore[arg-type]
    page.get_by_role("button", name="Bring them in").click()


def test_film_of_a_file_gets_a_page_and_others_see_it(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, **DESKTOP)
    page = context.new_page()
    sign_up(page, "bringer")
    bring(page, EXPORT)
    expect(page.get_by_role("heading", level=1)).to_have_text("Your ratings are here")
    figures = page.locator(".figures div")
    expect(figures.filter(has_text=re.compile("^New in our catalogue"))).to_contain_text("2")
    expect(figures.filter(has_text=re.compile("^Left out"))).to_contain_text("1")
    page.get_by_role("link", name="My ratings").first.click()
    page.get_by_role("link", name="Anora", exact=True).click()
    expect(page.locator(".sheet")).to_contain_text("New here, rated by 1")
    expect(page.locator(".sheet")).to_contain_text("Sean Baker")
    context.close()

    context = browser.new_context(base_url=address, **PHONE)
    page = context.new_page()
    sign_up(page, "other")
    shelf = page.get_by_role("region", name="New here")
    expect(shelf.get_by_role("heading", level=3)).to_have_text(["Heat", "Anora"])
    keep(page, "phone", "added-new-here")
    assert violations(page, "the front page") == []
    shelf.get_by_role("link", name="Anora", exact=True).click()
    page.get_by_role("radio", name="four stars", exact=True).click()
    expect(page.locator(".sheet")).to_contain_text("New here, rated by 2")
    page.goto("/")
    expect(shelf.get_by_role("heading", level=3)).to_have_text(["Heat"])
    context.close()


def test_owner_merges_and_hides_by_keyboard_without_javascript(
    browser: Browser, address: str, database: Path
) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False, **DESKTOP)
    page = context.new_page()
    sign_up(page, "keeper")
    with sqlite3.connect(database, timeout=30) as connection:
        connection.execute("UPDATE users SET role = 'owner' WHERE username = 'keeper'")
    bring(page, EXPORT)
    page.goto("/owner")
    page.get_by_role("link", name="Added titles").click()
    rows = page.locator("main .title-row")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Merge into number 6").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".flash")).to_contain_text("Heat (1995) is Heat (1995) now")
    expect(rows).to_have_count(1)
    page.get_by_role("button", name=re.compile(r"^Hide\s?: Anora")).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".flash")).to_contain_text("Anora (2024) is on no list any more")
    expect(page.get_by_role("button", name=re.compile(r"^Show again\s?: Anora"))).to_be_visible()
    context.close()


@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_owner_page_is_accessible_in_both_themes(
    browser: Browser, address: str, database: Path, device: str
) -> None:
    context = browser.new_context(base_url=address, **(DESKTOP if device == "desktop" else PHONE))
    page = context.new_page()
    name = f"looker-{device}"
    sign_up(page, name)
    with sqlite3.connect(database, timeout=30) as connection:
        connection.execute("UPDATE users SET role = 'owner' WHERE username = ?", [name])
    bring(page, EXPORT.replace("tt2860", "tt2861").replace("tt9900001", "tt9900009"))
    page.goto("/owner/titles")
    for theme in ("dark", "light"):
        page.evaluate("theme => document.documentElement.dataset.bsTheme = theme", theme)
        page.wait_for_timeout(300)
        keep(page, device, f"added-titles-{theme}")
        assert violations(page, theme) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    context.close()
