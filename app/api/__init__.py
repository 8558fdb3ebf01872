"""The REST API: one short view for each route of the contract, over the site's services."""

from __future__ import annotations

from typing import Any

from flask import Flask

from app.api import (
    access,
    blueprint,
    docs,
    legacy_routes,
    request_schemas,
    routes,
    vocabulary,
)
from app.extensions import csrf

BASE_PATH = "/api/v1"
CONFIGURATION: dict[str, Any] = {
    "API_TITLE": "Marquee",
    "API_VERSION": "v1",
    "OPENAPI_VERSION": "3.1.0",
}


def init_app(app: Flask) -> None:
    """Register the API, its document, and the page to try it."""
    for name, value in CONFIGURATION.items():
        app.config.setdefault(name, value)
    words = {"word": vocabulary.WordConverter, "seen": vocabulary.SeenConverter}
    app.url_map.converters |= words
    app.before_request(vocabulary.hide_other_words)
    api = blueprint.Api(app)
    api.ma_plugin.converter.add_attribute_function(request_schemas.document_number_as_text)
    for rows, prefix in ((routes.api, BASE_PATH), (legacy_routes.services, None)):
        # Requests are authenticated by a token, never by a cookie, so CSRF is impossible.
        csrf.exempt(rows)
        api.register_blueprint(rows, url_prefix=prefix)
    access.describe(api.spec)
    app.extensions["openapi"] = api.spec
    app.register_blueprint(docs.docs, url_prefix=BASE_PATH)
