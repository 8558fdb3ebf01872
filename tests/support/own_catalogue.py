"""Made-up tables of a radio's listeners, in every format, and the file that describes them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc
from ruamel.yaml import YAML

Row = dict[str, Any]
LISTENERS, ARTISTS = 90, 40
BEGIN = datetime(2026, 1, 1)
COLUMNS = {"user": "listener", "item": "artist", "value": "plays", "time": "at"}
ITEM_COLUMNS = {
    "item": "artist",
    "title": "name",
    "year": "since",
    "genres": {"column": "styles", "sep": ", "},
    "creators": "label",
    "image": "photo",
    "link": {"template": "https://radio.example/artists/{key}"},
    "description": "about",
}


def listener(n: int) -> str:
    return f"{n * 7919 % 9973:04x}-{n:02d}"


def artist(n: int) -> str:
    return f"artist/{n * 31 % 97}é"


def plays(listeners: int = LISTENERS, artists: int = ARTISTS) -> list[Row]:
    """Two tastes: even listeners play even artists. One pair in ten stands twice."""
    rng = np.random.default_rng(7)
    rows = []
    for who in range(listeners):
        choice = [n for n in range(artists) if n % 2 == who % 2]
        for which in rng.choice(choice, 9, replace=False).tolist():
            for _ in range(1 + int(rng.random() < 0.1)):
                at = BEGIN + timedelta(seconds=int(rng.integers(0, 10_000_000)))
                count = int(rng.integers(1, 400))
                rows.append(
                    {"listener": listener(who), "artist": artist(which), "plays": count, "at": at}
                )
    return rows


def artists(number: int = ARTISTS) -> list[Row]:
    return [
        {
            "artist": artist(n),
            "name": f"The {n}s",
            "since": 1960 + n,
            "styles": "Folk, Brass" if n % 2 else "Techno",
            "label": "Small Records",
            "photo": f"https://radio.example/{n}.jpg",
            "about": f"Played {n} nights" if n % 5 == 1 else None,
        }
        for n in range(number)
    ]


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    pq.write_table(pa.Table.from_pylist(list(rows)), path)


def write_orc(path: Path, rows: Sequence[Row]) -> None:
    orc.write_table(pa.Table.from_pylist(list(rows)), path)


def write_csv(path: Path, rows: Sequence[Row], separator: str = ";") -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)


def write_json(path: Path, rows: Sequence[Row]) -> None:
    lines = (json.dumps(row, default=str, ensure_ascii=False) for row in rows)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def describe(folder: Path, **sections: Any) -> Path:
    """Write catalogue.yaml for music in Parquet. ``sections``: what to change of each."""
    own: dict[str, Any] = {
        "catalogue": {
            "name": "Night radio",
            "noun": {"one": "artist"},
            "feedback": "implicit",
            "measure": {"one": "play", "many": "plays"},
        },
        "ratings": {"path": "plays.parquet", "columns": dict(COLUMNS)},
        "items": {"path": "artists.parquet", "columns": dict(ITEM_COLUMNS)},
        "ranking": {"rank": 4, "iterations": 2},
        "gate": {"people": 30},
    }
    for name, changes in sections.items():
        changed = {**own.get(name, {}), **changes}
        own[name] = {k: v for k, v in changed.items() if v is not None}
    path = folder / "catalogue.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(own, file)
    return path


def music(folder: Path, rows: Sequence[Row] | None = None, **sections: Any) -> Path:
    """Write both tables in Parquet and the file; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    write_parquet(folder / "plays.parquet", plays() if rows is None else rows)
    write_parquet(folder / "artists.parquet", artists())
    return describe(folder, **sections)


def seconds(at: datetime) -> int:
    return int(at.replace(tzinfo=UTC).timestamp())
