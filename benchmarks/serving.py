"""Measure recommending, in process and over HTTP, and compare with targets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import data
from benchmarks.generate import SIZES
from benchmarks.results import Run, Section, markdown_table, run, tell

LATENCIES = {"median": "median", "90 %": "p90", "99 %": "p99", "slowest": "slowest"}


@dataclass(frozen=True)
class Target:
    """``seen`` must be at most ``limit``, or at least that if ``least``. ``more``: extra text."""

    what: str
    seen: float
    unit: str
    limit: float
    least: bool = False
    more: str = ""

    @property
    def cells(self) -> list[str]:
        sign, more = "≥" if self.least else "≤", f" ({self.more})" if self.more else ""
        seen, limit = (f"{number:,.4g} {self.unit}" for number in (self.seen, self.limit))
        return [self.what, f"{seen}{more}", f"{sign} {limit}", self._met]

    @property
    def _met(self) -> str:
        over = self.seen / self.limit - 1
        short = -over if self.least else over
        return "met" if short <= 0 else f"missed by {100 * short:.0f} %"


def serving(scratch: Path, sizes: Sequence[str]) -> Section:
    """Measure serving at the largest size. ``SECONDS``: duration of each load over HTTP."""
    size = max(sizes, key=lambda size: SIZES[size].ratings)
    train, fitted = scratch / "train.parquet", scratch / "fitted.npz"
    tell(f"generating {SIZES[size].ratings:,} ratings, and fitting them")
    data.write(data.split(size).train, train)
    run("recommending", "fit", train, fitted, OPENBLAS_NUM_THREADS="1")
    tell("recommending to one at a time")
    one = run("recommending", "one", train, fitted, OPENBLAS_NUM_THREADS="1").figures
    tell("recommending to everyone")
    everyone = run("recommending", "everyone", train, fitted, OPENBLAS_NUM_THREADS="1")
    tell("serving over HTTP")
    http = run("http", train, fitted, os.environ.get("SECONDS", "20")).figures
    targets = _of_the_model(one, everyone.figures, SIZES[size].items) + _of_the_site(http)
    return Section(_lines(size, targets, one, everyone, http), _figures(one, everyone, http))


def _of_the_model(one: dict[str, float], everyone: dict[str, float], items: int) -> list[Target]:
    ours, peer, large = one["ranking alone"], one["implicit"], one["a million titles"]
    fold_in = f"fold-in and top-20 of {items:,} titles, against `implicit`"
    factor = everyone["mllib"] / everyone["ours"]
    output = f"{everyone['ours']:.1f} and {everyone['mllib']:.0f} s"
    return [
        Target(fold_in, ours / peer, "of its time", 0.2, more=f"{ours:.0f} and {peer:.0f} µs"),
        Target("the same of a million", 1e6 / large, "a second", 1000, least=True),
        Target(
            "top-20 of everyone, against MLlib", factor, "times faster", 20, least=True, more=output
        ),
    ]


def _of_the_site(http: dict[str, Any]) -> list[Target]:
    half, swap, page, memory = http["open"], http["swap"], http["page"], http["memory"]
    most, unpacked = http["closed"]["a_second"], f"{page['kilobytes']:.0f} before nginx packs it"
    resident, else_ = f"{memory['resident']:.0f} resident", f"{swap['slowest_else']:.0f} else"
    return [
        Target("`GET …/recommendations`, as many as can be", most, "a second", 500, least=True),
        Target("median at half of that", half["median"], "ms", 4),
        Target("99th percentile at half of that", half["p99"], "ms", 20),
        Target("the recommendations page, in the server", page["server"], "ms", 15),
        Target("its first visit without pictures", page["compressed"], "kB", 150, more=unpacked),
        Target("memory of a worker", memory["proportional"], "MB", 160, more=resident),
        Target("ready after the start", http["start"]["seconds"], "s", 2),
        Target("slowest request during a swap", swap["slowest"], "ms", 50, more=else_),
    ]


def _lines(
    size: str, targets: Sequence[Target], one: dict[str, float], everyone: Run, http: dict[str, Any]
) -> list[str]:
    return [
        f"Factors of rank 64 fitted to the generated ratings of {size}. HTTP: gunicorn as the"
        " Procfile starts it, PostgreSQL, 2,000 people with 100 ratings each, connections that"
        " stay open; sender, workers and database share the machine, rate limits are counted but"
        " let everything through. Half load comes at a fixed rate, and latencies count from when a"
        " request was due.",
        "",
        *markdown_table(["what", "seen", "target", ""], [target.cells for target in targets]),
        "",
        *markdown_table(
            ["one person on one core", "microseconds"],
            [[name, f"{microseconds:,.0f}"] for name, microseconds in one.items()],
        ),
        "",
        f"Everyone: {everyone.memory:.1f} GB held by all processes, MLlib's among them.",
        "",
        *markdown_table(
            ["over HTTP", "requests a second", *LATENCIES, "sender, of a core"],
            [
                _load_cells("closed loop, 16 connections", http["closed"]),
                _load_cells("open loop, half of that", http["open"]),
                _load_cells("the page, one visitor", http["page"]),
            ],
        ),
        "",
        f"Swap: from the promotion until both workers serve the new release"
        f" {http['swap']['seconds']:.1f} s; 99 % of the requests due then took at most"
        f" {http['swap']['p99']:.1f} ms, of those before and after {http['swap']['p99_else']:.1f}.",
    ]


def _load_cells(name: str, load: dict[str, float]) -> list[str]:
    latencies = (f"{load[which]:.1f} ms" for which in LATENCIES.values())
    return [name, f"{load['a_second']:.0f}", *latencies, f"{100 * load['sender']:.0f} %"]


def _figures(one: dict[str, float], everyone: Run, http: dict[str, Any]) -> dict[str, float]:
    figures = {f"one: {name}, microseconds": spent for name, spent in one.items()}
    figures |= {f"everyone: {name}, seconds": spent for name, spent in everyone.figures.items()}
    figures["everyone: memory, GB"] = everyone.memory
    for what, output in http.items():
        figures |= {f"{what}: {name}": figure for name, figure in output.items()}
    return figures
