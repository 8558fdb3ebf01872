"""A real browser against real servers, with a model that Spark fitted on real ratings.

Screenshots are kept in tests/screenshots.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, expect

from tests.support.site import PASSWORD

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


def complain(complaints: list[str], message: ConsoleMessage) -> None:
    """Collect console errors, except 404s of missing pages, which are intended."""
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
    # Keys work once the page's scripts have run.
    page.wait_for_load_state()


def recommended(page: Page) -> list[str]:
    return page.locator("main [data-item] h2").all_inner_texts()


def rate_by_search(page: Page, title: str, stars: str) -> None:
    """Type a title, rate the first suggestion, and wait until the page is updated."""
    box = page.get_by_role("searchbox")
    box.fill(title)
    suggestion = page.locator(".suggestions li").filter(has_text=title).first
    suggestion.get_by_role("radio", name=stars, exact=True).click()
    expect(page.locator("#said")).to_contain_text(re.compile(rf"{re.escape(title)}.*★"))
