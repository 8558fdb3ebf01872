"""Static files: URLs contain a hash of the content, and are cached permanently."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.http.static_files import content_hash

FOR_GOOD = "public, max-age=31536000, immutable"


def addresses(page: str) -> list[str]:
    return re.findall(r'(?:href|src)="(/[^"]*\.(?:css|js|svg))"', page)


@pytest.mark.parametrize("page", ["/login", "/api/v1/docs"])
def test_asset_urls_contain_their_hash_and_are_cached_as_immutable(
    client: FlaskClient, page: str
) -> None:
    assets = [one for one in addresses(client.get(page).text) if "/poster/" not in one]
    assert len(assets) > 3
    for address in assets:
        assert re.search("/[0-9a-f]{12}/", address), address
        with client.get(address) as answer:
            assert (answer.status_code, answer.headers["Cache-Control"]) == (200, FOR_GOOD)


@pytest.mark.parametrize("address", ["/static/site.css", "/static/0123456789ab/site.css"])
def test_asset_is_served_without_caching_when_hash_is_outdated(
    client: FlaskClient, address: str
) -> None:
    with client.get(address) as answer:
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")


@pytest.mark.parametrize("path", ["nothing.css", "../config.py", "%2e%2e/config.py"])
def test_asset_is_404_without_caching_when_file_does_not_exist(
    client: FlaskClient, path: str
) -> None:
    today = re.search("/static/([0-9a-f]{12})/", client.get("/login").text)
    assert today
    answer = client.get(f"/static/{today[1]}/{path}")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers["Cache-Control"]


def test_public_cached_responses_do_not_vary_by_cookie(ann: FlaskClient) -> None:
    pages = ann.get("/").text
    posters = re.findall(r'src="(/poster/[^"]+)"', pages)
    assert posters
    for address in [addresses(pages)[0], posters[0]]:
        with ann.get(address) as answer:
            assert answer.cache_control.public
            assert "Cookie" not in answer.headers.get("Vary", "")
            assert "Set-Cookie" not in answer.headers
    assert "Cookie" in ann.get("/").headers["Vary"]


def test_scripts_import_by_relative_path(app: Flask) -> None:
    for script in Path(str(app.static_folder)).glob("*.js"):
        for imported in re.findall(r'from "([^"]+)"', script.read_text()):
            assert imported.startswith("./"), script


def test_content_hash_depends_on_names_and_contents(tmp_path: Path) -> None:
    files = {"first": "a b{}", "same": "a b{}", "renamed": "b b{}", "changed": "a c{}"}
    for folder, file in files.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file[0]).write_text(file[2:])
    first, same, renamed, changed = (content_hash(tmp_path / folder) for folder in files)
    assert first == same
    assert len({first, renamed, changed}) == 3
