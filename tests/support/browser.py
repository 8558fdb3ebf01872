"""A real browser against real servers, with a model that Spark fitted on real ratings.

Screenshots are kept in tests/screenshots.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from recommender.storage.release_store import ReleaseStore
from tests.support.requirements import missing
from tests.support.servers import gunicorn
from tests.support.site import PASSWORD, settings

SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
CHROMIUM = shutil.which("chromium")
QUIETLY = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"}
MISSING = ("/nothing-here", "/reset/stale")
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "color_scheme": "light",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        missing("Chromium", ".ci/ensure browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIETLY)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(
    trained_store: ReleaseStore, migrated: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The site, serving what training made of MovieLens latest-small."""
    folder = tmp_path_factory.mktemp("site")
    database = Path(shutil.copy(migrated, folder / "site.db"))
    environ = {**settings(database, trained_store.folder), "RELEASE_POLL_SECONDS": "5"}
    with gunicorn(environ, folder / "gunicorn.log") as address:
        yield address


@pytest.fixture(params=[("desktop", DESKTOP), ("phone", PHONE)], ids=["desktop", "phone"])
def visitor(
    request: pytest.FixtureRequest, browser: Browser, address: str
) -> Iterator[tuple[Page, str]]:
    """A guest's page and the name of the device; anything on the console fails the test."""
    device, options = request.param
    context = browser.new_context(base_url=address, **options)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complain(complaints, message))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page, device
    context.close()
    assert complaints == []


def complain(complaints: list[str], message: ConsoleMessage) -> None:
    """Chromium tells of every 404; those of pages that are not there are meant."""
    address = message.location["url"]
    if not address.endswith(MISSING):
        complaints.append(f"{address}: {message.text}")


def keep(page: Page, device: str, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{device}-{name}.png")


def sign_up(page: Page, name: str) -> None:
    page.goto("/register")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Email").fill(f"{name}@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Have you seen this?")
    page.get_by_role("link", name="Skip the questions").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Popular to begin with")


def recommended(page: Page) -> list[str]:
    return page.locator("main [data-item] h2").all_inner_texts()


def rate_by_search(page: Page, title: str, stars: str) -> None:
    """Type a title, rate the first suggestion, and wait until the page has followed."""
    box = page.get_by_role("searchbox")
    box.fill(title)
    suggestion = page.locator(".suggestions li").filter(has_text=title).first
    suggestion.get_by_role("radio", name=stars, exact=True).click()
    expect(page.locator("#said")).to_contain_text(re.compile(rf"{re.escape(title)}.*★"))
