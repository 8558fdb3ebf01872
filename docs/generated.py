"""What the manual takes from the code itself, so that nothing is written down twice.

In the pages ``{make-targets}``, ``{flask-commands}``, ``{job-options}``, ``{rest}``
and ``{modules} PACKAGE`` stand for what is made here, and the navigation is made from the links of
``index.md``.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import click
from docutils import nodes
from flask import Flask
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import spark_jobs
from app import create_app
from app.api.document import in_document

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
HELP_WIDTH = 92
HOW_TO = "How to"
# Each of these pages includes a file from outside the folder.
PAGES_OF = {"../README.md": "overview.md", "../benchmarks/RESULTS.md": "results.md"}
# Refusals that say nothing about a row: docs/api.md has them once.
COMMON_ANSWERS = {"401", "403", "413", "415", "422", "429"}
EXPANDED = re.compile(
    r"~?numpy\.ndarray\[tuple\[~?typing\.Any, \.\.\.\], ~?numpy\.dtype\[([^][]*)\]\]"
)


def site() -> Flask:
    """The site, without a release and with a database that nobody opens."""
    # No secret: of a site that is asked for its commands alone.
    environ = {"SECRET_KEY": "nothing is signed with this", "DATABASE_URL": "sqlite://"}  # nosec B105
    return create_app(environ, RELEASES=str(ROOT / "dist" / "no-releases"))


def make_targets() -> dict[str, str]:
    """What each target does, from the ``##`` comments of the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    rules = re.findall(r"^([a-z][a-z0-9 -]*):.*?## (.*)$", makefile, re.MULTILINE)
    return {target: does for targets, does in rules for target in targets.split()}


def flask_commands(group: click.Group, called: str = "flask") -> dict[str, click.Command]:
    """The commands of a group and of the groups in it, by their full names."""
    found: dict[str, click.Command] = {}
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            found |= flask_commands(command, f"{called} {name}")
        else:
            found[f"{called} {name}"] = command
    return found


def job_parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each job that is run as ``python -m MODULE``, by module."""
    jobs = (job for job in modules(spark_jobs) if hasattr(job, "_parser"))
    return {job.__name__.removesuffix(".__main__"): job._parser() for job in jobs}


def modules(package: ModuleType) -> list[ModuleType]:
    """A package, its modules, and those of the packages in it."""
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [package, *(importlib.import_module(name) for name in sorted(m.name for m in found))]


def with_navigation(index: str, pages: Iterable[str]) -> str:
    """The index with the navigation of each section: the pages it links to, in that order.

    A page that it does not link to joins those that say how to do something.
    """
    linked = set(re.findall(r"\]\(([\w/]+)\.md\)", index))
    new = "".join(f"- [{page}]({page}.md)\n" for page in sorted({*pages} - linked - {"index"}))
    whole, *sections = re.split(r"^## ", index, flags=re.MULTILINE)
    for section in sections:
        caption, _, text = section.partition("\n")
        text = text.rstrip() + "\n" + (new if caption == HOW_TO else "")
        links = re.findall(r"\[([^]]+)\]\(([\w/]+)\.md\)", text)
        entries = "\n".join(f"{title} <{page}>" for title, page in links)
        whole += f"## {caption}\n{text}\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n"
        whole += f"{entries}\n```\n\n"
    return whole


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, ("---",) * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _helps(texts: Iterable[tuple[str, str]]) -> str:
    return "\n\n".join(f"### {name}\n\n```text\n{text.strip()}\n```" for name, text in texts)


def _make_targets() -> str:
    rows = ((f"`make {name}`", does) for name, does in make_targets().items())
    return _table(("command", "does"), rows)


def _flask_commands() -> str:
    commands = flask_commands(site().cli).items()
    return _helps(
        (name, _click_help(name, command)) for name, command in commands if _ours(command)
    )


def _ours(command: click.Command) -> bool:
    """Whether it is written here, not brought along by an extension of Flask."""
    return command.callback is not None and command.callback.__module__.startswith("app.")


def _click_help(name: str, command: click.Command) -> str:
    return command.get_help(click.Context(command, info_name=name, max_content_width=HELP_WIDTH))


def _job_options() -> str:
    with mock.patch.dict(os.environ, COLUMNS=str(HELP_WIDTH)):
        return _helps(
            (f"python -m {name}", parser.format_help()) for name, parser in job_parsers().items()
        )


def _rest() -> str:
    app = site()
    with app.app_context():
        document = in_document(app.extensions["openapi"].to_dict())
    return _table(("row", "does", "answers"), _rows(document))


def _rows(document: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for path, methods in document["paths"].items():
        for method in sorted(methods.keys() - {"parameters"}):
            row = methods[method]
            query = [each["name"] for each in row["parameters"] if each["in"] == "query"]
            takes = _names("Takes", query) + _names("Body:", _fields(document, row))
            answers = ", ".join(sorted(row["responses"].keys() - COMMON_ANSWERS))
            yield f"`{method.upper()} {path}`", row["summary"] + takes, answers


def _fields(document: dict[str, Any], row: dict[str, Any]) -> Iterable[str]:
    """The fields of a row's body."""
    if "requestBody" not in row:
        return ()
    schema = row["requestBody"]["content"]["application/json"]["schema"]
    return document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]["properties"]


def _names(before: str, names: Iterable[str]) -> str:
    listed = ", ".join(f"`{name}`" for name in names)
    return f" {before} {listed}." if listed else ""


class Generated(SphinxDirective):
    """A directive that stands for Markdown made by ``make``."""

    make: Callable[[], str]

    def run(self) -> list[nodes.Node]:
        text = type(self).make()
        return self.parse_text_to_nodes(text, allow_section_headings=True)


class Modules(SphinxDirective):
    """Every module of a package with what is public in it, from the docstrings."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        found = modules(importlib.import_module(self.arguments[0]))
        package, *inside = (_automodule(module.__name__) for module in found)
        titles = (module.__name__ for module in found[1:])
        parts = (f"## {title}\n\n{part}" for title, part in zip(titles, inside, strict=True))
        return self.parse_text_to_nodes("\n\n".join([package, *parts]), allow_section_headings=True)


def _automodule(name: str) -> str:
    return f"```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```"


def formulas_as_written(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Our docstrings are plain text, where an indented block is a formula or a command."""
    marked: list[str] = []
    inside = False
    for line in lines:
        indented = line.startswith("    ")
        if indented and not inside and marked and not marked[-1]:
            marked += ["::", ""]
        inside = indented or (inside and not line)
        marked.append(line)
    lines[:] = marked


def types_as_written(
    app: Sphinx, what: str, name: str, thing: object, options: object, *texts: str | None
) -> tuple[str | None, ...]:
    """``NDArray[np.int32]`` and not what it stands for, in a signature and in what it returns."""
    return tuple(text and EXPANDED.sub(r"~numpy.typing.NDArray[\1]", text) for text in texts)


def is_said_elsewhere(
    app: Sphinx, what: str, name: str, thing: object, skipped: bool, options: object
) -> bool | None:
    """Fields of a named tuple stand in its signature already; what a library says is not ours."""
    field = (getattr(thing, "__doc__", "") or "").startswith("Alias for field")
    library = inspect.isfunction(thing) and inspect.unwrap(thing).__module__.startswith("limits.")
    return True if field or library else None


def navigate(app: Sphinx, docname: str, source: list[str]) -> None:
    """Files outside the folder that are pages here, and the navigation of the index."""
    for file, page in PAGES_OF.items():
        source[0] = source[0].replace(f"]({file}", f"]({page}")
    if docname == "index":
        source[0] = with_navigation(source[0], app.env.found_docs)


def setup(app: Sphinx) -> dict[str, bool]:
    made = {
        "make-targets": _make_targets,
        "flask-commands": _flask_commands,
        "job-options": _job_options,
        "rest": _rest,
    }
    for name, make in made.items():
        app.add_directive(name, type(name, (Generated,), {"make": staticmethod(make)}))
    app.add_directive("modules", Modules)
    app.connect("autodoc-process-docstring", formulas_as_written)
    app.connect("autodoc-process-signature", types_as_written)
    app.connect("autodoc-skip-member", is_said_elsewhere)
    app.connect("source-read", navigate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
