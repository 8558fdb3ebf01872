"""What people ask such sites for, in a real browser: a try that becomes an account, the watchlist
by fit, two people, the order of the list, a feed, surprises, and the owner's day."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from recommender.storage.release_store import ReleaseStore
from tests.support.accessibility import violations, walk
from tests.support.browser import DESKTOP, PHONE, keep, sign_up
from tests.support.releases import publish_tiny
from tests.support.servers import gunicorn
from tests.support.site import PASSWORD, settings

pytest_plugins = ["tests.support.fixtures.browser"]

DEVICES = {"desktop": DESKTOP, "phone": PHONE}


@pytest.fixture(scope="module")
def database(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copy(migrated, tmp_path_factory.mktemp("tastes") / "site.db"))


@pytest.fixture(scope="module")
def address(database: Path) -> Iterator[str]:
    """The address of a site with the tiny release."""
    store = ReleaseStore(database.parent / "releases")
    publish_tiny(store)
    environ = {**settings(database, store.folder), "RELEASE_POLL_SECONDS": "5"}
    with gunicorn(environ, database.parent / "gunicorn.log") as address:
        yield address


def check(page: Page, device: str, name: str) -> None:
    """Look for serious violations in both themes, and for what is wider than the screen."""
    for theme in ("dark", "light"):
        page.evaluate("theme => document.documentElement.dataset.bsTheme = theme", theme)
        page.wait_for_timeout(300)
        keep(page, device, f"{name}-{theme}")
        assert violations(page, f"{name}, {theme}") == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name


def answer(page: Page, title: str, stars: str) -> None:
    field = page.get_by_role("group", name=re.compile(rf"^Your rating of {re.escape(title)}"))
    field.get_by_role("radio", name=stars, exact=True).check(force=True)


@pytest.mark.parametrize("device", DEVICES)
def test_stranger_tries_and_registers_without_javascript(
    browser: Browser, address: str, device: str
) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False, **DEVICES[device])
    page = context.new_page()
    page.goto("/")
    page.get_by_role("link", name="Try it", exact=True).click()
    answer(page, "Space Station", "five stars")
    answer(page, "Space Pirates", "four stars")
    answer(page, "Amélie in Love", "one star")
    page.get_by_role("button", name="Show me my list").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your first list")
    expect(page.locator("main [data-item]").first).to_contain_text("Because you liked")
    page.get_by_role("link", name="Keep it: create an account").click()
    expect(page.locator(".door .lead")).to_contain_text("3 ratings from your try come along")
    page.get_by_label("Name").fill(f"stranger-{device}")
    page.get_by_label("Email").fill("stranger@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.locator("#heading ~ .lead").first).to_contain_text("From your 3 ratings")
    context.close()


@pytest.mark.parametrize("device", DEVICES)
def test_pages_are_accessible_by_keyboard_and_in_both_themes(
    browser: Browser, address: str, database: Path, device: str
) -> None:
    context = browser.new_context(base_url=address, **DEVICES[device])
    page = context.new_page()
    for path in ("/login", "/try"):
        page.goto(path)
        check(page, device, f"tastes{path.replace('/', '-')}")
    friend = browser.new_context(base_url=address)
    other = friend.new_page()
    for each, name in ((page, f"one-{device}"), (other, f"two-{device}")):
        sign_up(each, name)
        for item, stars in (
            (1, "five stars"),
            (2, "two stars"),
            (8, "four stars"),
            (13, "one star"),
        ):
            each.goto(f"/title/{item}")
            each.get_by_role("radio", name=stars, exact=True).check(force=True)
            expect(each.locator("#said")).to_contain_text("★")
    page.goto("/group")
    page.get_by_label("Their name here").fill(f"two-{device}")
    page.get_by_role("button", name="Ask them").click()
    other.goto("/group")
    other.get_by_role("button", name=re.compile("^Agree")).click()
    for each in (page, other):
        each.goto("/group")
        each.get_by_role("link", name=re.compile("^Compare tastes")).click()
        each.get_by_role("button", name="I agree").click()
    friend.close()
    with sqlite3.connect(database, timeout=30) as connection:
        connection.execute("UPDATE users SET role = 'owner' WHERE username = ?", [f"one-{device}"])
    page.goto("/group")
    page.get_by_role("link", name=re.compile("^Compare tastes")).click()
    expect(page.locator("main")).to_contain_text("alike")
    check(page, device, "tastes-two-people")

    for item in (3, 5, 21):
        page.goto(f"/title/{item}")
        page.get_by_role("button", name=re.compile("^Put on watchlist")).click()
        expect(page.locator("#said")).to_contain_text("watchlist")
    page.goto("/watchlist")
    page.get_by_role("link", name="Best for you first").click()
    page.get_by_role("link", name="Pick one for tonight").click()
    expect(page.locator(".drawn")).to_contain_text("Drawn by lot from 3")
    check(page, device, "tastes-watchlist")
    wanted, reached, hidden = walk(page)
    assert set(wanted) <= set(reached)
    assert hidden == []

    page.goto("/data/lists")
    page.get_by_role("button", name="Make an address").click()
    expect(page.locator(".flash code")).to_contain_text(re.compile(r"/feed/\S+\.atom"))
    check(page, device, "tastes-lists")
    for path, name in (("/surprise", "surprise"), ("/owner/day", "day")):
        page.goto(path)
        check(page, device, f"tastes-{name}")
    context.close()


def test_slider_reorders_in_place_and_by_keyboard(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, **DESKTOP)
    page = context.new_page()
    sign_up(page, "slider")
    page.goto("/title/1")
    page.get_by_role("radio", name="two and a half stars", exact=True).check(force=True)
    expect(page.locator("#said")).to_contain_text("★")
    page.goto("/?show=25")
    expect(page.locator(".in-force")).to_contain_text("Why Return to Space")
    page.locator(".steer summary").click()
    page.get_by_label("In order of").focus()
    page.keyboard.press("End")
    expect(page.locator(".in-force").first).to_contain_text("by what you would rate highest")
    first = page.locator("main [data-item]").first
    expect(first).to_contain_text("Amélie in Love")
    expect(first).to_contain_text("by what you would pick")
    check(page, "desktop", "tastes-order")
    context.close()
