"""Reports as a person wants to read them: one HTML file each, which needs nothing beside it.

No script, no address that is fetched, styles and charts inline: a page may be mailed, and the site
shows it in a sandbox. Figures come as the JSON of ``evaluate`` and ``explore``; what a report may
have or lack (seconds, exploration, comparison, gate) is shown where it is there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from recommender.feedback import IMPLICIT
from spark_jobs.config.configuration import PARAMS
from spark_jobs.protocols import METRICS, PROTOCOLS, SERVED, Metric
from spark_jobs.reporting import charts

Figures = Mapping[str, Any]
FACTOR_BYTES = 4  # of a float32


HINTS = {1: "higher is better", -1: "lower is better", 0: "neither end is best"}
ARROWS = {1: "↑", -1: "↓", 0: ""}


def write(out: Path, figures: Figures, page: Callable[[Figures, str], str]) -> Path:
    """Write ``figures`` as JSON to ``out`` and as a page beside it; gives the page's path."""
    beside = out.with_suffix(".html")
    out.write_text(as_json(figures), encoding="utf-8")
    beside.write_text(page(figures, out.name), encoding="utf-8")
    return beside


def report_files(evaluation: Figures) -> dict[str, bytes]:
    """The files of a release's ``report/`` folder, by name."""
    page = evaluation_page(evaluation, "report.json")
    return {"index.html": page.encode(), "report.json": as_json(evaluation).encode()}


def as_json(figures: Figures) -> str:
    """Figures as JSON, where what has no value is null."""
    return json.dumps(_valid(figures), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _valid(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _valid(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_valid(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# --- pages ---


def evaluation_page(evaluation: Figures, json_name: str) -> str:
    """``evaluation``: what ``evaluate --out`` holds. ``json_name``: the file beside the page."""
    facts = evaluation["data"]
    kind = "Validation" if evaluation.get("validation") else "Test"
    seeds = ", ".join(map(str, evaluation["seeds"]))
    which = "seed" if len(evaluation["seeds"]) == 1 else "seeds"
    lead = (
        "How good the recommendations are, measured on ratings that the model has not seen."
        f" {kind} splits, {which} {seeds}. The whole catalogue is ranked but what a person has"
        " rated."
    )
    sections = [
        _cards(_headlines(evaluation["protocols"])),
        _gate(evaluation.get("gate")),
        _quality(evaluation["protocols"]),
        _first_ratings(evaluation.get("fold_in_curve")),
        _comparison(evaluation.get("comparison")),
        _model(evaluation),
        _section("The data", _data(evaluation.get("exploration")) or _counts(facts)),
        _again(evaluation, json_name),
    ]
    return _page(f"Evaluation: {facts['name']}", lead, facts, sections)


def exploration_page(explored: Figures, json_name: str) -> str:
    """``explored``: what ``explore --out`` holds."""
    months = explored["months"]
    when = f", from {months[0]['month']} to {months[-1]['month']}" if months else ""
    lead = f"What the ratings are like{when}, before anything is fitted on them."
    sections = [_data(explored), _again(explored, json_name)]
    return _page(f"Data: {explored['data']['name']}", lead, explored["data"], sections)


def _page(title: str, lead: str, facts: Figures, sections: Iterable[str]) -> str:
    style = (resources.files("spark_jobs.reporting") / "report.css").read_text(encoding="utf-8")
    simulated = (
        '<p class="notice">These people are simulated: the figures show that everything works, and'
        " say nothing about people’s taste.</p>"
        if facts.get("simulated")
        else ""
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} – Marquee</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f'<header><p class="name">Marquee</p></header>\n<main>\n<h1>{escape(title)}</h1>\n'
        f'<p class="lead">{escape(lead)}</p>\n{simulated}'
        + "\n".join(filter(None, sections))
        + "\n</main>\n</body>\n</html>\n"
    )


# --- quality ---


def _headlines(protocols: Figures) -> list[tuple[str, str, str]]:
    """(figure, what it is, beside what) of each protocol."""
    return [
        (_headline(metric, rows[SERVED][metric]["mean"]), headline, _best_baseline(rows, metric))
        for name, rows in protocols.items()
        for metric, headline in PROTOCOLS[name].headlines.items()
        if metric in rows[SERVED]
    ]


def _headline(metric: str, value: Any) -> str:
    if metric.startswith("coverage") and _is_number(value):
        return f"{value:.1%}"
    return f"{value:.3f}" if _is_number(value) else "–"


def _best_baseline(rows: Figures, metric: str) -> str:
    better = METRICS[metric].direction
    others = [
        (better * row[metric]["mean"], name)
        for name, row in rows.items()
        if name != SERVED and metric in row and _is_number(row[metric]["mean"])
    ]
    if not others or not better:
        return ""
    best, name = max(others)
    return f"best baseline: {_headline(metric, better * best)} ({name})"


def _quality(protocols: Figures) -> str:
    parts = []
    for name, rows in protocols.items():
        told = PROTOCOLS[name]
        drawn = [metric for metric in told.headlines if metric in rows[SERVED]]
        charts = "".join(_chart(name, metric, rows) for metric in drawn)
        table = _contenders(rows)
        beside = f'<div class="beside">{charts}{table}</div>' if charts else table
        parts.append(f"<h3>{name}. {escape(told.title)}</h3><p>{escape(told.sentence)}</p>{beside}")
    names = dict.fromkeys(
        metric for rows in protocols.values() for metric in next(iter(rows.values()))
    )
    parts.append(_definitions({name: METRICS[name].sentence for name in names if name in METRICS}))
    return _section("Quality beside baselines", "".join(parts))


def _chart(protocol: str, metric: str, rows: Figures) -> str:
    """Nothing where there is nobody to compare with."""
    drawn = [
        {"name": contender, **measured[metric]}
        for contender, measured in rows.items()
        if _is_number(measured[metric]["mean"])
    ]
    if len(drawn) < 2:
        return ""
    hint = HINTS[METRICS[metric].direction]
    return _figure(charts.contenders(f"{protocol}-{metric[:4]}", metric, drawn, SERVED, hint))


def _contenders(rows: Figures) -> str:
    """Mean ± standard deviation of every metric, the best of each column marked."""
    names = list(next(iter(rows.values())))
    best = {name: _best([row[name]["mean"] for row in rows.values()], name) for name in names}
    head = "".join(
        f'<th scope="col">{escape(name)}{_direction(METRICS.get(name))}</th>' for name in names
    )
    body = []
    for contender, measured in rows.items():
        cells = []
        for name in names:
            value, sd = measured[name]["mean"], _number(measured[name]["sd"])
            spread = f" <small>±{sd}</small>" if len(measured[name]["seeds"]) > 1 else ""
            mark = ' class="best"' if best[name] is not None and value == best[name] else ""
            cells.append(f"<td{mark}>{_number(value)}{spread}</td>")
        ours = ' class="ours"' if contender == SERVED else ""
        body.append(f'<tr{ours}><th scope="row">{escape(contender)}</th>{"".join(cells)}</tr>')
    each = [measured[name]["seeds"] for measured in rows.values() for name in names]
    told = ["Mean ± standard deviation over the seeds"] if max(map(len, each)) > 1 else []
    if any(value is not None for value in best.values()):
        told.append("the best of a column is marked")
    words = "; ".join(told)
    return _table(words, f"<tr><th></th>{head}</tr>", "".join(body))


def _best(values: Sequence[Any], name: str) -> float | None:
    better = METRICS[name].direction if name in METRICS else 0
    known = [value for value in values if _is_number(value)]
    return better * max(better * v for v in known) if better and len(known) > 1 else None


def _direction(metric: Metric | None) -> str:
    if metric is None or not metric.direction:
        return ""
    return f' <span title="{HINTS[metric.direction]}">{ARROWS[metric.direction]}</span>'


def _first_ratings(curves: Figures | None) -> str:
    if not curves:
        return ""
    counts = [point["ratings"] for point in next(iter(curves.values()))]
    head = "".join(f'<th scope="col">{count}</th>' for count in counts)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(
            f"<td>{p['ndcg']:.3f} <small>{p['low']:.3f}–{p['high']:.3f}</small></td>"
            for p in points
        )
        + "</tr>"
        for name, points in curves.items()
    )
    people = next(iter(curves.values()))[0]["people"]
    words = (
        "People held out, after their first ratings in random order: how soon a list is worth"
        f" having. NDCG@10 of up to {people:,} people of all seeds; the bands are 95 %"
        " bootstrap intervals."
    )
    table = _table("NDCG@10 after so many ratings", f"<tr><th></th>{head}</tr>", body)
    chart = charts.fold_in_curve(curves, SERVED)
    return _section(
        "The first ratings",
        f'<p>{words}</p><div class="beside">{_figure(chart)}{table}</div>',
    )


# --- what decides, and what it is compared with ---


def _gate(gate: Figures | None) -> str:
    """``gate``: passed, reasons, and limits (measured, floor, margin) by metric."""
    if not gate:
        return ""
    passed = gate.get("passed")
    verdict = "It may go into service." if passed else "It is not good enough to go into service."
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in gate.get("reasons", ()))
    shown = f'<p class="{"notice" if passed else "notice refused"}">{verdict}</p><ul>{reasons}</ul>'
    return _section("The gate", shown.replace("<ul></ul>", "") + _by_metric(gate.get("limits")))


def _comparison(comparison: Figures | None) -> str:
    """``comparison``: version, lists (people, kept_of_10, share_unchanged), and either metrics
    (now, before, difference) or a note that says why there are none."""
    if not comparison:
        return ""
    lists = comparison.get("lists", {})
    cards = []
    if "kept_of_10" in lists:
        beside = f"mean over {lists['people']:,} people"
        cards.append((f"{lists['kept_of_10']:.1f} of 10", "titles of a list stay", beside))
    if "share_unchanged" in lists:
        cards.append((f"{lists['share_unchanged']:.0%}", "of lists keep all ten", ""))
    note = comparison.get("note")
    why = f"<p>No measures to compare: {escape(note)}.</p>" if note else ""
    return _section(
        "Beside the release in service",
        f"<p>In service is {escape(comparison.get('version', 'another release'))}.</p>"
        f"{_cards(cards)}{why}{_by_metric(comparison.get('metrics'))}",
    )


def _by_metric(rows: Figures | None) -> str:
    """A line for each metric, with whatever is told of it."""
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{escape(metric)}{_direction(METRICS.get(metric))}</th>'
        + "".join(
            f"<td>{_number(row.get(name), signed=name == 'difference')}</td>" for name in names
        )
        + "</tr>"
        for metric, row in rows.items()
    )
    return _table("", f"<tr><th></th>{head}</tr>", body)


# --- model ---


def _model(evaluation: Figures) -> str:
    """``sizes``, where there: titles and factors of each head, as the release holds them."""
    sizes, parts = evaluation.get("sizes") or {}, []
    for head, values in evaluation["settings"].items():
        sentences = {spec.name: spec.metadata["help"] for spec in fields(PARAMS[head])}
        body = "".join(
            f'<tr><th scope="row">{escape(name)}</th><td>{_value(value)}</td>'
            f'<td class="words">{escape(sentences.get(name, ""))}</td></tr>'
            for name, value in values.items()
        )
        words = f"{head.capitalize()} head"
        if head in sizes:
            rows, columns = sizes[head]
            words += f": {rows:,} × {columns} factors, {rows * columns * FACTOR_BYTES / 1e6:.1f} MB"
        parts.append(_table(words, "", body))
    tables = f'<div class="two">{"".join(parts)}</div>'
    seconds = evaluation.get("seconds") or {}
    steps = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{value:.1f} s</dd></div>"
        for name, value in seconds.items()
    )
    took = f'<h3>Seconds</h3><dl class="facts">{steps}</dl>' if steps else ""
    return _section("The model", tables + took)


# --- data ---


def _counts(facts: Figures) -> str:
    counts = ((facts["ratings"], "ratings"), (facts["users"], "people"), (facts["items"], "titles"))
    return _cards([(f"{count:,}", name, "") for count, name in counts])


def _data(explored: Figures | None) -> str:
    if not explored:
        return ""
    first, best = (
        ("Most owned", "Most played")
        if _unit(explored) == "hours"
        else ("Most rated", "Best rated")
    )
    lists = _titles(first, explored["most_rated"]) + _titles(
        f"{best}, by a mean that is shrunken towards that of all where votes are few",
        explored["best_rated"],
    )
    return (
        f"{_spread(explored)}<p>{_tail(explored)}</p>"
        f'<div class="charts">{_charts(explored)}</div><div class="two">{lists}</div>'
        + _findings(explored.get("findings"))
    )


def _unit(explored: Figures) -> str:
    """What ratings are counted in."""
    return "hours" if explored["data"]["feedback"] == IMPLICIT else "stars"


def _findings(findings: Sequence[Figures] | None) -> str:
    """``findings``: what, count, examples."""
    if not findings:
        return ""
    lines = "".join(
        f"<li>{found['count']:,} {escape(found['what'])}:"
        f" {escape(', '.join(found['examples']))}{', …' if found['count'] > 3 else ''}</li>"
        for found in findings
    )
    return f"<h3>What was odd in the files</h3><ul>{lines}</ul>"


def _spread(explored: Figures) -> str:
    facts, people, titles = explored["data"], explored["people"], explored["titles"]
    mean = f"{explored['mean']:.2f} {_unit(explored)} on average"
    each = "{median:,g} ratings each (median)"
    return _cards(
        [
            (f"{facts['ratings']:,}", "ratings", mean),
            (
                f"{facts['users']:,}",
                "people",
                f"{each.format(**people)}, {people['most']:,} at most",
            ),
            (
                f"{explored['rated_titles']:,}",
                "rated titles",
                f"{each.format(**titles)}, {titles['once']:,} have one",
            ),
            (
                f"{explored['density']:.2%}",
                "of all pairs rated",
                f"{1 - explored['density']:.2%} of the table is empty",
            ),
        ]
    )


def _tail(explored: Figures) -> str:
    people, titles = explored["people"]["half"], explored["titles"]["half"]
    words = (
        f"Half of all ratings come from {people:,} people"
        f" ({people / explored['data']['users']:.1%}), and half are of {titles:,} titles"
        f" ({titles / explored['rated_titles']:.1%}): the rest is the long tail."
    )
    if explored["repeated"]:
        words += f" {explored['repeated']:,} older ratings of a pair rated again were left out."
    return words


def _charts(explored: Figures) -> str:
    people, titles, genres = explored["people"], explored["titles"], explored["genres"]
    unit = _unit(explored)
    if unit == "hours":
        drawn = [_figure(charts.hour_histogram(explored["histogram"]), "Hours played")]
    else:
        drawn = [_figure(charts.star_histogram(explored["histogram"]), "Stars given")]
    if explored["months"]:
        drawn.append(_figure(charts.ratings_over_time(explored["months"]), "When"))
    if genres:
        drawn.append(
            _figure(charts.genre_bars(genres, unit), "Genres (a title may have several)", "tall")
        )
    activity = charts.rank_curve("people", people["curve"], "people", "ratings given")
    popularity = charts.rank_curve("titles", titles["curve"], "titles", "ratings received")
    return "".join([*drawn, _figure(activity, "Activity"), _figure(popularity, "Popularity")])


def _titles(words: str, rows: Sequence[Figures]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(row["title"])}'
        + (f" <small>{row['year']}</small>" if row["year"] else "")
        + f"</th><td>{row['ratings']:,}</td><td>{row['mean']:.2f}</td>"
        f"<td>{row['shrunken']:.2f}</td></tr>"
        for row in rows
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("ratings", "mean", "shrunken"))
    return _table(words, f"<tr><th></th>{head}</tr>", body)


# --- pieces ---


def _again(figures: Figures, json_name: str) -> str:
    notes = "".join(f"<p>{escape(note)}</p>" for note in figures.get("notes", ()))
    command = figures.get("command")
    repeat = f"<p>The same again:</p><pre>{escape(command)}</pre>" if command else ""
    link = f'<p>The same figures for programs: <a href="{escape(json_name)}">{json_name}</a></p>'
    return f"<footer>{notes}{repeat}{link}</footer>"


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _cards(cards: Sequence[tuple[str, str, str]]) -> str:
    each = "".join(
        f'<div><dt>{escape(what)}</dt><dd class="big">{escape(figure)}</dd>'
        f'<dd class="quiet">{escape(beside)}</dd></div>'
        for figure, what, beside in cards
    )
    return f'<dl class="cards">{each}</dl>'


def _figure(svg: str, words: str = "", kind: str = "") -> str:
    caption = f"<figcaption>{escape(words)}</figcaption>" if words else ""
    return f'<figure class="{kind}">{caption}{svg}</figure>'


def _table(words: str, head: str, body: str) -> str:
    caption = f"<caption>{escape(words)}</caption>" if words else ""
    top = f"<thead>{head}</thead>" if head else ""
    return (
        f'<div class="scroll" tabindex="0"><table>{caption}{top}<tbody>{body}</tbody></table></div>'
    )


def _definitions(sentences: Mapping[str, str]) -> str:
    each = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(sentence)}</dd></div>"
        for name, sentence in sentences.items()
    )
    return (
        f'<details><summary>What the measures mean</summary><dl class="facts">{each}</dl></details>'
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _number(value: Any, *, signed: bool = False) -> str:
    if not _is_number(value):
        return "–"
    return f"{value:+.4f}".replace("-", "−") if signed else f"{value:.4f}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if _is_number(value) else str(value)
