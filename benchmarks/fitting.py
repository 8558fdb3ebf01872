"""Measure fits of Marquee and of other libraries, alternating, and the training job."""

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
from benchmarks.generate import SIZES, Ratings, generate
from benchmarks.memory import run_measured
from benchmarks.peers import FITS
from benchmarks.results import Run, Section, markdown_table, run, tell

RANK = "64"
GROWTH = (("1m", "10m"), ("10m", "25m"))


def fitting(scratch: Path, sizes: Sequence[str]) -> Section:
    """Measure each of the sizes. ``REPEATS``: number of repetitions."""
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
    runs: dict[str, list[Run]] = {name: [] for name in FITS}
    for turn in range(repeats):
        for name, repeated in runs.items():
            files = (warm_up, folder / "train.parquet", folder / "test.parquet")
            # All use their own threads; without this, implicit is much slower.
            repeated.append(run("peers", name, *files, OPENBLAS_NUM_THREADS="1"))
            seconds = repeated[-1].figures["seconds"]
            tell(f"{size}, turn {turn + 1} of {repeats}: {name} {seconds:.1f} s")
    return runs


def _training_job(folder: Path) -> Run:
    """Run ``spark_jobs.train`` on MovieLens files, both models at rank 64, without evaluation."""
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
    return Run({"wall": wall, "fit": fit, "stages": manifest["seconds"]}, memory)


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
        job = jobs[size].figures
        ratios[f"job_rest_vs_fit_{size}"] = (job["wall"] - job["fit"]) / job["fit"]
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
    return statistics.median(run.figures[what] for run in runs)


def _report(
    fits: dict[str, dict[str, list[Run]]],
    jobs: dict[str, Run],
    ratios: dict[str, float],
    repeats: int,
) -> list[str]:
    fit_rows = []
    for size, runs in fits.items():
        for name, repeated in runs.items():
            seconds = sorted(run.figures["seconds"] for run in repeated)
            spread = f"({seconds[0]:.1f}–{seconds[-1]:.1f})"
            fit_rows.append(
                [
                    *(size, name, f"{statistics.median(seconds):.1f} {spread}"),
                    f"{_median(repeated, 'ndcg'):.4f}",
                    f"{max(run.memory for run in repeated):.1f} GB",
                ]
            )
    job_rows = []
    for size, job in jobs.items():
        wall, fit = job.figures["wall"], job.figures["fit"]
        spent = [f"{seconds:.1f} s" for seconds in (wall, fit, wall - fit)]
        job_rows.append([size, *spent, f"{job.memory:.1f} GB"])
    return [
        f"Medians of {repeats} alternating runs, the range of the seconds in brackets; rank 64, 10"
        " iterations, generated ratings; memory is the peak of a fit's processes.",
        "",
        *markdown_table(["ratings", "fit", "seconds", "NDCG@10", "memory"], fit_rows),
        "",
        "The training job on CSV files, both models at rank 64, start and end of Spark included:",
        "",
        *markdown_table(["ratings", "whole", "fitting", "the rest", "memory"], job_rows),
        "",
        *markdown_table(["ratio", ""], [[name, f"{ratio:.2f}"] for name, ratio in ratios.items()]),
    ]
