"""The manual: every page is in the navigation; every link, test and command exists.

``make lint`` checks that it builds without a warning.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from myst_parser.mdit_to_docutils.base import default_slugify
from pyspark.sql import SparkSession

from docs.generated import (
    DOCS,
    ROOT,
    flask_commands,
    job_parsers,
    make_targets,
    site,
    with_navigation,
)
from recommender.errors import DataError
from tests.support.manual_pages import code_blocks, tokens

PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = [ROOT / "README.md", *PAGES]
# A command as it is typed, perhaps after settings.
COMMAND = re.compile(r"(?:^|[;(]|\s)(make|flask|python -m)\s+([a-z][\w.-]*)([^;|)\n]*)")
TYPED = re.compile(r"^(\w+=\S* )*(\.venv/bin/)?(make|flask|python -m) ")
# A block that the build of the manual replaces, by a list or by a file from another place.
MADE = re.compile(r"\{(make-targets|flask-commands|job-options|rest|modules|include)\}")
# A test as named in pages: "tests/test_x.py::test_y", or "test_x.py::test_y".
TEST = re.compile(r"(test_\w+\.py)::(test_\w+)")


def names(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def anchors(path: Path) -> frozenset[str]:
    """Return the anchors of a page; some pages include a file from another place."""
    found = tokens(path)
    include = next((token.info for token in found if token.info.startswith("{include}")), None)
    if include:
        return anchors((path.parent / include.split()[1]).resolve())
    headings = (b for a, b in pairwise(found) if a.type == "heading_open")
    return frozenset(default_slugify(heading.content) for heading in headings)


def links(path: Path) -> Iterator[str]:
    for token in tokens(path):
        target = token.attrs.get("href") or token.attrs.get("src")
        if target and not re.match(r"\w+:", str(target)):
            yield str(target)


def commands(path: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (program, subcommand, options) of each command on a page."""
    for token in tokens(path):
        text = token.content.replace("\\\n", " ")
        if token.type == "fence" and token.info == "sh":
            shown = re.sub(r"\s# .*", "", text)
        elif token.type == "code_inline" and TYPED.match(text):
            shown = text
        else:
            continue
        for program, what, rest in COMMAND.findall(shown):
            yield program, f"{what}{rest}", re.findall(r"(?<![\w-])--[a-z][\w-]*", rest)


def navigation(index: str, pages: list[str]) -> list[str]:
    return re.findall(r"^.+ <([\w/]+)>$", with_navigation(index, pages), re.MULTILINE)


def test_navigation_lists_every_page_once() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    pages = [path.relative_to(DOCS).with_suffix("").as_posix() for path in PAGES]
    assert sorted([*navigation(index, pages), "index"]) == sorted(pages)


def test_navigation_adds_pages_missing_from_the_index_to_how_to() -> None:
    index = "# The manual\n\n## Begin\n\n- [A](a.md): first\n\n## How to\n\n- [B](b.md)\n\n## Z\n"
    assert navigation(index, ["index", "a", "b", "new"]) == ["a", "b", "new"]


@pytest.mark.parametrize("path", PAGES, ids=names)
def test_pages_made_by_the_build_say_so_at_the_top(path: Path) -> None:
    """A reader of the file finds a link to what it stands for; the built page hides the line."""
    made = [block for block in code_blocks(path) if MADE.match(block.language)]
    text = path.read_text(encoding="utf-8").split("\n")
    notes = [line for line in text[:4] if line.startswith("% **In this file ") and "](../" in line]
    assert len(notes) == bool(made)


@pytest.mark.parametrize("path", TEXTS, ids=names)
def test_local_links_have_existing_targets(path: Path) -> None:
    dead = []
    for target in links(path):
        file, _, anchor = target.partition("#")
        place = (path.parent / file).resolve() if file else path
        if not place.exists() or (anchor and anchor not in anchors(place)):
            dead.append(target)
    assert dead == []


@cache
def defined_tests(file: str) -> frozenset[str]:
    """Return the names of test functions in a file below ``tests``; none if it does not exist."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob(file)]
    return frozenset(re.findall(r"^def (test_\w+)", "\n".join(sources), re.MULTILINE))


@pytest.mark.parametrize("path", TEXTS, ids=names)
def test_tests_named_by_pages_exist(path: Path) -> None:
    named = TEST.findall(path.read_text(encoding="utf-8"))
    assert [f"{file}::{test}" for file, test in named if test not in defined_tests(file)] == []


@cache
def known() -> SimpleNamespace:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return SimpleNamespace(
        flask={name: command.params for name, command in flask_commands(site().cli).items()},
        jobs={name: set(p._option_string_actions) for name, p in job_parsers().items()},
        behind=dict(re.findall(r"^([a-z-]+):.*\n.*-m (spark_jobs[\w.]*)", makefile, re.MULTILINE)),
    )


def problem(program: str, output: str, options: list[str]) -> str | None:
    """Return the error of a command, or None."""
    words = output.split()
    if program == "make":
        if words[0] not in make_targets():
            return f"no target: make {output}"
        allowed = known().jobs.get(known().behind.get(words[0]), set())
    elif program == "flask":
        name = next(
            (
                n
                for n in (f"flask {' '.join(words[:2])}", f"flask {words[0]}")
                if n in known().flask
            ),
            None,
        )
        if name is None:
            return f"no command: flask {output}"
        allowed = {option for param in known().flask[name] for option in param.opts}
    else:
        if importlib.util.find_spec(words[0]) is None:
            return f"no module: python -m {output}"
        allowed = known().jobs.get(words[0], set(options))
    wrong = sorted(set(options) - allowed - {"--help"})
    return f"no option {wrong[0]}: {program} {output}" if wrong else None


@pytest.mark.parametrize("path", TEXTS, ids=names)
def test_commands_and_options_in_pages_exist(path: Path) -> None:
    assert [found for command in commands(path) if (found := problem(*command))] == []


@pytest.mark.parametrize(
    "text",
    [
        "make run",
        'make train ARGS="--warm-start --rating-iterations 4"',
        "PORT=1 make run DATA=x",
        "flask releases promote V",
        "flask db upgrade",
        "flask create-token --name shop",
        "python -m spark_jobs.recommend --n 20",
    ],
)
def test_problem_is_none_when_command_exists(tmp_path: Path, text: str) -> None:
    (tmp_path / "page.md").write_text(f"```sh\n{text}  # as it is\n```\n")
    [command] = commands(tmp_path / "page.md")
    assert problem(*command) is None


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("make trian", "no target"),
        ('make train ARGS="--warm-stat"', "no option --warm-stat"),
        ("flask releases promte V", "no command"),
        ("flask create-token --nam shop", "no option --nam"),
        ("python -m spark_jobs.recomend", "no module"),
        ("python -m spark_jobs.recommend --m 20", "no option --m"),
    ],
)
def test_problem_names_the_command_or_option_that_does_not_exist(
    tmp_path: Path, text: str, output: str
) -> None:
    (tmp_path / "page.md").write_text(f"So: `{text}`.\n")
    [command] = commands(tmp_path / "page.md")
    assert output in str(problem(*command))


@pytest.fixture
def film_club() -> SimpleNamespace:
    """The example reader of the guide, as printed there."""
    page = tokens(DOCS / "own_data.md")
    [code] = [token.content for token in page if token.info == "python"]
    module = {"__name__": "film_club"}
    exec(code, module)
    return SimpleNamespace(**module)


def test_example_reader_reads_ratings_and_items(
    spark: SparkSession, film_club: SimpleNamespace, tmp_path: Path
) -> None:
    (tmp_path / "films.txt").write_text("12|Metropolis (1927)|Drama, Sci-Fi\n", encoding="utf-8")
    (tmp_path / "votes.txt").write_text("7|12|9|2024-05-17\n8|12|4|2024-05-18\n", encoding="utf-8")
    dataset = film_club.read_film_club(spark, str(tmp_path))
    [item] = dataset.items
    assert (item.title, item.year, item.genres) == ("Metropolis", 1927, ("Drama", "Sci-Fi"))
    ratings = dataset.ratings.rows.collect()
    columns = [np.concatenate([some[n] for some in ratings]).tolist() for n in range(4)]
    assert columns == [[7, 8], [12, 12], [4.5, 2.0], [1715904000, 1715990400]]
    assert dataset.rows == 2


def test_example_reader_names_the_bad_line(
    spark: SparkSession, film_club: SimpleNamespace, tmp_path: Path
) -> None:
    (tmp_path / "films.txt").write_text("12|Metropolis (1927)|Drama\n", encoding="utf-8")
    (tmp_path / "votes.txt").write_text("7|12|9|2024-05-17\n8|12|11|2024-05-18\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"votes.txt, line 2: not a vote \(11 is not between 1"):
        film_club.read_film_club(spark, str(tmp_path))
