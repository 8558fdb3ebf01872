"""A file is written whole or not at all, and nobody takes one that is being written for stale."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recommender.storage.atomic_files import remove_stale, write_atomically


def test_file_is_not_taken_for_stale_just_before_it_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.replace

    def clean_up_first(path: Path, target: Path) -> Path:
        remove_stale(tmp_path, ".*.unfinished")
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", clean_up_first)
    write_atomically(tmp_path / "current.json", b"new")
    assert os.listdir(tmp_path) == ["current.json"]
    assert (tmp_path / "current.json").read_bytes() == b"new"


def test_file_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".current.json.0123.unfinished").write_bytes(b"half")
    write_atomically(tmp_path / "current.json", b"new")
    assert os.listdir(tmp_path) == ["current.json"]
