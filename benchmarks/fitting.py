"""What a fit costs: the contenders in turn, several times, and the training job beside them."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from benchmarks import data
from benchmarks.contenders import CONTENDERS
from benchmarks.generate import SIZES, Ratings, generate
from benchmarks.memory import run_measured
from benchmarks.results import Run, Section, run, tell

RANK = "64"
GROWTH = (("1m", "10m"), ("10m", "25m"))


def fitting(scratch: Path, sizes: Sequence[str]) -> Section:
    """Each of the sizes. ``REPEATS``: how many turns each contender has."""
    repeats = int(os.environ.get("REPEATS", "3"))
    fits: dict[str, dict[str, list[Run]]] = {}
    jobs: dict[str, Run] = {}
    warm_up = scratch / "warm-up.parquet"
    data.write(generate(SIZES[min(sizes, key=lambda size: SIZES[size].ratings)]), warm_up)
    for size in sizes:
        folder = scratch / size
        folder.mkdir()
        tell(f"generating {SIZES[size].ratings:,} ratings")
        parts = data.split(size)
        data.write(parts.train, folder / "train.parquet")
        data.write(parts.test, folder / "test.parquet")
        _write_movielens(parts.train, folder / "movielens")
        fits[size] = _fits(folder, warm_up, size, repeats)
        jobs[size] = _training_job(folder)
    ratios = _ratios(fits, jobs)
    return Section(_report(fits, jobs, ratios, repeats), ratios)


def _fits(folder: Path, warm_up: Path, size: str, repeats: int) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = {name: [] for name in CONTENDERS}
    for turn in range(repeats):
        for name, theirs in runs.items():
            files = (warm_up, folder / "train.parquet", folder / "test.parquet")
            # All bring threads of their own; without this implicit is a good deal slower.
            theirs.append(run("contenders", name, *files, OPENBLAS_NUM_THREADS="1"))
            seconds = theirs[-1].said["seconds"]
            tell(f"{size}, turn {turn + 1} of {repeats}: {name} {seconds:.1f} s")
    return runs


def _training_job(folder: Path) -> Run:
    """``spark_jobs.train`` on files as MovieLens has them, both models at rank 64, unmeasured."""
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
    tell(f"training job: {wall:.1f} s, of which fitting {fit:.1f} s")
    said = {"wall": wall, "fit": fit, "stages": manifest["seconds"]}
    return Run(said, memory)


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
    return ratios


def _median(runs: list[Run], what: str) -> float:
    return statistics.median(run.said[what] for run in runs)


def _report(
    fits: dict[str, dict[str, list[Run]]],
    jobs: dict[str, Run],
    ratios: dict[str, float],
    repeats: int,
) -> list[str]:
    lines = [
        f"Medians of {repeats} alternating runs, the range of the seconds in brackets; rank 64, 10"
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
        "The training job on CSV files, both models at rank 64, start and end of Spark included:",
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
    return lines
