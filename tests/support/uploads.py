"""Files for import, and the results of importing them."""

from __future__ import annotations

import io
import zipfile

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.extensions import db
from app.models import Import
from app.portability.entries import FileRow
from app.portability.readers import read_upload

MOVIELENS = "userId,movieId,rating,timestamp\n7,1,4.5,1000000000\n7,8,3.0,1100000000\n"


IMDB = (
    "Const,Your Rating,Date Rated,Title,URL,Title Type,IMDb Rating,Runtime (mins),Year\n"
    "tt0000001,9,2020-05-01,Wrong Title,https://imdb,movie,8,90,1979\n"
    "tt9999999,7,2020-05-02,The Space Race,https://imdb,movie,8,90,1999\n"
    "tt9999998,7,2020-05-02,Unheard Of,https://imdb,movie,8,90,1999\n"
)


LETTERBOXD = (
    "Date,Name,Year,Letterboxd URI,Rating\n"
    "2021-01-01,Amelie in Love,2001,https://boxd.it/1,4.5\n"
    "2021-01-02,Space Race,2000,https://boxd.it/2,2\n"
)


WATCHLIST = "Date,Name,Year,Letterboxd URI\n2021-01-03,Love Letters,1995,https://boxd.it/3\n"


STEAM = "{'user_id': 'x', 'items': [{'item_id': '1', 'item_name': 'G', 'playtime_forever': 60}]}"


def packed(**members: str | bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", ".").replace("_in_", "/"), content)
    return whole.getvalue()


def bring(client: FlaskClient, content: str | bytes, name: str = "ratings.csv", **more: object):
    raw = content.encode() if isinstance(content, str) else content
    return client.post("/data/import", data={"file": (io.BytesIO(raw), name)}, **more)


def rows_of(content: str | bytes, name: str = "ratings.csv") -> list[FileRow]:
    """Parse an upload without matching it to a catalogue."""
    raw = content.encode() if isinstance(content, str) else content
    return list(read_upload(name, io.BytesIO(raw)).rows)


def report_of(app: Flask) -> dict:
    with app.app_context():
        return db.session.scalars(select(Import).order_by(Import.id.desc())).first().report
