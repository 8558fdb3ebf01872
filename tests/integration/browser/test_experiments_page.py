"""The owner's page of experiments in a real browser: light and dark, wide and narrow."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app import create_app
from app.extensions import db
from app.recommend.variants import CONTROL, TREATMENT
from recommender.storage.release_store import ReleaseStore
from tests.support.accessibility import AXE, violations
from tests.support.browser import SCREENSHOTS, complain
from tests.support.commands import run
from tests.support.experiments import populate, start
from tests.support.releases import publish_tiny
from tests.support.servers import gunicorn
from tests.support.site import PASSWORD, register, settings

pytest_plugins = ["tests.support.fixtures.browser"]


# Users in each variant; each was shown eight items, and accepted this share of them.
PEOPLE, ACCEPTED = 2500, {CONTROL: 0.30, TREATMENT: 0.36}
WIDTHS = {"phone": 390, "desktop": 1280}


def outcomes(share: float) -> list[list[float | None]]:
    chance = random.Random(share)
    return [
        [chance.choice([3.0, 4.0, 4.5, 5.0]) if chance.random() < share else None for _ in range(8)]
        for _ in range(PEOPLE)
    ]


@pytest.fixture(scope="module")
def address(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A site with one conclusive experiment and one that has just begun."""
    folder = tmp_path_factory.mktemp("experiments")
    environ = settings(Path(shutil.copy(migrated, folder / "site.db")), folder / "releases")
    publish_tiny(ReleaseStore(folder / "releases"))
    app = create_app(environ, TESTING=True, WTF_CSRF_ENABLED=False)
    register(app.test_client(), "ann")
    run(app, "set-role", "ann", "owner")
    start(app)
    populate(app, {arm: outcomes(share) for arm, share in ACCEPTED.items()})
    run(app, "experiments", "end")
    run(app, "experiments", "start", "bolder", "--treatment", "popularity_weight=0.5")
    with app.app_context():
        db.engine.dispose()
    with gunicorn(environ, folder / "gunicorn.log") as address:
        yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", WIDTHS)
def test_experiments_page_fits_and_has_no_script_errors(
    browser: Browser, address: str, device: str, scheme: str
) -> None:
    viewport = {"width": WIDTHS[device], "height": 900}
    context = browser.new_context(base_url=address, viewport=viewport, color_scheme=scheme)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complain(complaints, message))
    log_in(page)
    page.goto("/owner")
    page.get_by_role("link", name="Experiments", exact=True).click()
    expect(page.get_by_role("heading", level=2).first).to_have_text("bolder")
    expect(page.get_by_role("note")).to_contain_text("Too early to conclude.")
    found = check(page, f"{device}-{scheme}", "16-experiment-young")
    page.get_by_role("link", name="tune").click()
    expect(page.locator("main")).to_contain_text("The treatment does better")
    expect(page.locator("svg.scale")).to_have_count(4)
    found += check(page, f"{device}-{scheme}", "16-experiment")
    context.close()
    assert complaints == []
    assert found == []


def log_in(page: Page) -> None:
    page.goto("/login")
    page.get_by_label("Name or email").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("searchbox")).to_be_visible()


def check(page: Page, device: str, name: str) -> list[str]:
    """Take a screenshot; check for horizontal overflow and serious axe violations."""
    screen = "document.documentElement"
    assert page.evaluate(f"{screen}.scrollWidth <= {screen}.clientWidth")
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{device}-{name}.png", full_page=True)
    return violations(page, name) if AXE.exists() else []
