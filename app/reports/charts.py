"""Coordinates of charts, which templates draw as SVG without scripts and inline styles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.reports.accuracy import WINDOW, Accuracy
from recommender.confidence_intervals import Interval

WIDTH, HEIGHT = 640, 220
LEFT, BOTTOM, TOP, RIGHT = 36, 28, 12, 8


@dataclass(frozen=True)
class Line:
    """``points``: as in an SVG polyline. ``end``: the last of them."""

    name: str
    points: str
    end: tuple[float, float]


@dataclass(frozen=True)
class Chart:
    """``ticks``: (y, label) of horizontal rules. ``ends``: labels of the first and last x."""

    lines: list[Line]
    ticks: list[tuple[float, str]]
    ends: tuple[str, str]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT


def errors_over_time(accuracy: Accuracy) -> Chart | None:
    """Return two curves of the mean error in stars; None for too few ratings."""
    curves = accuracy.curves
    if len(curves) < 2:
        return None
    highest = max(max(pair) for pair in curves)
    top = max(1.0, -(-highest // 0.5) * 0.5)
    lines = [
        _line(name, [pair[which] for pair in curves], top)
        for which, name in enumerate(("our guesses", "everyone’s average"))
    ]
    ticks = [(_y(step / 2, top), f"{step / 2:g}") for step in range(int(top * 2) + 1)]
    return Chart(lines, ticks, (f"rating {WINDOW}", f"rating {len(accuracy.predictions)}"))


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    value: int


def weekly_bars(values: Sequence[int]) -> list[Bar]:
    """Return one bar for each week, scaled to the highest, in a box of 120 × 48."""
    top = max([*values, 1])
    step = 120 / max(len(values), 1)
    heights = [max(44 * value / top, 0.5) for value in values]
    return [
        Bar(round(n * step, 2), round(48 - height, 2), round(step - 2, 2), round(height, 2), value)
        for n, (height, value) in enumerate(zip(heights, values, strict=True))
    ]


@dataclass(frozen=True)
class Span:
    """An estimate on an axis, and its interval if it has one."""

    at: float
    start: float | None
    end: float | None


@dataclass(frozen=True)
class Spans:
    """Estimates on an axis from ``low`` to ``high``, in a box 240 wide; ``zero``: the x of 0."""

    spans: list[Span]
    low: float
    high: float
    zero: float


def spans(estimates: Sequence[Interval], low: float, high: float) -> Spans:
    """Place estimates on an axis; intervals are cut off at its ends."""

    def x(value: float) -> float:
        return round(4 + 232 * (min(max(value, low), high) - low) / (high - low), 1)

    drawn = [
        Span(x(e.value), *(None if end is None else x(end) for end in (e.low, e.high)))
        for e in estimates
    ]
    return Spans(drawn, low, high, x(0))


def reach(estimates: Sequence[Interval]) -> float:
    """Return the greatest distance from 0 of the intervals, rounded up to 1, 2 or 5 and zeros."""
    ends = (e.value if end is None else end for e in estimates for end in (e.low, e.high))
    farthest = max(abs(end) for end in ends)
    if not farthest:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(farthest))
    return next(step * unit for step in (1, 2, 5, 10) if step * unit >= farthest)


def _line(name: str, values: Sequence[float], top: float) -> Line:
    step = (WIDTH - LEFT - RIGHT) / (len(values) - 1)
    points = [(LEFT + step * number, _y(value, top)) for number, value in enumerate(values)]
    return Line(name, " ".join(f"{x:.1f},{y:.1f}" for x, y in points), points[-1])


def _y(value: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP), 1)
