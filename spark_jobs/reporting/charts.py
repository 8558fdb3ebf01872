"""Charts as SVG text that stands inside a page and takes the page's colours and fonts.

Matplotlib draws with placeholder colours, which become the page's CSS variables, so that one chart
serves the light theme and the dark one. Charts are drawn as narrow as a telephone and only scaled
up, so that their labels stay legible.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Literal

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

WIDTH, HEIGHT = 4.4, 2.7  # inches of 72 points
# Placeholders, and the CSS variables of the page that they become.
TEXT, QUIET, LINE, AMBER, TEAL, SURFACE = (f"#0{n}0{n}0{n}" for n in range(1, 7))
VARIABLES = {
    TEXT: "--text",
    QUIET: "--quiet",
    LINE: "--line",
    AMBER: "--amber",
    TEAL: "--teal",
    SURFACE: "--surface",
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": TEXT,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.labelcolor": TEXT,
    "lines.linewidth": 1.8,
}
Rows = Sequence[Mapping[str, Any]]


def star_histogram(rows: Rows, unit: str) -> Markup:
    """``rows``: stars, or points of another scale, as ``unit`` says, and ratings."""
    figure, axes = _axes(f"{unit} given", "ratings")
    values = [row[unit] for row in rows]
    _bars_with_shares(axes, values, rows, 0.8 * values[0])
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    return _svg(figure, unit, f"How many ratings gave each number of {unit}")


def count_histogram(rows: Rows, unit: str) -> Markup:
    """``rows``: hours, or what else is counted ("1–2"), ratings."""
    hours = unit == "hours"
    figure, axes = _axes(*(("hours played", "games owned") if hours else (unit, "pairs")))
    _bars_with_shares(axes, range(len(rows)), rows, 0.8)
    axes.set_xticks(range(len(rows)), [row["hours"] for row in rows], rotation=45, ha="right")
    played = "How long the games that people own were played"
    return _svg(figure, "hours", played if hours else f"How many {unit} people have of each")


def _bars_with_shares(axes: Axes, at: Sequence[float], rows: Rows, width: float) -> None:
    """Draw a bar for each row, with its share of the total above it."""
    counts = [row["ratings"] for row in rows]
    bars = axes.bar(at, counts, width, color=AMBER)
    shares = [f"{count / sum(counts):.0%}" for count in counts]
    axes.bar_label(bars, shares, padding=3, color=QUIET, size=8)
    axes.yaxis.set_major_formatter(_short)


def ratings_over_time(rows: Rows) -> Markup:
    """``rows``: month ("1996-03"), ratings."""
    figure, axes = _axes("year", "ratings a month")
    at = [int(row["month"][:4]) + (int(row["month"][5:]) - 0.5) / 12 for row in rows]
    axes.bar(at, [row["ratings"] for row in rows], 1 / 12, color=TEAL, linewidth=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.yaxis.set_major_formatter(_short)
    return _svg(figure, "months", "Ratings in each month")


def rank_curve(name: str, rows: Rows, label: str) -> Markup:
    """Ratings of the first, second, … of ``name`` (people, titles). ``rows``: rank, ratings."""
    figure, axes = _axes(f"{name}, by how many ratings (log scale)", f"{label} (log scale)")
    ranks, counts = ([row[column] for row in rows] for column in ("rank", "ratings"))
    axes.loglog(ranks, counts, color=AMBER)
    axes.fill_between(ranks, counts, 1, color=AMBER, alpha=0.18, linewidth=0)
    axes.set_ylim(bottom=1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_short)
        axis.set_minor_locator(NullLocator())
    return _svg(figure, name, f"{name} by number of ratings, both axes logarithmic")


def genre_bars(rows: Rows, unit: str) -> Markup:
    """``rows``: genre, ratings, mean. ``unit``: of the mean, such as "stars" or "hours"."""
    figure, axes = _axes(f"ratings (and mean {unit})", "", height=0.24 * len(rows) + 0.6, grid="x")
    names, counts = ([row[column] for row in rows] for column in ("genre", "ratings"))
    forms = {"stars": "{mean:.2f}★", "points": "{mean:.1f}", "hours": "{mean:.0f} h"}
    form = forms.get(unit, "{mean:.0f}")
    means = [form.format(**row) for row in rows]
    axes.bar_label(axes.barh(names, counts, 0.7, color=TEAL), means, padding=4, color=QUIET, size=8)
    axes.invert_yaxis()
    axes.margins(x=0.14, y=0.02)
    axes.xaxis.set_major_formatter(_short)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    return _svg(figure, "genres", f"Ratings and mean {unit} of each genre")


def metric_bars(name: str, metric: str, rows: Rows, served: str, hint: str) -> Markup:
    """A dot for each row, with its standard deviation unless that is None. ``rows``: name, mean,
    sd."""
    figure, axes = _axes(f"{metric} ({hint})", "", height=0.3 * len(rows) + 0.75, grid="x")
    for n, row in enumerate(rows):
        ours = row["name"] == served
        colour = AMBER if ours else QUIET
        axes.errorbar(row["mean"], n, xerr=row["sd"], fmt="o", ms=7 if ours else 5.5, color=colour)
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows])
    for label in axes.get_yticklabels():
        label.set_color(TEXT)
        label.set_fontweight("bold" if label.get_text() == served else "normal")
    axes.invert_yaxis()
    axes.margins(x=0.08, y=0.12)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    spread = ", mean and standard deviation" if any(row["sd"] is not None for row in rows) else ""
    return _svg(figure, name, f"{metric} of model and baselines{spread}")


def fold_in_curve(curves: Mapping[str, Rows], served: str, name: str) -> Markup:
    """Quality after the first ratings. ``curves``: by ranker, ratings, ndcg, low, high. ``name``:
    of the chart in its page."""
    figure, axes = _axes("ratings given so far (log scale)", "NDCG@10", height=3.0)
    highest = max(curves, key=lambda ranker: curves[ranker][-1]["ndcg"])
    for ranker, points in curves.items():
        colour = AMBER if ranker == served else QUIET
        at, values, low, high = (
            [point[column] for point in points] for column in ("ratings", "ndcg", "low", "high")
        )
        axes.fill_between(at, low, high, color=colour, alpha=0.22, linewidth=0)
        style = "-" if ranker == served else "--"
        axes.plot(at, values, style, marker="o", ms=4.5, color=colour)
        above = ranker == highest
        axes.annotate(
            ranker,
            (at[-1], high[-1] if above else low[-1]),
            (0, 4 if above else -4),
            textcoords="offset points",
            ha="right",
            va="bottom" if above else "top",
            color=TEXT,
            weight="bold" if ranker == served else "normal",
        )
    axes.set_xscale("log")
    ticks = sorted({point["ratings"] for points in curves.values() for point in points})
    axes.set_xticks(ticks, [str(n) for n in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(bottom=0)
    axes.margins(y=0.2)
    return _svg(figure, name, "NDCG@10 after the first ratings, with 95 % intervals")


def ageing_curve(rows: Rows) -> Markup:
    """Quality by the age of a release. ``rows``: days, ndcg."""
    figure, axes = _axes("days since the last rating that was fitted", "NDCG@10")
    days, values = ([row[column] for row in rows] for column in ("days", "ndcg"))
    axes.plot(days, values, marker="o", ms=4.5, color=AMBER)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylim(bottom=0)
    axes.margins(y=0.2)
    return _svg(figure, "ageing", "NDCG@10 of later ratings by the age of the release")


def _axes(
    x: str, y: str, height: float = HEIGHT, grid: Literal["x", "y"] = "y"
) -> tuple[Figure, Axes]:
    with mpl.rc_context(STYLE):
        figure = Figure((WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.grid(visible=True, axis=grid)
        axes.tick_params(axis="y", length=0)
    return figure, axes


def _short(value: float, _: object) -> str:
    """Abbreviate a number: 12k, 1.5m."""
    for size, unit in ((1e6, "m"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _svg(figure: Figure, name: str, label: str) -> Markup:
    """Return the drawing without width and height, its ids prefixed with ``name``.

    It has no date and no random ids: the same figures give the same bytes. ``label``: for ARIA.
    """
    written = io.StringIO()
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    svg = written.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</defs>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'id="', f'id="{name}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{name}-", svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    svg = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]), svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    labelled = f'<svg role="img" aria-label="{escape(label)}" viewBox='
    svg = re.sub(r"<svg [^>]*?viewBox=(\"[^\"]*\")[^>]*>", rf"{labelled}\1>", svg, count=1)
    return Markup(svg)  # Matplotlib escapes the text in it  # noqa: S704  # nosec B704
