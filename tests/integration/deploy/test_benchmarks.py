"""A tiny run of every benchmark, to check that it works."""

from __future__ import annotations

import gzip
import importlib
import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from msgspec.structs import replace

from benchmarks import (
    data,
    fitting,
    http,
    peers,
    recommending,
    results,
    run,
    sender,
    serving,
    steam,
)
from benchmarks.generate import SIZES, generate
from benchmarks.memory import run_measured
from benchmarks.peers import FITS
from benchmarks.results import Run, Section
from benchmarks.sender import Job
from benchmarks.serving import Target
from tests.support import databases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_generated_ratings_have_a_realistic_distribution() -> None:
    size = SIZES["tiny"]
    ratings = generate(size)
    pairs = ratings.users.astype(np.int64) * size.items + ratings.items
    assert len(np.unique(pairs)) == len(ratings.stars) == size.ratings
    assert set(np.unique(2 * ratings.stars).tolist()) <= set(range(1, 11))
    of_titles = np.sort(np.bincount(ratings.items, minlength=size.items))
    assert of_titles[-12:].sum() > 0.3 * size.ratings  # a tenth of the titles
    assert generate(size).stars.tobytes() == ratings.stars.tobytes()
    assert generate(size, seed=2).stars.tobytes() != ratings.stars.tobytes()


def test_generated_ratings_contain_learnable_preferences() -> None:
    """Eight factors explain more variance than in shuffled ratings."""
    ratings = generate(SIZES["tiny"])
    table = np.full((SIZES["tiny"].users, SIZES["tiny"].items), np.nan)
    table[ratings.users, ratings.items] = ratings.stars
    table -= np.nanmean(table)
    explained = np.linalg.svd(np.nan_to_num(table), compute_uv=False) ** 2
    shuffled = np.random.default_rng(1).permutation(np.nan_to_num(table).ravel())
    by_chance = np.linalg.svd(shuffled.reshape(table.shape), compute_uv=False) ** 2
    assert explained[:8].sum() > 1.2 * by_chance[:8].sum()


def test_split_holds_out_liked_ratings_that_are_not_in_training() -> None:
    parts = data.split("tiny")
    assert len(parts.train.stars) + len(parts.test.stars) == SIZES["tiny"].ratings
    assert parts.test.stars.min() >= data.LIKED
    trained = set(zip(parts.train.users.tolist(), parts.train.items.tolist(), strict=True))
    held_out = set(zip(parts.test.users.tolist(), parts.test.items.tolist(), strict=True))
    assert held_out
    assert not trained & held_out


def test_ndcg_is_1_for_the_test_part_and_low_for_its_inverse() -> None:
    parts = data.split("tiny")
    size = SIZES["tiny"]
    liked = np.zeros((size.users, size.items), np.float32)
    liked[parts.test.users, parts.test.items] = 1
    titles = np.eye(size.items, dtype=np.float32)
    assert data.ndcg(parts, liked, titles) == pytest.approx(1)
    assert data.ndcg(parts, -liked, titles) < 0.2


def test_run_measured_adds_memory_of_all_processes_and_reports_failure() -> None:
    hungry = "import time; held = bytearray(200_000_000); time.sleep(2); print('done')"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hungry!r}])"
    finished = run_measured(["python3", "-c", code])
    assert finished.output == "done\n"
    assert 0.2 <= finished.memory < 0.4
    with pytest.raises(SystemExit, match="no such benchmark"):
        run_measured(["python3", "-c", "raise SystemExit('no such benchmark')"])


@pytest.fixture
def in_this_process(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run benchmarks in this process, with the shared Spark session and little data."""

    def run_here(module: str, *arguments: object, **_environ: str) -> Run:
        monkeypatch.setattr("sys.argv", [module, *map(str, arguments)])
        with redirect_stdout(io.StringIO()) as printed:
            importlib.import_module(f"benchmarks.{module}").main()
        return Run(json.loads(printed.getvalue().splitlines()[-1]), memory=0.1)

    for part in (fitting, serving):
        monkeypatch.setattr(part, "run", run_here)
    monkeypatch.setattr(fitting, "RANK", "8")
    small = {
        name: (fit, replace(params, rank=8, iterations=2))
        for name, (fit, params) in peers.FITS.items()
    }
    monkeypatch.setattr(peers, "FITS", small)
    monkeypatch.setattr(recommending, "PARAMS", replace(peers.PARAMS, rank=8, iterations=2))
    for name, little in {"PEOPLE": 5, "FEW": 1, "TURNS": 1, "LARGE": 500, "SLICE": 20}.items():
        monkeypatch.setattr(recommending, name, little)
    monkeypatch.setattr(http, "STARTS", 1)
    monkeypatch.setenv("SIZES", "tiny")
    monkeypatch.setenv("REPEATS", "1")
    monkeypatch.setenv("SECONDS", "1")
    monkeypatch.setenv("RELEASE_POLL_SECONDS", "0.2")


@pytest.mark.filterwarnings("ignore:OpenBLAS is configured")  # it is the default in its own process
@pytest.mark.usefixtures("in_this_process")
def test_fitting_benchmark_measures_every_peer_and_the_training_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARTS", "fitting")
    run.main(tmp_path)
    ratios = json.loads((tmp_path / "RESULTS.json").read_text("utf-8"))["fitting"]
    assert set(ratios) == {
        "date",
        *("fit_vs_mllib_tiny", "ndcg_vs_mllib_tiny"),
        *("fit_vs_implicit_tiny", "ndcg_vs_implicit_tiny"),
        *("job_rest_vs_fit_tiny", "job_memory_gb_tiny"),
    }
    numbers = {name: ratio for name, ratio in ratios.items() if name != "date"}
    assert all(ratio > 0 for name, ratio in numbers.items() if name != "fit_vs_implicit_tiny")
    report = (tmp_path / "RESULTS.md").read_text("utf-8")
    assert all(f"| tiny | {name} |" in report for name in FITS)
    assert all(line in report for line in capsys.readouterr().out.splitlines())


@pytest.mark.filterwarnings("ignore:OpenBLAS is configured")
@pytest.mark.usefixtures("in_this_process")
def test_serving_benchmark_compares_recommending_and_site_with_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases.programs("postgresql")
    monkeypatch.setenv("PARTS", "serving")
    run.main(tmp_path)
    figures = json.loads((tmp_path / "RESULTS.json").read_text("utf-8"))["serving"]
    names = ("implicit", "surprise", "ranking alone", "as served", "a million titles")
    assert all(figures[f"one: {name}, microseconds"] > 0 for name in names)
    assert all(figures[f"everyone: {name}, seconds"] > 0 for name in ("ours", "mllib"))
    for way in ("closed", "open", "page"):
        assert figures[f"{way}: a_second"] > 0
        assert figures[f"{way}: median"] <= figures[f"{way}: p99"] <= figures[f"{way}: slowest"]
        assert 0 < figures[f"{way}: sender"] < 1
    assert 0 < figures["page: compressed"] < figures["page: kilobytes"]
    assert 0 < figures["memory: proportional"] <= figures["memory: resident"]
    assert all(figures[f"swap: {name}"] > 0 for name in ("seconds", "slowest", "slowest_else"))
    table = (tmp_path / "RESULTS.md").read_text("utf-8").partition("| what |")[2]
    shown_text = table.partition("\n\n")[0].splitlines()[2:]
    assert len(shown_text) == 11
    assert all(line.endswith((" met |", " % |")) for line in shown_text)


def test_target_is_met_at_its_limit_and_otherwise_states_the_factor() -> None:
    cells = [
        Target("time", 20, "ms", 20).cells,
        Target("time", 30, "ms", 20, more="busy").cells,
        Target("speed", 600, "a second", 500, least=True).cells,
        Target("speed", 400, "a second", 500, least=True).cells,
    ]
    assert cells == [
        ["time", "20 ms", "≤ 20 ms", "met"],
        ["time", "30 ms (busy)", "≤ 20 ms", "missed by 50 %"],
        ["speed", "600 a second", "≥ 500 a second", "met"],
        ["speed", "400 a second", "≥ 500 a second", "missed by 20 %"],
    ]


def test_results_of_other_parts_are_kept(tmp_path: Path) -> None:
    results.write(tmp_path, "serving", Section(["fast"], {"a": 1.0}))
    results.write(tmp_path, "fitting", Section(["slow", "", "| b |"], {"b": 2.0}))
    results.write(tmp_path, "serving", Section(["faster"], {"a": 0.51239}))
    text = (tmp_path / "RESULTS.md").read_text("utf-8")
    assert [line for line in text.splitlines() if line in ("fast", "slow", "| b |", "faster")] == [
        *("slow", "| b |", "faster")
    ]
    figures = json.loads((tmp_path / "RESULTS.json").read_text("utf-8"))
    assert (figures["fitting"]["b"], figures["serving"]["a"]) == (2.0, 0.512)
    assert figures["fitting"]["date"] in text


def test_open_loop_latency_counts_from_the_scheduled_time() -> None:
    """A server that answers one request at a time, each after 50 ms, asked every 10 ms."""
    with slow_server(seconds=0.05) as port:
        question = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        closed = sender.send(Job(port, [question], connections=1, seconds=0.5))
        late = sender.send(Job(port, [question], connections=1, seconds=0.5, rate=100))
    assert closed.statuses.keys() == late.statuses.keys() == {"200"}
    assert len(late.took) == 50
    assert closed.milliseconds(100) < 300 < late.milliseconds(90)
    gaps = np.diff(sorted(late.due))
    assert gaps == pytest.approx(np.full(49, 0.01))


@contextmanager
def slow_server(seconds: float) -> Iterator[int]:
    class Slow(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(seconds)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "asked", "printed"),
    [
        ("SIZES", "1m huge", "SIZES: 'huge' is none of tiny, 1m, 10m, 25m"),
        ("PARTS", "serving lunch", "PARTS: 'lunch' is none of fitting, serving"),
    ],
)
def test_benchmark_rejects_an_unknown_size_or_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, asked: str, printed: str
) -> None:
    monkeypatch.setenv(name, asked)
    with pytest.raises(SystemExit, match=printed):
        run.main(tmp_path)


def test_steam_benchmark_measures_each_size(
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
