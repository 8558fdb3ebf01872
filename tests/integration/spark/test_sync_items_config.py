"""Items of a described table reach the site without a training, whatever format they are in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pyspark.sql import SparkSession

from app.extensions import db
from app.models import Item
from spark_jobs import items
from tests.support.commands import run
from tests.support.own_catalogue import ITEM_COLUMNS, artist, artists, describe, write_parquet
from tests.support.tiny_catalogues import SONGS

FACTS = [{"column": "fee", "label": "Fee", "unit": "€"}, {"column": "venue", "label": "Venue"}]


def in_parquet(folder: Path, rows: list[dict[str, Any]]) -> Path:
    write_parquet(folder / "artists.parquet", rows)
    columns = {**ITEM_COLUMNS, "available": "stock", "description": None}
    columns = {role: column for role, column in columns.items() if column}
    return describe(folder, items={"columns": columns, "facts": FACTS})


def test_items_writes_what_the_file_says_of_items(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {**row, "fee": "12.5" if n else "much", "venue": "Hall" if n else None, "stock": n}
        for n, row in enumerate(artists(3))
    ]
    config, out = in_parquet(tmp_path, rows), tmp_path / "items.jsonl"
    assert items.main(["--config", str(config), "--out", str(out)]) == 0
    lines = {line["item"]: line for line in map(json.loads, out.read_text().splitlines())}
    assert lines[artist(1)] == {
        "item": artist(1),
        "title": "The 1s",
        "year": 1961,
        "genres": ["Folk", "Brass"],
        "creators": ["Small Records"],
        "image": "https://radio.example/1.jpg",
        "link": "https://radio.example/artists/artist%2F31%C3%A9",
        "available": True,
        "facts": {"fee": 12.5, "venue": "Hall"},
    }
    assert lines[artist(0)]["facts"] == {"fee": None, "venue": None}
    assert not lines[artist(0)]["available"]
    said = capsys.readouterr()
    assert said.out == f"3 artists written to {out}\n"
    assert "1 facts left out, which are not a number: 'artist/0é': Fee 'much'" in said.err


def test_items_names_what_is_wrong_and_writes_nothing(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = in_parquet(tmp_path, artists(3)), tmp_path / "items.jsonl"
    assert items.main(["--config", str(config), "--out", str(out)]) == 2
    assert "column 'stock' (available) is missing" in capsys.readouterr().err
    parameters = tmp_path / "parameters.yaml"
    parameters.write_text("seed: 2\n")
    assert items.main(["--config", str(parameters), "--out", str(out)]) == 2
    assert "has no section `catalogue`" in capsys.readouterr().err
    assert not out.exists()


def songs(**changes: Any) -> list[dict[str, Any]]:
    return [
        {
            **{"artist": song.key, "name": song.title, "since": song.year, "stock": 1},
            **{"styles": ", ".join(song.genres), "label": "The Band", "photo": None},
            **{"fee": None, "venue": None},
            **(changes if n == 0 else {}),
        }
        for n, song in enumerate(SONGS)
    ]


def test_items_of_parquet_reach_the_site(
    spark: SparkSession, songs_app: Flask, tmp_path: Path
) -> None:
    config = in_parquet(tmp_path, songs(name="Day Train", stock=0))
    out = tmp_path / "items.jsonl"
    assert items.main(["--config", str(config), "--out", str(out)]) == 0
    status, printed = run(songs_app, "sync-items", str(out))
    assert status == 0, printed
    assert "1 are not available any more" in printed
    with songs_app.app_context():
        song = db.session.get_one(Item, SONGS[0].item_id)
        assert (song.title, song.available) == ("Day Train", False)
    assert "0 titles changed, 9 are as they were" in run(songs_app, "sync-items", str(out))[1]
