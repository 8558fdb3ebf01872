"""Static files with a hash of their content in the address, cached permanently.

There is one hash for a whole folder, ``/static/0123456789ab/page.js``, so that scripts can import
each other by relative paths. Addresses with another hash, from pages of another version that is
served at the same time, answer with the present content, uncached.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, cast

from flask import Flask, Response
from werkzeug.routing import BaseConverter

FOR_GOOD = f"public, max-age={365 * 24 * 3600}, immutable"


class HashConverter(BaseConverter):
    """``<content_hash:…>``: twelve hexadecimal digits."""

    regex = "[0-9a-f]{12}"


def init_app(app: Flask) -> None:
    """Add the hash to the addresses of all static folders, after blueprints are registered."""
    app.url_map.converters["content_hash"] = HashConverter
    _name_by_content(app, "static", app.static_folder)
    for name, blueprint in app.blueprints.items():
        if blueprint.has_static_folder:
            _name_by_content(app, f"{name}.static", blueprint.static_folder)


@cache
def content_hash(folder: Path) -> str:
    """Return a hash of the names and contents of a folder's files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _name_by_content(app: Flask, endpoint: str, folder: str | None) -> None:
    current = content_hash(Path(str(folder)))
    send = app.view_functions[endpoint]

    def serve(filename: str, content: str | None = None) -> Response:
        response = cast(Response, send(filename=filename))
        if content == current:
            response.headers["Cache-Control"] = FOR_GOOD
        return response

    def name_content(asked: str, values: dict[str, Any]) -> None:
        if asked == endpoint:
            values.setdefault("content", current)

    app.view_functions[endpoint] = serve
    for rule in list(app.url_map.iter_rules(endpoint)):
        with_hash = rule.rule.replace("<path:", "<content_hash:content>/<path:")
        app.add_url_rule(with_hash, endpoint, serve)
    app.url_defaults(name_content)
