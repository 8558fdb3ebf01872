"""Charts as numbers for SVG: templates draw them, without script and without inline style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.accuracy import WINDOW, Accuracy

WIDTH, HEIGHT = 640, 220
LEFT, BOTTOM, TOP, RIGHT = 36, 28, 12, 8


@dataclass(frozen=True)
class Line:
    """``points``: as in an SVG polyline. ``end``: where the last one is."""

    name: str
    points: str
    end: tuple[float, float]


@dataclass(frozen=True)
class Chart:
    """``ticks``: (y, label) of the horizontal rules; ``ends``: labels of the first and last x."""

    lines: list[Line]
    ticks: list[tuple[float, str]]
    ends: tuple[str, str]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT


def errors_over_time(told: Accuracy) -> Chart | None:
    """Two curves of mean error in stars; None for too few ratings."""
    curves = told.curves
    if len(curves) < 2:
        return None
    highest = max(max(pair) for pair in curves)
    top = max(1.0, -(-highest // 0.5) * 0.5)
    lines = [
        _line(name, [pair[which] for pair in curves], top)
        for which, name in enumerate(("our guesses", "everyone’s average"))
    ]
    ticks = [(_y(step / 2, top), f"{step / 2:g}") for step in range(int(top * 2) + 1)]
    return Chart(lines, ticks, (f"rating {WINDOW}", f"rating {len(told.told)}"))


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    value: int


def weekly_bars(values: Sequence[int]) -> list[Bar]:
    """One bar a week, in a box of 120 × 48; the tallest is the highest of them."""
    top = max([*values, 1])
    step = 120 / max(len(values), 1)
    heights = [max(44 * value / top, 0.5) for value in values]
    return [
        Bar(round(n * step, 2), round(48 - height, 2), round(step - 2, 2), round(height, 2), value)
        for n, (height, value) in enumerate(zip(heights, values, strict=True))
    ]


def _line(name: str, values: Sequence[float], top: float) -> Line:
    step = (WIDTH - LEFT - RIGHT) / (len(values) - 1)
    points = [(LEFT + step * number, _y(value, top)) for number, value in enumerate(values)]
    return Line(name, " ".join(f"{x:.1f},{y:.1f}" for x, y in points), points[-1])


def _y(value: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP), 1)
