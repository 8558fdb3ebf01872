"""Fail a test run if a function of app/ with SQL was never called.

``make test-databases`` runs the tests marked ``every_database`` with this plugin, on the database
that ``MARQUEE_TEST_DATABASE`` names.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

APP = Path(__file__).resolve().parents[2] / "app"
SQL = {"select", "delete", "update", "upsert"}
OF_SESSIONS = {"get", "get_one", "add"}
# Its object is already in the session, loaded for the logged-in user.
WITHOUT_A_QUERY = {"group/routes.py _me"}
ran: set[str] = set()


def functions_with_sql() -> set[str]:
    """Return names like "ratings.py ratings_of", including users of module-level statements."""
    return {
        f"{file.relative_to(APP)} {function}"
        for file in APP.rglob("*.py")
        if file.name != "upsert.py"  # called by other functions
        for function in _with_sql(ast.parse(file.read_text()))
    }


def _with_sql(module: ast.Module) -> Iterator[str]:
    assigned = [node for node in module.body if isinstance(node, ast.Assign)]
    statements = {ast.unparse(a.targets[0]) for a in assigned if any(map(_is_sql, ast.walk(a)))}
    for function in ast.walk(module):
        if isinstance(function, ast.FunctionDef):
            inside = list(ast.walk(function))
            names = {node.id for node in inside if isinstance(node, ast.Name)}
            if names & statements or any(map(_is_sql, inside)):
                yield function.name


def _is_sql(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name in SQL
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="session"), attr=name)):
            return name in OF_SESSIONS
        case ast.Call(func=ast.Attribute(value=ast.Name(id="db"), attr=name)):
            return name in SQL
    return False


@event.listens_for(Engine, "before_cursor_execute")
def _note(*_: object) -> None:
    ran.update(_callers())


def _callers() -> Iterator[str]:
    frame = sys._getframe(1)
    while frame := frame.f_back:
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(APP):
            yield f"{file.relative_to(APP)} {frame.f_code.co_name}"


class QueryCoverage:
    """Collects the functions that executed a statement, also in xdist processes."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        ran.update(getattr(node, "workeroutput", {}).get("ran", ()))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["ran"] = sorted(ran)
        elif session.exitstatus == pytest.ExitCode.OK and missed():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if missed():
            terminalreporter.section("functions that hold SQL and did not run")
            for function in missed():
                terminalreporter.line(function)


def missed() -> list[str]:
    return sorted(functions_with_sql() - ran - WITHOUT_A_QUERY)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(QueryCoverage())
