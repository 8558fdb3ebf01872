"""A tiny run of every benchmark: that it runs, not how fast."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import data, run, steam
from benchmarks.contenders import CONTENDERS
from benchmarks.generate import SIZES, generate
from benchmarks.memory import run_measured


def test_generated_ratings_look_like_real_ones() -> None:
    size = SIZES["tiny"]
    ratings = generate(size)
    pairs = ratings.users.astype(np.int64) * size.items + ratings.items
    assert len(np.unique(pairs)) == len(ratings.stars) == size.ratings
    assert set(np.unique(2 * ratings.stars).tolist()) <= set(range(1, 11))
    of_titles = np.sort(np.bincount(ratings.items, minlength=size.items))
    assert of_titles[-12:].sum() > 0.3 * size.ratings  # a tenth of the titles
    assert generate(size).stars.tobytes() == ratings.stars.tobytes()
    assert generate(size, seed=2).stars.tobytes() != ratings.stars.tobytes()


def test_taste_can_be_learnt_from_generated_ratings() -> None:
    """Of the people who rated two titles, those who liked one more often liked its like."""
    ratings = generate(SIZES["tiny"])
    table = np.full((SIZES["tiny"].users, SIZES["tiny"].items), np.nan)
    table[ratings.users, ratings.items] = ratings.stars
    table -= np.nanmean(table)
    explained = np.linalg.svd(np.nan_to_num(table), compute_uv=False) ** 2
    shuffled = np.random.default_rng(1).permutation(np.nan_to_num(table).ravel())
    by_chance = np.linalg.svd(shuffled.reshape(table.shape), compute_uv=False) ** 2
    assert explained[:8].sum() > 1.2 * by_chance[:8].sum()


def test_held_out_ratings_are_liked_and_not_trained_on() -> None:
    parts = data.split("tiny")
    assert len(parts.train.stars) + len(parts.test.stars) == SIZES["tiny"].ratings
    assert parts.test.stars.min() >= data.LIKED
    trained = set(zip(parts.train.users.tolist(), parts.train.items.tolist(), strict=True))
    held_out = set(zip(parts.test.users.tolist(), parts.test.items.tolist(), strict=True))
    assert held_out
    assert not trained & held_out


def test_knowing_the_test_part_is_the_best_ranking_and_knowing_nothing_is_not() -> None:
    parts = data.split("tiny")
    size = SIZES["tiny"]
    liked = np.zeros((size.users, size.items), np.float32)
    liked[parts.test.users, parts.test.items] = 1
    titles = np.eye(size.items, dtype=np.float32)
    assert data.ndcg(parts, liked, titles) == pytest.approx(1)
    assert data.ndcg(parts, -liked, titles) < 0.2


def test_memory_is_that_of_all_processes_and_a_failure_is_told() -> None:
    hungry = "import time; held = bytearray(200_000_000); time.sleep(2); print('done')"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hungry!r}])"
    finished = run_measured(["python3", "-c", code])
    assert finished.output == "done\n"
    assert 0.2 <= finished.memory < 0.4
    with pytest.raises(SystemExit, match="no such benchmark"):
        run_measured(["python3", "-c", "raise SystemExit('no such benchmark')"])


def test_every_contender_and_the_training_job_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIZES", "tiny")
    monkeypatch.setenv("REPEATS", "1")
    run.main(tmp_path)
    ratios = json.loads((tmp_path / "RESULTS.json").read_text("utf-8"))
    assert set(ratios) == {
        *("fit_vs_mllib_tiny", "ndcg_vs_mllib_tiny"),
        *("fit_vs_implicit_tiny", "ndcg_vs_implicit_tiny"),
        *("job_rest_vs_fit_tiny", "job_memory_gb_tiny"),
    }
    assert all(ratio > 0 for name, ratio in ratios.items() if name != "fit_vs_implicit_tiny")
    report = (tmp_path / "RESULTS.md").read_text("utf-8")
    assert report in capsys.readouterr().out
    assert all(f"| tiny | {name} |" in report for name in CONTENDERS)


def test_an_unknown_size_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIZES", "1m huge")
    with pytest.raises(SystemExit, match="'huge' is none of tiny, 1m, 10m, 25m"):
        run.main(tmp_path)


def test_reading_steam_libraries_is_measured_at_each_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = {"user_id": "ann", "items": [{"item_id": "10", "playtime_forever": 60}]}
    for name, line in (("my_users_items", library), ("steam_games", {"id": "10", "title": "A"})):
        (tmp_path / f"{name}.json.gz").write_bytes(gzip.compress(f"{line!r}\n".encode()))
    steam.main([str(tmp_path), "3"])
    times, pairs, seconds, *memory = capsys.readouterr().out.splitlines()[-1].split(" | ")
    assert (times, pairs) == ("| 3", "3")
    assert float(seconds) >= 0
    assert all(float(text.strip(" |").replace(",", "")) > 20 for text in memory)
