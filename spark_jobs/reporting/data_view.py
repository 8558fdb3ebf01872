"""What the section about the data shows, from the figures of ``explore``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from recommender.feedback import IMPLICIT
from spark_jobs.reporting import charts
from spark_jobs.reporting.pieces import Card, drawn_chart

Figures = Mapping[str, Any]


def count_cards(facts: Figures) -> list[Card]:
    counts = ((facts["ratings"], "ratings"), (facts["users"], "people"), (facts["items"], "titles"))
    return [(f"{count:,}", name, "") for count, name in counts]


def data_view(explored: Figures | None) -> dict[str, Any] | None:
    if not explored:
        return None
    first, best = (
        ("Most owned", "Most played")
        if _unit(explored) == "hours"
        else ("Most rated", "Best rated")
    )
    shrunken = f"{best}, by a mean that is shrunken towards that of all where votes are few"
    return {
        "cards": _spread(explored),
        "tail": _tail(explored),
        "charts": _charts(explored),
        "titles": [(first, explored["most_rated"]), (shrunken, explored["best_rated"])],
        "findings": explored.get("findings"),
    }


def _unit(explored: Figures) -> str:
    """What ratings are counted in."""
    return "hours" if explored["data"]["feedback"] == IMPLICIT else "stars"


def _spread(explored: Figures) -> list[Card]:
    facts, people, titles = explored["data"], explored["people"], explored["titles"]
    mean = f"{explored['mean']:.2f} {_unit(explored)} on average"
    median = "{median:,g} ratings each (median)"
    return [
        (f"{facts['ratings']:,}", "ratings", mean),
        (
            f"{facts['users']:,}",
            "people",
            f"{median.format(**people)}, {people['most']:,} at most",
        ),
        (
            f"{explored['rated_titles']:,}",
            "rated titles",
            f"{median.format(**titles)}, {titles['once']:,} have one",
        ),
        (
            f"{explored['density']:.2%}",
            "of all pairs rated",
            f"{1 - explored['density']:.2%} of the table is empty",
        ),
    ]


def _tail(explored: Figures) -> str:
    people, titles = explored["people"]["half"], explored["titles"]["half"]
    sentences = (
        f"Half of all ratings come from {people:,} people"
        f" ({people / explored['data']['users']:.1%}), and half are of {titles:,} titles"
        f" ({titles / explored['rated_titles']:.1%}): the rest is the long tail."
    )
    if explored["repeated"]:
        sentences += f" {explored['repeated']:,} older ratings of a pair rated again were left out."
    return sentences


def _charts(explored: Figures) -> list[tuple[Markup, str, str]]:
    """(chart, caption, kind) of each."""
    people, titles, genres = explored["people"], explored["titles"], explored["genres"]
    unit = _unit(explored)
    if unit == "hours":
        drawn = [(charts.hour_histogram(explored["histogram"]), "Hours played", "")]
    else:
        drawn = [(charts.star_histogram(explored["histogram"]), "Stars given", "")]
    if explored["months"]:
        drawn.append((charts.ratings_over_time(explored["months"]), "When", ""))
    if genres:
        caption = "Genres (a title may have several)"
        drawn.append((charts.genre_bars(genres, unit), caption, "tall"))
    activity = charts.rank_curve("people", people["curve"], "people", "ratings given")
    popularity = charts.rank_curve("titles", titles["curve"], "titles", "ratings received")
    drawn += [(activity, "Activity", ""), (popularity, "Popularity", "")]
    return [(drawn_chart(svg), caption, kind) for svg, caption, kind in drawn]
