"""URL converters for ids."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter

from recommender.catalogue import LARGEST_ID


class IdConverter(IntegerConverter):
    """``<id:…>``: a number that fits an id column; other addresses are a 404."""

    regex = "[0-9]{1,10}"

    def __init__(self, url_map: Any, **options: Any):
        super().__init__(url_map, max=LARGEST_ID, **options)


class AnyIdConverter(IntegerConverter):
    """``<any_id:…>``: a whole number of any size, which the view checks."""

    regex = "-?[0-9]{1,40}"

    def __init__(self, url_map: Any):
        super().__init__(url_map, signed=True)


def init_app(app: Flask) -> None:
    """Register the converters, before the routes that use them."""
    app.url_map.converters |= {"id": IdConverter, "any_id": AnyIdConverter}
