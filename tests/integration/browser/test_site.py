"""The main functions in a real browser at two widths: onboarding, search, filters, reasons,
group night, their own data; no serious accessibility violation; every page by keyboard."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.support.accessibility import AXE, violations, walk
from tests.support.browser import keep, rate_by_search, recommended, sign_up
from tests.support.requirements import missing
from tests.support.site import PASSWORD

pytest_plugins = ["tests.support.fixtures.browser"]


LETTERBOXD = (
    "Date,Name,Year,Letterboxd URI,Rating\n"
    "2021-01-01,Fargo,1996,https://boxd.it/1,4.5\n"
    "2021-01-02,The Big Lebowski,1998,https://boxd.it/2,5\n"
    "2021-01-03,A Film Nobody Knows,1998,https://boxd.it/3,5\n"
    "2021-01-04,Alien,1979,https://boxd.it/4,17\n"
)
PAGES = (
    "/",
    "/?show=25&genre=Drama&not=Horror&from=1970&known=-1",
    "/welcome",
    "/search?q=star",
    "/search?q=xqzvwxq",
    "/popular",
    "/ratings",
    "/watchlist",
    "/hidden",
    "/title/260",
    "/title/318",
    "/group",
    "/group/guest",
    "/data",
    "/accuracy",
    "/account",
    "/nothing-here",
)
DOORS = ("/login", "/register", "/forgotten", "/reset/stale")


def add_guest(page: Page, name: str) -> None:
    page.goto("/group/guest")
    page.get_by_label("Guest’s name").fill(name)
    for number in (0, 3, 7):
        offered = page.locator(".offer li").nth(number)
        offered.get_by_role("radio", name="four stars", exact=True).click()
    page.get_by_role("button", name="Add them").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Group night")


def test_onboarding_asks_until_the_list_is_ready(visitor: tuple[Page, str]) -> None:
    page, device = visitor
    page.goto("/register")
    page.get_by_label("Name").fill(f"asked-{device}")
    page.get_by_label("Email").fill(f"asked-{device}@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Have you seen this?")
    keep(page, device, "10-onboarding")
    asked = set()
    for number in range(6):
        question = page.locator(".question")
        title = question.locator("h2").inner_text()
        assert title not in asked
        asked.add(title)
        if number % 3 == 2:
            question.get_by_role("button", name=re.compile("Haven’t seen it")).click()
        else:
            stars = "four and a half stars" if number % 2 else "four stars"
            question.get_by_role("radio", name=stars, exact=True).click()
        expect(page.locator(".question h2")).not_to_have_text(title)
    expect(page.locator(".ask .lead")).to_contain_text("4 rated, 2 not seen")
    assert float(page.locator("progress").get_attribute("value") or 0) >= 4
    keep(page, device, "10-onboarding-later")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".ask .lead")).to_contain_text("4 rated, 1 not seen")
    rate_by_search(page, "Fargo", "five stars")
    expect(page.locator(".ask .lead")).to_contain_text("5 rated")
    page.get_by_role("link", name="Show me my list").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("For you")
    expect(page.locator(".because").first).to_contain_text("Because you liked")
    keep(page, device, "10-onboarding-list")


def test_search_suggestions_correct_a_typo_while_typing(visitor: tuple[Page, str]) -> None:
    page, device = visitor
    sign_up(page, f"seeker-{device}")
    page.get_by_role("searchbox").press_sequentially("termniat")
    first = page.locator(".suggestions li h2").first
    expect(first).to_contain_text("Terminator")
    keep(page, device, "11-suggestions")
    page.keyboard.press("Enter")
    expect(page.locator("main [data-item] h2").first).to_contain_text("Terminator")
    keep(page, device, "11-search")


def test_list_follows_the_filters_and_describes_them(visitor: tuple[Page, str]) -> None:
    page, device = visitor
    sign_up(page, f"picky-{device}")
    rate_by_search(page, "Blade Runner", "five stars")
    page.keyboard.press("Escape")
    page.locator(".steer summary").click()
    page.locator(".chips").first.get_by_label("Drama", exact=True).check(force=True)
    expect(page.locator(".in-force")).to_contain_text("drama")
    page.locator(".chips-not").get_by_label("Horror", exact=True).check(force=True)
    page.get_by_label("From year").fill("1970")
    page.get_by_label("To year").fill("1999")
    page.get_by_label("How well known").fill("-1")
    words = "drama, not horror, 1970–1999, less known"
    expect(page.locator(".in-force strong")).to_have_text(words)
    page.get_by_role("link", name="Show more").click()
    expect(page.locator("main [data-item]")).to_have_count(25)
    for facts in page.locator(".title-card .facts").all_inner_texts():
        assert 1970 <= int(facts[:4]) <= 1999
    page.evaluate("scrollTo(0, 0)")
    keep(page, device, "12-filters")
    page.locator(".in-force [data-clear]").click()
    expect(page.locator(".in-force")).to_have_count(0)
    expect(page.get_by_label("From year")).to_have_value("")


def test_hide_and_watchlist_work_in_place(visitor: tuple[Page, str]) -> None:
    page, device = visitor
    sign_up(page, f"tidy-{device}")
    first, second = recommended(page)[:2]
    card = page.locator("main [data-item]").first
    card.get_by_role("button", name=re.compile("^Hide")).click()
    expect(page.locator("main [data-item] h2").first).to_have_text(second)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("main [data-item] h2").first).to_have_text(first)
    card.get_by_role("button", name=re.compile("^Watchlist")).click()
    expect(card.get_by_role("button", name=re.compile("^On your watchlist"))).to_be_visible()
    page.goto("/watchlist")
    expect(page.locator("main [data-item] h2")).to_have_text([first])
    keep(page, device, "12-watchlist")


def test_title_page_explains_the_recommendation(visitor: tuple[Page, str]) -> None:
    page, device = visitor
    sign_up(page, f"curious-{device}")
    for title, stars in (("Alien", "five stars"), ("Fargo", "four stars"), ("Jumanji", "one star")):
        rate_by_search(page, title, stars)
        page.keyboard.press("Escape")
    page.locator(".because a").first.click()
    expect(page.locator("#why h2")).to_have_text("Why this?")
    expect(page.locator(".without li").first).to_contain_text(re.compile(r"Without your .* stars"))
    numbers = [float(n) for n in page.locator(".parts td.number").all_inner_texts()]
    assert abs(sum(numbers[:-1]) - numbers[-1]) < 0.002 * len(numbers)
    keep(page, device, "13-why")
    page.locator(".smalls a").first.click()
    expect(page.locator(".sheet h1")).to_be_visible()


def test_group_night_works_with_a_guest(visitor: tuple[Page, str]) -> None:
    page, device = visitor
    sign_up(page, f"host-{device}")
    rate_by_search(page, "Alien", "five stars")
    add_guest(page, "Maja")
    expect(page.locator(".pick")).to_have_count(12)
    expect(page.locator(".pick").first.locator("dt")).to_have_text(["You", "Maja"])
    keep(page, device, "14-group")
    before = page.locator(".pick h3").all_inner_texts()
    page.get_by_label("Least misery: nobody suffers").check(force=True)
    expect(page).to_have_url(re.compile("way=misery"))
    expect(page.locator("[data-live]")).not_to_have_attribute("aria-busy", "true")
    for pick in page.locator(".pick").all():
        assert len(pick.locator("dd").all()) == 2
    assert len(before) == 12
    keep(page, device, "14-group-misery")


def test_my_data_is_imported_exported_and_deleted(
    visitor: tuple[Page, str], tmp_path: Path
) -> None:
    page, device = visitor
    sign_up(page, f"mover-{device}")
    page.goto("/data")
    keep(page, device, "15-data")
    export = tmp_path / "letterboxd.zip"
    with zipfile.ZipFile(export, "w") as archive:
        archive.writestr("ratings.csv", LETTERBOXD)
    page.get_by_label("Your file").set_input_files(export)
    page.get_by_role("button", name="Bring them in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your ratings are here")
    expect(page.locator(".waiting li")).to_contain_text("A Film Nobody Knows")
    expect(page.get_by_role("cell", name=re.compile("off the scale"))).to_be_visible()
    keep(page, device, "15-report")
    page.goto("/data")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV files in a zip").click()
    with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as archive:
        assert b"Fargo" in archive.read("ratings.csv")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Delete my account for good").click()
    expect(page.locator(".flash")).to_contain_text("is gone")


def test_import_rejects_a_large_file_before_sending_it(
    visitor: tuple[Page, str], tmp_path: Path
) -> None:
    page, device = visitor
    sign_up(page, f"heavy-{device}")
    page.goto("/data")
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(31_000_000)
    page.get_by_label("Your file").set_input_files(large)
    page.get_by_role("button", name="Bring them in").click()
    expect(page.locator("#said")).to_contain_text("large.csv has 31 MB. We take up to 30 MB.")
    expect(page).to_have_url(re.compile("/data$"))


def furnish(page: Page, name: str) -> None:
    """Create a user with data on every page."""
    sign_up(page, name)
    for title, stars in (("Alien", "five stars"), ("Fargo", "four stars")):
        rate_by_search(page, title, stars)
        page.keyboard.press("Escape")
    page.goto("/")
    for action in ("Watchlist", "Hide"):
        card = page.locator("main [data-item]").first
        card.get_by_role("button", name=re.compile(f"^{action}")).click()
        expect(page.locator("#said")).not_to_be_empty()
        page.reload()
    add_guest(page, "Maja")


def test_pages_have_no_serious_axe_violation_and_work_by_keyboard(
    visitor: tuple[Page, str],
) -> None:
    """Tab reaches every control, in page order, with visible focus."""
    if not AXE.exists():
        missing("axe-core", ".ci/ensure axe")
    page, device = visitor
    found = []
    for path in DOORS:
        page.goto(path)
        found += violations(page, path)
    furnish(page, f"axed-{device}")
    for path in (*PAGES, "/group?guest=0"):
        page.goto(path)
        found += violations(page, path)
        wanted, reached, hidden = walk(page)
        assert not set(wanted) - set(reached), path
        assert hidden == [], path
    page.goto("/")
    page.locator(".menu summary").click()
    found += violations(page, "the menu")
    page.keyboard.press("Escape")
    page.get_by_role("searchbox").fill("star")
    expect(page.locator(".suggestions li").first).to_be_visible()
    found += violations(page, "suggestions")
    assert found == []
