"""The interactive API page in a real browser: works under its policy, loads nothing external."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from app.accounts import api_tokens
from tests.support.servers import gunicorn

pytest_plugins = ["tests.support.fixtures.browser"]


@pytest.fixture
def page(browser: Browser, app: Flask, environ: dict[str, str], tmp_path: Path) -> Iterator[Page]:
    with gunicorn(environ, tmp_path / "gunicorn.log") as address:
        context = browser.new_context(base_url=address)
        page = context.new_page()
        complaints: list[str] = []
        elsewhere: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: (
                request.url.startswith((address, "data:", "blob:")) or elsewhere.append(request.url)
            ),
        )
        yield page
        context.close()
        assert (complaints, elsewhere) == ([], [])


def test_api_docs_page_calls_an_operation_with_a_token(page: Page, app: Flask) -> None:
    with app.app_context():
        secret = api_tokens.create("visitor")
    page.goto("/api/v1/docs")
    expect(page.locator(".opblock")).to_have_count(20)
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".modal-ux input").fill(secret)
    page.locator(".modal-ux").get_by_role("button", name="Apply credentials").click()
    page.locator(".modal-ux").get_by_role("button", name="Close").last.click()
    row = page.locator(".opblock", has_text="/api/v1/movies/top")
    row.locator(".opblock-summary-control").click()
    row.get_by_role("button", name="Try it out").click()
    row.get_by_role("button", name="Execute").click()
    expect(row.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    expect(row.locator(".live-responses-table")).to_contain_text("Space Station")
