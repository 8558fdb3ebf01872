"""Python files of the project as syntax trees."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Return all nodes of a file, parsed once in a process."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
