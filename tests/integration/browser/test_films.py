"""The whole path in a real browser, against real servers, with a model that Spark fitted on real
ratings."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.support.browser import DESKTOP, keep, rate_by_search, recommended, sign_up

pytest_plugins = ["tests.support.fixtures.browser"]

FIVE_FILMS = ("Blade Runner", "Alien", "The Matrix", "Terminator 2", "The Fifth Element")


def test_list_changes_with_each_of_a_new_users_five_ratings(visitor: tuple[Page, str]) -> None:
    page, device = visitor
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/login\?next=(/|%2F)$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome back")
    keep(page, device, "1-login")

    sign_up(page, f"newcomer-{device}")
    keep(page, device, "2-before-the-first-rating")
    lists = [recommended(page)]
    assert len(lists[0]) == 5

    for number, title in enumerate(FIVE_FILMS, start=1):
        rate_by_search(page, title, "four and a half stars")
        lead = f"From your {number} rating"
        expect(page.locator("main .lead")).to_contain_text(lead)
        keep(page, device, f"3-after-rating-{number}")
        page.keyboard.press("Escape")
        now = recommended(page)
        assert len(now) == 5
        assert now != lists[-1], f"rating {title} changed nothing"
        assert not [shown for shown in now if shown in FIVE_FILMS[:number]]
        lists.append(now)

    page.get_by_role("link", name="Show more").click()
    expect(page.locator("main [data-item]")).to_have_count(25)
    assert not set(recommended(page)) & set(FIVE_FILMS)
    keep(page, device, "4-more")

    page.goto("/ratings")
    rated = page.locator("main [data-item] h2")
    expect(rated).to_have_count(5)
    keep(page, device, "5-my-ratings")


def test_rating_in_place_can_be_undone(visitor: tuple[Page, str]) -> None:
    page, device = visitor
    sign_up(page, f"undoer-{device}")
    before = recommended(page)
    card = page.locator("main [data-item]").first
    card.get_by_role("radio", name="five stars", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("For you")
    assert before[0] not in recommended(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Popular to begin with")
    assert recommended(page) == before


def test_search_and_rating_work_by_keyboard(visitor: tuple[Page, str]) -> None:
    page, device = visitor
    sign_up(page, f"typist-{device}")
    page.keyboard.press("/")
    page.keyboard.type("casablanca")
    suggestion = page.locator(".suggestions li").filter(has_text="Casablanca").first
    expect(suggestion).to_be_visible()
    page.keyboard.press("ArrowDown")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#said")).to_contain_text("Casablanca: 3.5 ★")
    keep(page, device, "6-keyboard")
    page.keyboard.press("Escape")
    expect(page.locator(".suggestions")).to_be_hidden()


def test_ratings_page_changes_and_removes_ratings(visitor: tuple[Page, str]) -> None:
    page, device = visitor
    sign_up(page, f"changer-{device}")
    rate_by_search(page, "Jumanji", "two stars")
    page.goto("/ratings")
    row = page.locator("main [data-item]").first
    row.get_by_role("radio", name="five stars", exact=True).click()
    expect(page.locator("#said")).to_contain_text("Jumanji: 5 ★")
    page.reload()
    expect(row.get_by_role("radio", name="five stars", exact=True)).to_be_checked()
    row.get_by_role("button", name="Remove").click()
    expect(page.locator(".empty")).to_contain_text("Nothing rated yet")


def test_site_works_without_javascript(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False, **DESKTOP)
    page = context.new_page()
    sign_up(page, "plain")
    page.get_by_role("searchbox").fill("fargo")
    page.keyboard.press("Enter")
    row = page.locator("main [data-item]").first
    expect(row).to_contain_text("Fargo")
    row.get_by_role("radio", name="five stars", exact=True).check()
    row.get_by_role("button", name="Rate").click()
    expect(page.locator(".flash")).to_contain_text("Fargo: 5 ★")
    expect(page).to_have_url(re.compile(r"/search\?q=fargo"))
    page.get_by_role("link", name="For you").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("For you")
    assert "Fargo" not in recommended(page)
    keep(page, "no-script", "home")
    context.close()


def test_pages_do_not_scroll_sideways(visitor: tuple[Page, str]) -> None:
    page, device = visitor
    sign_up(page, f"reader-{device}")
    rate_by_search(page, "Fargo", "four stars")
    for path in ("/", "/?show=25", "/popular", "/ratings", "/search?q=star", "/login"):
        page.goto(path)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path
