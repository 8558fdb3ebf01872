"""Parts of addresses."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import IntegerConverter

from app.api.blueprint import AnyIdConverter
from app.api.vocabulary import WordConverter
from recommender.catalogue import LARGEST_ID


class IdConverter(IntegerConverter):
    """``<id:…>``: a number that fits an id column; any other is an address we do not have."""

    regex = "[0-9]{1,10}"

    def __init__(self, url_map: object, **options: object):
        super().__init__(url_map, max=LARGEST_ID, **options)  # type: ignore[arg-type]


def init_app(app: Flask) -> None:
    app.url_map.converters |= {"id": IdConverter, "any_id": AnyIdConverter, "word": WordConverter}
