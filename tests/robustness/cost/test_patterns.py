"""Every regular expression applied to external text takes linear time."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from time import thread_time
from types import ModuleType
from typing import Any

import pytest

import app
import config
import recommender
from tests.support.site import ROOT

LENGTH = 40_000
# A linear pattern takes some milliseconds; a quadratic one 800 million steps.
SECONDS = 0.5
UNITS = (
    *(" ", "\n", "\t", "a", "é", "1", "_", "-", ".", "'", ",", "(", ")", "[", "/", ":", "@", "\\"),
    *(
        "a ",
        "a.",
        "a,",
        "(a",
        "a(",
        "()",
        "1-",
        "-1",
        "a-",
        "a, ",
        " (",
        "(1999",
        ", The ",
        "://",
        "世",
    ),
)


def modules() -> Iterator[ModuleType]:
    yield config
    for package in (app, recommender):
        yield package
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(module.name)


def patterns_within(value: Any) -> Iterator[re.Pattern[str]]:
    """Yield a pattern itself, or those that a container holds."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        yield from patterns_within(list(value.values()))
    elif isinstance(value, tuple | list | set | frozenset):
        for each in value:
            yield from patterns_within(each)


def literal_patterns(file: Path) -> Iterator[re.Pattern[str]]:
    """Yield patterns that are compiled at their use, as in ``re.sub("…")`` and ``regex = "…"``."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        source: ast.expr | None = None
        if isinstance(node, ast.Call) and node.args:
            name = ast.unparse(node.func)
            source = node.args[0] if name.startswith("re.") or name == "Regexp" else None
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "regex":
            source = node.value
        if isinstance(source, ast.Constant) and isinstance(source.value, str):
            yield re.compile(source.value)


def all_patterns() -> dict[str, re.Pattern[str]]:
    """Return every pattern of the web tier and of the recommender package, by source."""
    found = [each for module in modules() for each in patterns_within(list(vars(module).values()))]
    for folder in ("app", "recommender"):
        for file in (ROOT / folder).rglob("*.py"):
            found += literal_patterns(file)
    return {each.pattern: each for each in found if isinstance(each.pattern, str)}


PATTERNS = all_patterns()


def pumped(pattern: re.Pattern[str]) -> Iterator[str]:
    """Yield texts that repeat a unit: bare, between letters, after the pattern's beginning."""
    beginning = re.match(r"[\w:/ .]*", pattern.pattern)
    for unit in UNITS:
        run = (unit * LENGTH)[:LENGTH]
        yield from (
            run,
            f"a{run}a",
            f"{run}\0",
            f"({run}",
            f"{beginning[0] if beginning else ''}{run}\0",
        )


def is_anchored(pattern: re.Pattern[str]) -> bool:
    """Return whether the code matches the pattern only at the start of a text."""
    sources = [file for f in ("app", "recommender") for file in (ROOT / f).rglob("*.py")]
    used = re.compile(r"(\w+)\.(search|sub|split|findall|finditer)\(")
    for module in modules():
        names = {
            name
            for name, value in vars(module).items()
            if isinstance(value, re.Pattern) and value == pattern
        }
        for file in sources:
            calls = used.findall(file.read_text(encoding="utf-8")) if names else []
            if any(name in names for name, _ in calls):
                return False
        if names:
            return True
    return False


def seconds_to_match(pattern: re.Pattern[str], text: str, anchored: bool) -> float:
    began = thread_time()
    pattern.fullmatch(text)
    if not anchored:
        pattern.sub("", text)
    return thread_time() - began


def test_patterns_of_the_code_are_collected() -> None:
    assert len(PATTERNS) > 20
    assert r"[A-Za-z0-9._-]{8,64}" in PATTERNS, "a module's own"
    assert r"[\x00-\x1f\x7f-\x9f]" in PATTERNS, "one that is compiled where it is used"


@pytest.mark.parametrize("source", [r"\s+$", r"(a+)+b", r"\w+@"])
def test_pumped_texts_detect_a_quadratic_pattern(source: str) -> None:
    length = 25 if source == r"(a+)+b" else LENGTH
    texts = (" " * length + "x", "a" * length)
    slowest = max(seconds_to_match(re.compile(source), text, anchored=False) for text in texts)
    assert slowest > SECONDS


@pytest.mark.parametrize("source", PATTERNS)
def test_pattern_matches_in_linear_time(source: str) -> None:
    pattern = PATTERNS[source]
    anchored = is_anchored(pattern)
    for text in pumped(pattern):
        seconds = seconds_to_match(pattern, text, anchored)
        if seconds > SECONDS:  # try again: the machine may have paused
            seconds = min(seconds_to_match(pattern, text, anchored) for _ in range(3))
        assert seconds <= SECONDS, f"{source}: {seconds:.2f} s for {len(text)} of {text[1:9]!r}"
