"""items.jsonl.gz: read back as written, and damage reported with its line."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recommender.catalogue import CatalogueItem, read_items, write_items
from recommender.errors import ReleaseError

FULL = CatalogueItem(1, "Amélie", 2001, ("Comedy", "Romance"), "tt0211915", 194, "A shy waitress.")
BARE = CatalogueItem(2, "Babylon 5")
ODD = CatalogueItem(3, 'Line\nbreaks\r, "quotes"\u2028\x85, 七人の侍 and a \\')
GOOD = {"item_id": 1, "title": "Heat", "genres": []}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "items.jsonl.gz"


@pytest.mark.parametrize("items", [[], [FULL], [FULL, BARE, ODD]], ids=len)
def test_read_items_returns_the_written_items(path: Path, items: list[CatalogueItem]):
    write_items(path, iter(items))
    assert list(read_items(path)) == items


def test_write_items_writes_one_readable_json_object_per_line(path: Path):
    write_items(path, [FULL, BARE])
    first, second = gzip.decompress(path.read_bytes()).decode().splitlines()
    assert '"title": "Amélie"' in first
    assert json.loads(second) == {
        "item_id": 2,
        "title": "Babylon 5",
        "year": None,
        "genres": [],
        "imdb_id": None,
        "tmdb_id": None,
        "description": None,
    }


def test_write_items_is_deterministic(path: Path, monkeypatch: pytest.MonkeyPatch):
    write_items(path, [FULL, BARE])
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    write_items(path.with_name("again.gz"), [FULL, BARE])
    assert path.with_name("again.gz").read_bytes() == path.read_bytes()


def test_read_items_is_lazy(path: Path):
    path.write_bytes(gzip.compress(json.dumps(GOOD).encode() + b"\nnot JSON\n"))
    items = read_items(path)
    assert next(items).title == "Heat"
    with pytest.raises(ReleaseError, match="line 2"):
        next(items)


BAD_LINES: dict[str, bytes] = {
    "not_json": b"Heat",
    "an_empty_line": b"",
    "a_list": b"[1, 2]",
    "null": b"null",
    "no_title": b'{"item_id": 1, "genres": []}',
    "no_genres": b'{"item_id": 1, "title": "Heat"}',
    "genres_are_null": b'{"item_id": 1, "title": "Heat", "genres": null}',
    "an_unknown_field": b'{"item_id": 1, "title": "Heat", "genres": [], "stars": 5}',
    "not_utf_8": b'{"item_id": 1, "title": "Am\xe9lie", "genres": []}',
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES)
def test_read_items_names_an_invalid_line(path: Path, line: bytes):
    path.write_bytes(gzip.compress(json.dumps(GOOD).encode() + b"\n" + line + b"\n"))
    with pytest.raises(ReleaseError) as refusal:
        list(read_items(path))
    assert str(refusal.value).startswith(str(path))
    assert "publish the release again" in str(refusal.value)
    if line != BAD_LINES["not_utf_8"]:  # decoding fails for a whole block of lines at once
        assert f"{path}, line 2: not a catalogue entry" in str(refusal.value)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut_short": lambda content: content[: len(content) // 2],
    "empty_of_its_end": lambda content: content[:-8],
    "not_gzipped": gzip.decompress,
    "a_flipped_byte": lambda content: content[:10] + bytes([content[10] ^ 0xFF]) + content[11:],
    "checksum_damaged": lambda content: content[:-8] + b"\0\0\0\0" + content[-4:],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_read_items_names_a_damaged_file(path: Path, damage: Callable[[bytes], bytes]):
    write_items(path, [FULL, BARE])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ReleaseError, match="publish the release again") as refusal:
        list(read_items(path))
    assert str(path) in str(refusal.value)


def test_read_items_names_a_missing_file(path: Path):
    with pytest.raises(ReleaseError, match=r"items\.jsonl\.gz.*publish the release again"):
        list(read_items(path))
