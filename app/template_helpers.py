"""Template helpers: words that depend on the release, numbers and times for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote_plus, urlsplit

from flask import Flask, current_app, request, url_for

from app.db.clock import utcnow
from app.http.redirects import this_page
from app.models import Item
from app.recommend.catalogue_kinds import page_words
from app.recommend.feedback_kind import TMDB_PICTURES, hours_in_words, stars_in_words
from app.recommend.model_watcher import serving
from recommender.errors import NoRelease

_STEPS = ((31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3_600, "h"), (60, "min"))
PICTURES = f"{TMDB_PICTURES}/t/p/w342"
THEMES = ("dark", "light")


def init_app(app: Flask) -> None:
    app.context_processor(_context)
    helpers = (stars_in_words, hours_in_words, spoken, ago, imdb_address, picture, host, own_facts)
    for helper in helpers:
        app.add_template_filter(helper)
    app.add_template_global(this_page)


def spoken(value: float) -> str:
    """Return a rating, or what takes its place in the catalogue in service, as it is read aloud."""
    return serving.feedback_kind.spoken(value)


def ago(moment: datetime) -> str:
    """Return "3 h ago", in the largest unit that fits."""
    seconds = (utcnow() - moment).total_seconds()
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def imdb_address(item: Item) -> str:
    """Return the title's page at IMDb, or IMDb's search for it if there is no id."""
    if item.imdb_id:
        return f"https://www.imdb.com/title/{item.imdb_id}/"
    return f"https://www.imdb.com/find/?s=tt&q={quote_plus(item.full_title)}"


def picture(item: Item) -> str:
    """Return the address of the item's picture, or of the drawn poster if it has none."""
    if item.image:
        return item.image
    if item.poster_path and serving.feedback_kind.picture_host == TMDB_PICTURES:
        return f"{PICTURES}{item.poster_path}"
    return url_for("home.poster", item_id=item.id)


def host(address: str) -> str:
    """Return the host of an address, without "www."."""
    return (urlsplit(address).hostname or "").removeprefix("www.")


def own_facts(item: Item) -> list[tuple[str, str]]:
    """Return label and value of each fact of the catalogue's own that the item has."""
    values = item.fact_values
    return [
        (fact.label, fact.in_words(values[fact.name]))
        for fact in serving.facts
        if fact.name in values
    ]


def _context() -> dict[str, Any]:
    theme = request.cookies.get("theme")
    kind = serving.feedback_kind
    try:
        catalogue, problem = serving.watcher.model.catalogue, None
    except NoRelease as error:
        catalogue, problem = None, str(error)
    titles = page_words(catalogue)
    template = current_app.jinja_env.get_template(kind.template)
    return {
        **titles,
        "pictures": bool(current_app.config["TMDB_API_KEY"] and kind.picture_host),
        "theme": theme if theme in THEMES else THEMES[0],
        "theme_chosen": theme in THEMES,
        "simulated": bool(catalogue and catalogue.simulated),
        "no_release": problem,
        "words": template.make_module({**titles, **kind.words}),
    }
