"""The code blocks of the pages that a newcomer follows, typed one after the other in a fresh clone.

The data is a small audience of the built-in sample, under every name that pages give it.
"""

from __future__ import annotations

import csv
import gzip
import os
import re
import shutil
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from spark_jobs.datasets import sample
from tests.support.manual_pages import Block, code_blocks
from tests.support.requirements import missing
from tests.support.site import PASSWORD, ROOT
from tests.support.steam_files import CATALOGUE, LIBRARIES
from tests.support.typist import Typist, differences

pytestmark = pytest.mark.server

DOCS = ROOT / "docs"
RUN = Block("sh", "make run\n", "", 0, "")
PEOPLE = 120
TYPED = [ROOT / "README.md", DOCS / "api.md", DOCS / "tutorial.md", DOCS / "retrain.md"]


@pytest.fixture(scope="module")
def typist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typist]:
    """A fresh clone with a running site, on which Ann rated five films."""
    for program in ("make", "curl", "java", "git"):
        if shutil.which(program) is None:
            missing(program, "install it")
    typist = Typist(tmp_path_factory.mktemp("reader"))
    try:
        write_data(typist)
        typist.type_blocks([RUN], "the first command")
        register_and_rate(f"http://127.0.0.1:{typist.port('5000')}", "ann")
        yield typist
    finally:
        typist.close()


def write_data(typist: Typist) -> None:
    """Write the data sets that pages name, all with the same ratings."""
    films = typist.home / "ml-latest-small"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample, "PEOPLE", PEOPLE)
        sample.write_sample(films)
    for name in ("ml-25m", "ml-32m", "our-ratings"):
        (typist.home / name).symlink_to(films)
    # As if it had been downloaded.
    (typist.clone / "data").mkdir()
    (typist.clone / "data" / "ml-latest-small").symlink_to(films)
    # As if `make tune`, which is left out, had written it.
    (typist.clone / "tuned.yaml").write_text("ranking:\n  rank: 16\nrating:\n  rank: 16\n")
    write_film_club(films, typist.home / "film-club")
    write_steam(films, typist.home / "steam")


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def write_film_club(films: Path, folder: Path) -> None:
    folder.mkdir()
    titles = (
        f"{row['movieId']}|{row['title']}|{row['genres'].replace('|', ', ')}"
        for row in rows(films / "movies.csv")
    )
    votes = (
        f"{row['userId']}|{row['movieId']}|{round(2 * float(row['rating']))}|2024-05-17"
        for row in rows(films / "ratings.csv")
    )
    for name, lines in (("films.txt", titles), ("votes.txt", votes)):
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_steam(films: Path, folder: Path) -> None:
    """Write libraries in which what people liked is what they played."""
    folder.mkdir()
    libraries: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in rows(films / "ratings.csv"):
        if (stars := float(row["rating"])) >= 3:
            game = {"item_id": row["movieId"], "playtime_forever": int(100 * stars)}
            libraries[row["userId"]].append(game)
    games = (
        repr({"id": row["movieId"], "title": row["title"], "app_name": row["title"]})
        for row in rows(films / "movies.csv")
    )
    owned = (
        repr({"user_id": user, "items_count": len(items), "items": items})
        for user, items in libraries.items()
    )
    for name, lines in ((LIBRARIES, owned), (CATALOGUE, games)):
        (folder / name).write_bytes(gzip.compress("".join(f"{x}\n" for x in lines).encode()))


class Browser:
    """Sends forms of the site."""

    def __init__(self, site: str):
        self._site = site
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def post(self, path: str, page: str, **form: str) -> None:
        with self._opener.open(self._site + page) as answer:
            token = re.search('name="csrf_token"[^>]*value="([^"]+)"', answer.read().decode())
        assert token, page
        body = urlencode({**form, "csrf_token": token[1]}).encode()
        with self._opener.open(self._site + path, body) as answer:
            assert answer.status == 200


def register_and_rate(site: str, name: str) -> None:
    browser = Browser(site)
    form = {"username": name, "email": f"{name}@example.com"}
    browser.post("/register", "/register", **form, password=PASSWORD, confirm=PASSWORD)
    for item in range(200, 205):
        browser.post(f"/title/{item}/rating", f"/title/{item}", rating="4.5")


@pytest.mark.parametrize("path", TYPED, ids=os.path.basename)
def test_page_commands_succeed_and_print_what_the_page_shows(typist: Typist, path: Path) -> None:
    typed = typist.type_page(path)
    assert typed
    assert list(differences(typed, path)) == []


def test_deploy_page_lists_what_is_shipped(typist: Typist) -> None:
    """The part that needs no AWS; ``test_deploy_page.py`` runs the others."""
    path = DOCS / "deploy.md"
    [block] = [block for block in code_blocks(path) if "make bundle" in block.text]
    [typed] = typist.type_blocks([block], path.name)
    assert "Procfile" in typed.output
    assert "spark_jobs" not in typed.output


def test_example_reader_trains_when_installed_as_its_page_says(typist: Typist) -> None:
    path = DOCS / "own_data.md"
    [code] = [block for block in code_blocks(path) if block.language == "python"]
    [entry] = [block for block in code_blocks(path) if block.language == "toml"]
    (typist.clone / "film_club.py").write_text(code.text)
    # As pip leaves it where Python looks for packages.
    installed = typist.clone / "film_club-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: film-club\nVersion: 1\n")
    [table] = tomllib.loads(entry.text)["project"]["entry-points"].items()
    lines = [f"{name} = {value}\n" for name, value in table[1].items()]
    (installed / "entry_points.txt").write_text(f"[{table[0]}]\n{''.join(lines)}")
    assert typist.type_page(path)
