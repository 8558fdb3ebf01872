"""A site of games in a real browser at two widths: owned games and hours in place of
stars; against real servers, with a model that Spark fitted on a sample of real libraries."""

from __future__ import annotations

import json
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from recommender.storage.release_store import ReleaseStore
from tests.support.accessibility import AXE, violations, walk
from tests.support.browser import DESKTOP, keep, recommended
from tests.support.servers import gunicorn
from tests.support.site import PASSWORD, real_data, settings

pytest_plugins = ["tests.support.fixtures.browser"]


THREE = (("Terraria", "200"), ("Portal 2", "14.5"), ("Counter-Strike: Source", "900"))
PAGES = (
    "/",
    "/?show=25&genre=Action&not=Racing&from=2005&known=-1",
    "/welcome",
    "/search?q=half",
    "/search?q=xqzvwxq",
    "/popular",
    "/popular?genre=RPG",
    "/ratings",
    "/watchlist",
    "/hidden",
    "/title/105600",
    "/title/730",
    "/group",
    "/group/guest",
    "/group?guest=0",
    "/data",
    "/account",
)


@pytest.fixture(scope="module")
def address(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site, with a release trained on the sample of Steam libraries."""
    from spark_jobs import train

    data = real_data("steam")
    folder = tmp_path_factory.mktemp("games")
    releases = folder / "releases"
    quick = ("--ranking-rank", "32", "--ranking-iterations", "5", "--promote", "always")
    steam = ("--dataset", "steam", "--data", str(data))
    assert train.main([*steam, "--releases", str(releases), *quick]) == 0
    database = Path(shutil.copy(migrated, folder / "site.db"))
    environ = {
        **settings(database, ReleaseStore(releases).folder),
        "RELEASE_POLL_SECONDS": "5",
    }
    with gunicorn(environ, folder / "gunicorn.log") as address:
        wait_until_ready(address)
        yield address


def wait_until_ready(address: str) -> None:
    """Wait until both processes have the release: many requests in a row reach each of them."""
    deadline, ready = time.monotonic() + 120, 0
    while ready < 20 and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/ready", timeout=60):
                ready += 1
        except urllib.error.HTTPError:
            ready = 0
            time.sleep(0.5)
    assert ready == 20


def sign_up(page: Page, name: str) -> None:
    page.goto("/register")
    expect(page.locator(".lead")).to_contain_text("Add a few games you have")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Email").fill(f"{name}@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Do you have this?")


def add_by_search(page: Page, title: str, hours: str) -> None:
    """Type a title, enter hours at its suggestion, and wait until the page is updated."""
    page.get_by_role("searchbox").fill(title)
    whole = re.compile(rf"^{re.escape(title)}$")
    suggestion = page.locator(".suggestions li").filter(has=page.get_by_text(whole)).first
    suggestion.get_by_label(f"Hours you played {title}").fill(hours)
    suggestion.get_by_role("button", name="I have it").click()
    expect(page.locator("#said")).to_contain_text(re.compile(rf"{re.escape(title)}: .* h"))
    page.keyboard.press("Escape")


def furnish(page: Page, name: str) -> None:
    """Create a user with data on every page."""
    sign_up(page, name)
    page.goto("/")
    for title, hours in THREE[:2]:
        add_by_search(page, title, hours)
    for action in ("Wishlist", "Hide"):
        card = page.locator("main [data-item]").first
        card.get_by_role("button", name=re.compile(f"^{action}")).click()
        expect(page.locator("#said")).to_contain_text(re.compile("wishlist|not be suggested"))
        page.reload()
    page.goto("/group/guest")
    page.get_by_label("Guest’s name").fill("Maja")
    for number in (0, 3, 7):
        page.locator(".offer li").nth(number).get_by_label(re.compile("^Hours")).fill("12")
    page.get_by_role("button", name="Add them").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Group night")


def test_list_recommends_games_after_a_new_user_adds_three(
    visitor: tuple[Page, str],
) -> None:
    page, device = visitor
    sign_up(page, f"newcomer-{device}")
    keep(page, device, "30-games-welcome")
    page.get_by_role("link", name="Skip the questions").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Popular to begin with")
    lists = [recommended(page)]
    for number, (title, hours) in enumerate(THREE, start=1):
        add_by_search(page, title, hours)
        expect(page.locator("main .lead")).to_contain_text(f"From your {number} game")
        now = recommended(page)
        assert len(now) == 5
        assert now != lists[-1], f"adding {title} changed nothing"
        assert not {title for title, _ in THREE[:number]} & set(now)
        lists.append(now)
    expect(page.locator("main .guess").first).to_contain_text(re.compile(r"^\d+ % match$"))
    expect(page.locator("main .because").first).to_contain_text("Because you have")
    assert page.locator("main").inner_text().count("★") == 0
    keep(page, device, "31-games-home")
    page.locator("main [data-item] h2 a").first.click()
    expect(page.locator(".why")).to_contain_text("The games you have add up to its place there")
    keep(page, device, "32-games-title")
    page.goto("/ratings")
    expect(page.locator("main [data-item]")).to_have_count(3)
    fields = page.locator("main input[type=number]")
    assert [field.input_value() for field in fields.all()] == ["900", "14.5", "200"]
    keep(page, device, "33-games-own")


def test_adding_in_place_can_be_undone(visitor: tuple[Page, str]) -> None:
    page, device = visitor
    sign_up(page, f"undoer-{device}")
    page.goto("/")
    before = recommended(page)
    card = page.locator("main [data-item]").first
    card.get_by_label(re.compile("^Hours")).fill("40")
    card.get_by_label(re.compile("^Hours")).press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("For you")
    assert before[0] not in recommended(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Popular to begin with")
    assert recommended(page) == before


def test_game_is_added_without_hours_and_hours_are_changed_later(
    visitor: tuple[Page, str],
) -> None:
    page, device = visitor
    sign_up(page, f"changer-{device}")
    title = page.locator(".question h2").inner_text()
    page.locator(".question").get_by_role("button", name=re.compile("I have it")).click()
    expect(page.locator("#said")).to_contain_text(f"{title}: not played yet")
    page.goto("/ratings")
    row = page.locator("main [data-item]").first
    row.get_by_label(re.compile("^Hours")).fill("2.5")
    row.get_by_role("button", name="Save").click()
    expect(page.locator("#said")).to_contain_text(f"{title}: 2.5 h")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#said")).to_contain_text("Undone")
    expect(row.get_by_label(re.compile("^Hours"))).to_have_value("0")
    row.get_by_role("button", name="Remove").click()
    expect(page.locator(".empty")).to_contain_text("No games yet")


def test_hours_field_does_not_send_an_invalid_number(visitor: tuple[Page, str]) -> None:
    page, device = visitor
    sign_up(page, f"typist-{device}")
    page.goto("/popular")
    row = page.locator("main [data-item]").first
    row.get_by_label(re.compile("^Hours")).fill("-3")
    row.get_by_role("button", name="I have it").click()
    expect(page.locator("#said")).to_be_empty()
    expect(row.get_by_label(re.compile("^Hours"))).to_have_value("-3")


def test_steam_library_is_imported(visitor: tuple[Page, str], tmp_path: Path) -> None:
    page, device = visitor
    sign_up(page, f"mover-{device}")
    page.goto("/data")
    library = tmp_path / "library.json"
    games = [
        {"appid": 105600, "playtime_forever": 12000, "name": "Terraria"},
        {"appid": 620, "playtime_forever": 0, "name": "Portal 2"},
        {"appid": 1, "playtime_forever": 3, "name": "A Game Nobody Knows"},
    ]
    library.write_text(json.dumps({"response": {"game_count": 3, "games": games}}))
    page.get_by_label("Your file").set_input_files(library)
    page.get_by_role("button", name="Bring them in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your games are here")
    expect(page.locator(".waiting li")).to_contain_text("A Game Nobody Knows")
    keep(page, device, "34-games-report")
    page.goto("/title/105600")
    expect(page.locator(".figures")).to_contain_text("200 h")


def test_site_works_without_javascript(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False, **DESKTOP)
    page = context.new_page()
    sign_up(page, "plain")
    page.get_by_role("searchbox").fill("terraria")
    page.keyboard.press("Enter")
    row = page.locator("main [data-item]").first
    row.get_by_label("Hours you played Terraria").fill("12.5")
    row.get_by_role("button", name="I have it").click()
    expect(page.locator(".flash")).to_contain_text("Terraria: 12.5 h")
    expect(page).to_have_url(re.compile(r"/search\?q=terraria"))
    page.get_by_role("link", name="For you").click()
    assert "Terraria" not in recommended(page)
    keep(page, "no-script", "games-home")
    context.close()


def test_pages_are_accessible_fit_the_screen_and_work_by_keyboard(
    visitor: tuple[Page, str],
) -> None:
    page, device = visitor
    furnish(page, f"furnished-{device}")
    found, wide, missed = [], [], []
    for path in PAGES:
        page.goto(path)
        if AXE.exists():
            found += violations(page, path)
        if page.evaluate("document.documentElement.scrollWidth - innerWidth") > 0:
            wide.append(path)
        wanted, reached, hidden = walk(page)
        missed += [f"{path}: {key} shows no focus" for key in hidden]
        missed += [f"{path}: {key}" for key in wanted if key not in reached]
    assert (found, wide, missed) == ([], [], [])
    page.goto("/group?guest=0")
    expect(page.locator(".pick dd").first).to_contain_text(re.compile(r"\d+ %"))
    keep(page, device, "35-games-group")
