"""A file from elsewhere in a real browser: bring it, read the report, choose a title, undo."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.accessibility import violations
from tests.support.browser import DESKTOP, PHONE, keep, sign_up
from tests.support.fixtures.site import ReadySite
from tests.support.servers import gunicorn
from tests.support.site import real_data, settings

pytest_plugins = ["tests.support.fixtures.browser"]

THE_MATRIX = re.compile(r"^This one.*The Matrix \(1999\)$")
UNKNOWN = "2021-02-01,The Matrics,1999,https://boxd.it/zz,4.5"


@pytest.fixture(scope="module")
def address(movielens_site: ReadySite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site with the titles of MovieLens latest-small."""
    folder = tmp_path_factory.mktemp("files")
    database = Path(shutil.copy(movielens_site.database, folder / "site.db"))
    environ = {**settings(database, movielens_site.releases), "RELEASE_POLL_SECONDS": "5"}
    with gunicorn(environ, folder / "gunicorn.log") as address:
        yield address


@pytest.fixture(scope="module")
def export() -> bytes:
    """A Letterboxd export, with a rating of a title that nobody knows."""
    whole = io.BytesIO()
    sample = real_data("files") / "letterboxd_export_full.zip"
    with zipfile.ZipFile(sample) as old, zipfile.ZipFile(whole, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.rpartition("/")[2] == "ratings.csv" and "deleted" not in name:
                content = content.rstrip() + f"\n{UNKNOWN}\n".encode()
            new.writestr(name, content)
    return whole.getvalue()


def bring(page: Page, export: bytes) -> None:
    page.goto("/data")
    file = {"name": "letterboxd.zip", "mimeType": "application/zip", "buffer": export}
    page.get_by_label("Your file").set_input_files(file)  # type: ignore[arg-type]
    page.get_by_role("button", name="Bring them in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your ratings are here")


def figure(page: Page, name: str) -> str:
    return page.locator(".figures div").filter(has_text=re.compile(f"^{name}")).inner_text()


def in_both_themes(page: Page, device: str, name: str) -> None:
    """Keep screenshots of the whole page in both themes; nothing may stick out sideways."""
    for theme in ("dark", "light"):
        page.evaluate("theme => document.documentElement.dataset.bsTheme = theme", theme)
        page.wait_for_timeout(300)  # colours change slowly
        keep(page, device, f"files-{name}-{theme}")
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, name


def test_file_is_brought_a_title_chosen_and_all_undone(
    visitor: tuple[Page, str], export: bytes
) -> None:
    page, device = visitor
    sign_up(page, f"bringer-{device}")
    bring(page, export)
    assert [figure(page, name).split("\n")[1] for name in ("New", "Seen", "Not matched")] == [
        *("10", "3", "1")
    ]
    expect(page.get_by_role("region", name="Matched by name")).to_contain_text(
        "Star Wars: Episode IV - A New Hope (1977)"
    )
    in_both_themes(page, device, "1-report")

    line = page.locator(".waiting li").filter(has_text="The Matrics")
    expect(line).to_contain_text("1999 · 4.5 ★")
    line.get_by_role("searchbox").fill("matrix")
    found = line.locator(".suggestions li").filter(has_text="1999")
    expect(found).to_be_visible()
    in_both_themes(page, device, "2-choosing")
    found.get_by_role("button", name=THE_MATRIX).click()
    expect(page.locator("#said")).to_contain_text("“The Matrics” is The Matrix (1999).")
    expect(page.locator(".waiting li")).to_have_count(0)
    assert figure(page, "Chosen by you").endswith("1")
    page.goto("/seen")
    expect(page.locator("main [data-item]")).to_have_count(3)
    in_both_themes(page, device, "3-seen")
    page.goto("/ratings")
    expect(page.locator("main [data-item]")).to_have_count(11)

    page.go_back()
    page.go_back()
    page.locator("summary").filter(has_text="Undo it").click()
    in_both_themes(page, device, "4-undo")
    page.get_by_role("button", name="Undo the whole file").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Undone")
    in_both_themes(page, device, "5-undone")
    page.goto("/ratings")
    expect(page.locator(".empty")).to_contain_text("Nothing rated yet")
    page.goto("/seen")
    expect(page.locator("main [data-item]")).to_have_count(0)


def test_title_is_marked_seen_by_hand_and_undone(visitor: tuple[Page, str]) -> None:
    page, device = visitor
    sign_up(page, f"watcher-{device}")
    card = page.locator("main [data-item]").first
    title = card.locator("h2").inner_text()
    keep(page, device, "files-6-cards")
    card.get_by_role("button", name=re.compile("^Seen it")).click()
    expect(page.locator("#said")).to_contain_text(f"{title}: seen, and not suggested again")
    expect(page.locator("main [data-item] h2").first).not_to_have_text(title)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("main [data-item] h2").first).to_have_text(title)
    page.goto("/popular")
    keep(page, device, "files-7-rows")


def test_title_is_chosen_without_javascript(browser: Browser, address: str, export: bytes) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False, **DESKTOP)
    page = context.new_page()
    sign_up(page, "plain-bringer")
    bring(page, export)
    page.locator(".waiting li").get_by_role("searchbox").fill("matrix")
    page.locator(".waiting li").get_by_role("button", name="Find").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Which movie is “The Matrics”?")
    keep(page, "no-script", "files-choose")
    page.get_by_role("button", name=THE_MATRIX).click()
    expect(page.locator(".flash")).to_contain_text("“The Matrics” is The Matrix (1999).")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your ratings are here")
    page.locator("summary").filter(has_text="Undo it").click()
    page.get_by_role("button", name="Undo the whole file").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Undone")
    context.close()


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_pages_of_a_file_have_no_accessibility_problems(
    browser: Browser, address: str, export: bytes, device: dict
) -> None:
    context = browser.new_context(base_url=address, **device)
    page = context.new_page()
    sign_up(page, f"reader-{device['color_scheme']}")
    bring(page, export)
    report = page.url
    choose = f"/data/lines/choose?line={page.locator('.waiting [name=line]').input_value()}"
    for path in (report, "/data/lines", choose, "/seen"):
        page.goto(path)
        assert violations(page, path) == []
    context.close()
