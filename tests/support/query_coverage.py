"""Which functions of app/ hold SQL, and which of them ran."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

APP = Path(__file__).resolve().parents[2] / "app"
SQL = {"select", "delete", "update", "upsert"}
OF_SESSIONS = {"get", "get_one", "add"}
ran: set[str] = set()


def functions_with_sql() -> set[str]:
    """As in "ratings.py ratings_of"; also those that use a statement built once for the module."""
    return {
        f"{file.relative_to(APP)} {function}"
        for file in APP.rglob("*.py")
        if file.name != "upsert.py"  # which others call
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


def pytest_sessionfinish(session: pytest.Session) -> None:
    Path(os.environ["MARQUEE_QUERIES"]).write_text("\n".join(sorted(ran)))
