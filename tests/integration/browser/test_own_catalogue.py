"""A site of books in a real browser: creators, pictures that do not load, a scale of ten points."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from recommender.storage.release_store import ReleaseStore
from tests.support.accessibility import violations
from tests.support.browser import DESKTOP, PHONE, keep
from tests.support.servers import gunicorn
from tests.support.site import PASSWORD, settings
from tests.support.tiny_catalogues import PRICED, priced_release, publish

pytest_plugins = ["tests.support.fixtures.browser"]
# Nothing is there, so that each picture fails to load.
HOST = "https://covers.example"


@pytest.fixture(scope="module")
def address(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site of books."""
    folder = tmp_path_factory.mktemp("books")
    publish(ReleaseStore(folder / "releases"), priced_release(), PRICED)
    database = Path(shutil.copy(migrated, folder / "site.db"))
    with gunicorn(settings(database, folder / "releases"), folder / "gunicorn.log") as address:
        yield address


@pytest.fixture(params=["desktop", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    """Someone who has just signed up, on each device."""
    device = DESKTOP if request.param == "desktop" else PHONE
    context = browser.new_context(base_url=address, **device)
    page = context.new_page()
    page.route(f"{HOST}/**", lambda route: route.abort())
    page.goto("/register")
    name = re.sub(r"\W", "", request.node.name)[-20:]
    page.get_by_label("Name").fill(name)
    page.get_by_label("Email").fill(f"{name}@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Have you read this?")
    yield page
    context.close()


def test_picture_that_does_not_load_is_drawn(page: Page) -> None:
    for path in ("/title/1", "/popular"):
        page.goto(path)
        picture = page.get_by_alt_text("The Left Hand of Darkness (1969)")
        expect(picture).to_have_attribute("src", "/poster/1.svg")
        expect(page.locator(".creators").first).to_be_visible()


def test_picture_that_is_loading_is_no_white_card(
    page: Page, request: pytest.FixtureRequest
) -> None:
    page.route(f"{HOST}/**", lambda _route: None)  # never answered
    for theme in ("dark", "light"):
        page.context.add_cookies([{"name": "theme", "value": theme, "url": page.url}])
        page.goto("/", wait_until="domcontentloaded")
        picture = page.locator("img[data-drawn]").first
        expect(picture).to_have_css("background-image", re.compile("linear-gradient"))
        keep(page, request.node.callspec.params["page"], f"books-loading-{theme}")


def test_list_is_filtered_by_facts_in_place(page: Page, request: pytest.FixtureRequest) -> None:
    page.goto("/")
    page.get_by_text("Filters").click()
    page.get_by_label("Price at most").fill("20")
    expect(page.locator(".in-force")).to_contain_text("price at most 20 €")
    page.get_by_label("Paperback").check()
    expect(page.locator(".title-card")).to_have_count(1)
    for theme in ("dark", "light"):
        page.context.add_cookies([{"name": "theme", "value": theme, "url": page.url}])
        page.reload()
        keep(page, request.node.callspec.params["page"], f"books-facts-{theme}")
        assert violations(page, page.url) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name="Clear", exact=True).click()
    expect(page.locator(".in-force")).to_have_count(0)
    page.goto("/title/1")
    expect(page.locator(".own-facts")).to_contain_text("12.50 €")
    keep(page, request.node.callspec.params["page"], "books-title-facts")


def test_rating_in_place_is_said_on_the_catalogue_s_scale(
    page: Page, request: pytest.FixtureRequest
) -> None:
    page.goto("/title/1")
    page.get_by_role("radio", name="8 of 10", exact=True).click()
    expect(page.locator("#said")).to_contain_text("The Left Hand of Darkness: 8 of 10")
    expect(page.locator(".figures")).to_contain_text("8 of 10")
    for path, name in (("/title/1", "title"), ("/ratings", "ratings"), ("/", "home")):
        page.goto(path)
        keep(page, request.node.callspec.params["page"], f"books-{name}")
        assert violations(page, path) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
