"""docs/asvs.md: each named test exists, each requirement is listed once; and constructs that
the whole code base must not contain."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.accounts import service as accounts
from app.accounts import trusted_devices
from app.extensions import db
from app.models import User
from tests.support.log_lines import Lines
from tests.support.site import ROOT, register
from tests.support.syntax import nodes

PAGE = (ROOT / "docs" / "asvs.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| (\d[^|]*?) \| ([^|]+) \| (met|open|not applicable): ([^|]+) \|$", re.MULTILINE
)
NAMED = re.compile(r"(test_\w+)\.py::(test_\w+)")
# Version 5.0.0: number of requirements of levels 1 and 2 by section; level 3 follows after them.
SECTIONS = {
    **{"1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2},
    **{"2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1},
    **{"3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5, "3.7": 2},
    **{"4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4},
    **{"5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3},
    **{"6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4},
    **{"7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2},
    **{"8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1},
    **{"9.1": 3, "9.2": 4},
    **{"10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3},
    **{"11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1},
    **{"12.1": 3, "12.2": 2, "12.3": 4},
    **{"13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5},
    **{"14.1": 2, "14.2": 4, "14.3": 3},
    **{"15.1": 3, "15.2": 3, "15.3": 7},
    **{"16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3},
    **{"17.1": 1, "17.2": 4, "17.3": 2},
}


PATTERNS = {f"re.{name}" for name in "compile search match fullmatch split findall sub".split()}


@cache
def _tests_in(file: str) -> frozenset[str]:
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "tests").rglob(f"{file}.py")]
    functions = [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)]
    return frozenset(function.name for function in functions)


def requirements(printed: str) -> Iterator[str]:
    """Yield each id of a list like "1.2.6–8, 1.4.1"."""
    for part in printed.split(", "):
        first, _, last = part.partition("–")
        section, _, number = first.rpartition(".")
        for each in range(int(number), int(last or number) + 1):
            yield f"{section}.{each}"


def test_tests_named_by_the_security_page_exist() -> None:
    named = NAMED.findall(PAGE)
    assert len(named) > 100
    assert [f"{file}.py::{test}" for file, test in named if test not in _tests_in(file)] == []


def test_security_page_lists_every_level_2_requirement_once() -> None:
    found = Counter(each for row in ROW.findall(PAGE) for each in requirements(row[0]))
    wanted = {f"{s}.{n}" for s, count in SECTIONS.items() for n in range(1, count + 1)}
    assert set(found) == wanted
    assert max(found.values()) == 1
    assert len(wanted) == 253


def test_the_page_of_the_standard_is_short_and_open_requirements_have_a_reason() -> None:
    assert len(PAGE.splitlines()) <= 150
    reasons = [why for _, _, state, why in ROW.findall(PAGE) if state == "open"]
    assert reasons
    assert [why for why in reasons if len(why.split()) < 8] == []


def test_met_requirements_name_a_test_or_link_a_page() -> None:
    written = [line for line in PAGE.splitlines() if re.match(r"\| \d+\.", line)]
    assert len(written) == len(ROW.findall(PAGE))
    bare = [
        ids
        for ids, _, state, why in ROW.findall(PAGE)
        if state == "met" and not NAMED.search(why) and "](" not in why
    ]
    assert bare == []


# Forbidden constructs


def calls(folder: str) -> Iterator[tuple[Path, ast.Call, str]]:
    for path in (ROOT / folder).rglob("*.py"):
        for node in nodes(path):
            if isinstance(node, ast.Call):
                yield path, node, ast.unparse(node.func)


def imports(folder: str) -> set[tuple[str, str]]:
    """Yield (file, package) of every import."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in nodes(path):
            if isinstance(node, ast.Import):
                found |= {(path.name, alias.name.partition(".")[0]) for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add((path.name, node.module.partition(".")[0]))
    return found


@pytest.mark.parametrize("folder", ["app", "recommender"])
def test_web_tier_starts_no_subprocess(folder: str) -> None:
    assert not {package for _, package in imports(folder)} & {"subprocess", "pty", "pexpect"}
    started = ("os.system", "os.popen", "os.exec", "os.spawn")
    assert [name for _, _, name in calls(folder) if name.startswith(started)] == []


@pytest.mark.parametrize("folder", ["app", "recommender", "spark_jobs"])
def test_code_contains_no_eval_or_pickle(folder: str) -> None:
    never = {"eval", "exec", "compile", "__import__", "yaml.load", "pickle.loads", "pickle.load"}
    assert [name for _, _, name in calls(folder) if name in never] == []
    if folder != "spark_jobs":
        assert not {package for _, package in imports(folder)} & {"pickle", "marshal", "shelve"}
    loaded = [node for _, node, name in calls(folder) if name == "np.load"]
    assert not [node for node in loaded if "allow_pickle=True" in ast.unparse(node)]


@pytest.mark.parametrize("folder", ["app", "recommender"])
def test_regular_expressions_are_not_built_from_input(folder: str) -> None:
    """Patterns are literals, or built from constants of the module."""
    for path, node, name in calls(folder):
        if name in PATTERNS and not isinstance(node.args[0], ast.Constant):
            parts = [each.id for each in ast.walk(node.args[0]) if isinstance(each, ast.Name)]
            assert all(part.isupper() or path.name == "logs.py" for part in parts), (path, parts)


def test_secrets_do_not_use_the_random_module() -> None:
    seeded = {file for file, package in imports("app") if package == "random"}
    assert seeded == {"dice.py", "retry.py"}  # for posters, and for waiting times


def test_scripts_do_not_write_html() -> None:
    writes = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|Function\("
    )
    scripts = list((ROOT / "app" / "static").glob("*.js"))
    assert len(scripts) > 3
    assert [path.name for path in scripts if writes.search(path.read_text())] == []


# Checks on a running site


def test_responses_have_no_cors_headers(ann: FlaskClient) -> None:
    for path in ("/", "/api/v1/movies/top", "/api/v1/openapi.json", "/nothing"):
        asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"}
        for method in ("GET", "OPTIONS"):
            answer = ann.open(path, method=method, headers=asked)
            names = {name for name, _ in answer.headers}
            assert not [name for name in names if name.startswith("Access-Control")]


def test_password_fields_are_masked_and_accept_pasting(app: Flask, ann: FlaskClient) -> None:
    guest = app.test_client()
    for client, path in (
        (guest, "/login"),
        (guest, "/register"),
        (ann, "/account"),
        (ann, "/data"),
    ):
        fields = re.findall(
            r'<input[^>]*name="(?:password|confirm|present)"[^>]*>', client.get(path).text
        )
        assert fields, path
        for field in fields:
            assert 'type="password"' in field
            assert re.search('autocomplete="(new|current)-password"', field)
            assert "onpaste" not in field


def test_new_database_has_no_accounts(app: Flask) -> None:
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(User)) == 0


@pytest.mark.parametrize("path", ["/", "/search", "/ratings", "/data", "/account", "/group"])
def test_pages_of_a_logged_in_user_have_a_logout_form(ann: FlaskClient, path: str) -> None:
    assert 'action="/logout"' in ann.get(path).text


def test_tokens_of_one_kind_are_rejected_as_another_kind(app: Flask, ann: FlaskClient) -> None:
    device, session = ann.get_cookie("device"), ann.get_cookie("session")
    assert device is not None
    assert session is not None
    with app.app_context():
        reset = accounts.reset_token(db.session.get_one(User, 21))
    guest = app.test_client()
    for other in (device.value, session.value):
        assert guest.get(f"/reset/{other}").status_code == 404
    for other in (reset, session.value):
        with app.test_request_context(headers={"Cookie": f"device={other}"}):
            assert trusted_devices.trusted_device() is None
    with app.test_request_context(headers={"Cookie": f"device={device.value}"}):
        assert (trusted_devices.trusted_device() or ("",))[0] == 21
    guest.set_cookie("session", reset)
    guest.set_cookie("remember_token", reset)
    assert guest.get("/").status_code == 302


def test_rejected_requests_are_logged(app: Flask, ann: FlaskClient, lines: Lines) -> None:
    app.config["RATELIMIT_PASSWORDS"] = "1/hour"
    register(app.test_client(), "bob")
    guest = app.test_client()
    for _ in range(2):
        guest.post("/login", data={"username": "bob", "password": "not the password"})
    ann.get("/owner")
    guest.get("/api/v1/movies/top")
    output = [
        (line["route"], line["status"], line.get("user_id"))
        for line in lines
        if line.get("status", 0) >= 400
    ]
    assert output == [
        ("/login", 422, None),
        ("/login", 429, None),
        ("/owner", 403, 21),
        (output[-1][0], 401, None),
    ]
