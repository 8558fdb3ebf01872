"""Runs the contenders in turn, several times, and writes RESULTS.md and RESULTS.json.

    SIZES="1m 10m 25m" REPEATS=3 python -m benchmarks.run

Ratios are between medians of one run: machines differ, and one machine differs from hour to hour.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from benchmarks import data
from benchmarks.contenders import CONTENDERS
from benchmarks.generate import SIZES, Ratings, generate
from benchmarks.memory import run_measured

HERE = Path(__file__).parent
RANK = "64"
GROWTH = (("1m", "10m"), ("10m", "25m"))


@dataclass(frozen=True)
class Run:
    """One process: what it said of itself, and the most memory it and its children held, in GB."""

    said: dict[str, Any]
    memory: float


def main(results: Path = HERE) -> None:
    sizes = os.environ.get("SIZES", "1m 10m 25m").split()
    if unknown := set(sizes) - set(SIZES):
        sys.exit(f"SIZES: {unknown.pop()!r} is none of {', '.join(SIZES)}")
    repeats = int(os.environ.get("REPEATS", "3"))
    fits: dict[str, dict[str, list[Run]]] = {}
    jobs: dict[str, Run] = {}
    with tempfile.TemporaryDirectory(prefix="marquee-bench-") as scratch:
        warm_up = Path(scratch) / "warm-up.parquet"
        data.write(generate(SIZES[min(sizes, key=lambda size: SIZES[size].ratings)]), warm_up)
        for size in sizes:
            folder = Path(scratch) / size
            folder.mkdir()
            _tell(f"generating {SIZES[size].ratings:,} ratings")
            parts = data.split(size)
            data.write(parts.train, folder / "train.parquet")
            data.write(parts.test, folder / "test.parquet")
            _write_movielens(parts.train, folder / "movielens")
            fits[size] = _fits(folder, warm_up, size, repeats)
            jobs[size] = _training_job(folder)
    ratios = _ratios(fits, jobs)
    report = _report(fits, jobs, ratios, repeats)
    (results / "RESULTS.json").write_text(json.dumps(ratios, indent=2) + "\n", encoding="utf-8")
    (results / "RESULTS.md").write_text(report, encoding="utf-8")
    print(report)


def _fits(folder: Path, warm_up: Path, size: str, repeats: int) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = {name: [] for name in CONTENDERS}
    for turn in range(repeats):
        for name, theirs in runs.items():
            files = [str(warm_up), str(folder / "train.parquet"), str(folder / "test.parquet")]
            contender = [sys.executable, "-m", "benchmarks.contenders", name, *files]
            # All bring threads of their own; without this implicit is a good deal slower.
            theirs.append(_run(["env", "OPENBLAS_NUM_THREADS=1", *contender]))
            seconds = theirs[-1].said["seconds"]
            _tell(f"{size}, turn {turn + 1} of {repeats}: {name} {seconds:.1f} s")
    return runs


def _training_job(folder: Path) -> Run:
    """``spark_jobs.train`` on files as MovieLens has them, both heads at rank 64, unmeasured."""
    releases = folder / "releases"
    job = [sys.executable, "-m", "spark_jobs.train", "--releases", str(releases)]
    job += ["--data", str(folder / "movielens"), "--promote", "always"]
    job += ["--ranking-rank", RANK, "--rating-rank", RANK]
    started = time.perf_counter()
    memory = run_measured(job).memory
    wall = time.perf_counter() - started
    current = json.loads((releases / "current.json").read_text("utf-8"))["version"]
    manifest = json.loads((releases / current / "release.json").read_text("utf-8"))
    fit = sum(seconds for stage, seconds in manifest["seconds"].items() if "fitting" in stage)
    _tell(f"training job: {wall:.1f} s, of which fitting {fit:.1f} s")
    said = {"wall": wall, "fit": fit, "stages": manifest["seconds"]}
    return Run(said, memory)


def _run(command: Sequence[str]) -> Run:
    finished = run_measured(command)
    return Run(json.loads(finished.output.splitlines()[-1]), finished.memory)


def _write_movielens(ratings: Ratings, folder: Path) -> None:
    folder.mkdir()
    columns = {
        "userId": ratings.users,
        "movieId": ratings.items,
        "rating": ratings.stars,
        "timestamp": pa.array(range(1_000_000_000, 1_000_000_000 + len(ratings.stars))),
    }
    plain = csv.WriteOptions(quoting_style="none", quoting_header="none")
    csv.write_csv(pa.table(columns), folder / "ratings.csv", plain)
    titles = (f"{n},Film {n} (1999),Drama" for n in range(int(ratings.items.max()) + 1))
    (folder / "movies.csv").write_text("movieId,title,genres\n" + "\n".join(titles) + "\n", "utf-8")


def _ratios(fits: dict[str, dict[str, list[Run]]], jobs: dict[str, Run]) -> dict[str, float]:
    ratios = {}
    for size, runs in fits.items():
        seconds = {name: _median(runs[name], "seconds") for name in runs}
        ndcg = {name: _median(runs[name], "ndcg") for name in runs}
        ratios[f"fit_vs_mllib_{size}"] = seconds["mllib"] / seconds["ours"]
        ratios[f"fit_vs_implicit_{size}"] = seconds["implicit"] / seconds["ours unscaled"]
        ratios[f"ndcg_vs_mllib_{size}"] = ndcg["ours"] / ndcg["mllib"]
        ratios[f"ndcg_vs_implicit_{size}"] = ndcg["ours unscaled"] / ndcg["implicit"]
        said = jobs[size].said
        ratios[f"job_rest_vs_fit_{size}"] = (said["wall"] - said["fit"]) / said["fit"]
        ratios[f"job_memory_gb_{size}"] = jobs[size].memory
    for small, large in GROWTH:
        if small in fits and large in fits:
            grown = _median(fits[large]["ours"], "seconds") / _median(
                fits[small]["ours"], "seconds"
            )
            more = SIZES[large].ratings / SIZES[small].ratings
            ratios[f"fit_growth_{small}_to_{large}_vs_linear"] = grown / more
    return {name: round(ratio, 3) for name, ratio in ratios.items()}


def _median(runs: list[Run], what: str) -> float:
    return statistics.median(run.said[what] for run in runs)


def _report(
    fits: dict[str, dict[str, list[Run]]],
    jobs: dict[str, Run],
    ratios: dict[str, float],
    repeats: int,
) -> str:
    lines = [
        "# Results",
        "",
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {_machine()}. Medians of"
        f" {repeats} alternating runs, the range of the seconds in brackets; rank 64, 10"
        " iterations, generated ratings; memory is the most a contender's processes held.",
        "",
        "| ratings | fit | seconds | NDCG@10 | memory |",
        "| --- | --- | --- | --- | --- |",
    ]
    for size, runs in fits.items():
        for name, theirs in runs.items():
            seconds = sorted(run.said["seconds"] for run in theirs)
            memory = max(run.memory for run in theirs)
            lines.append(
                f"| {size} | {name} | {statistics.median(seconds):.1f}"
                f" ({seconds[0]:.1f}–{seconds[-1]:.1f}) | {_median(theirs, 'ndcg'):.4f}"
                f" | {memory:.1f} GB |"
            )
    lines += [
        "",
        "The training job on CSV files, both heads at rank 64, start and end of Spark included:",
        "",
        "| ratings | whole | fitting | the rest | memory |",
        "| --- | --- | --- | --- | --- |",
    ]
    for size, job in jobs.items():
        wall, fit = job.said["wall"], job.said["fit"]
        lines.append(
            f"| {size} | {wall:.1f} s | {fit:.1f} s | {wall - fit:.1f} s | {job.memory:.1f} GB |"
        )
    lines += ["", "| ratio | |", "| --- | --- |"]
    lines += [f"| {name} | {ratio:.2f} |" for name, ratio in ratios.items()]
    return "\n".join(lines) + "\n"


def _machine() -> str:
    model = platform.processor() or "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text("utf-8").splitlines() if "model name" in line]
        model = names[0].partition(":")[2].strip() if names else model
    java = subprocess.run(  # the first java there is, as Spark takes it  # nosec B603 B607
        ["java", "-version"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    runtime = java.stderr.splitlines()[0] if java.stderr else "no Java"
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}, {runtime}"


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
