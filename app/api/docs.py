"""The OpenAPI document and a page to try it; both are public."""

from __future__ import annotations

from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, current_app, jsonify, make_response, render_template

from app.api.document import in_document

# Served from the package's files, so that the page loads nothing from other hosts.
ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
docs = Blueprint("docs", __name__, static_folder=str(ASSETS), static_url_path="/docs/assets")

# Swagger UI sets inline styles.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none';"
    " frame-ancestors 'none'"
)


@docs.get("/openapi.json")
def document() -> Response:
    """Return the document in the names of the release in service."""
    return jsonify(in_document(current_app.extensions["openapi"].to_dict()))


@docs.get("/docs")
def page() -> Response:
    response = make_response(render_template("api/docs.html"))
    response.headers["Content-Security-Policy"] = POLICY
    return response
