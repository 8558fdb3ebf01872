"""Template helpers: words that depend on the release, numbers and times for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from flask import Flask, current_app, request, url_for

from app.db.clock import utcnow
from app.http.redirects import this_page
from app.models import Item
from app.recommend import feedback_kind
from app.recommend.model_watcher import serving
from recommender.errors import NoRelease

_STAR_WORDS = ("", "one", "two", "three", "four", "five")
_STEPS = ((31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3_600, "h"), (60, "min"))
PICTURES = "https://image.tmdb.org/t/p/w342"
THEMES = ("dark", "light")


def init_app(app: Flask) -> None:
    app.context_processor(_context)
    for helper in (stars_in_words, feedback_kind.hours_in_words, ago, imdb_address, picture):
        app.add_template_filter(helper)
    app.add_template_global(this_page)


def stars_in_words(rating: float) -> str:
    """Return 3.5 as "three and a half stars"."""
    whole, half = int(rating), rating % 1 >= 0.5
    if not half:
        return f"{_STAR_WORDS[whole]} star{'s' if whole != 1 else ''}"
    return f"{_STAR_WORDS[whole]} and a half stars" if whole else "half a star"


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
    """Return the address of the poster at TMDB, or of the drawn one if there is none."""
    if item.poster_path:
        return f"{PICTURES}{item.poster_path}"
    return url_for("home.poster", item_id=item.id)


def _context() -> dict[str, Any]:
    theme = request.cookies.get("theme")
    kind = serving.feedback_kind
    try:
        catalogue, problem = serving.watcher.model.catalogue, None
    except NoRelease as error:
        catalogue, problem = None, str(error)
    noun = catalogue.noun if catalogue else "movie"
    template = current_app.jinja_env.get_template(kind.template)
    return {
        "pictures": bool(current_app.config["TMDB_API_KEY"]),
        "theme": theme if theme in THEMES else THEMES[0],
        "theme_chosen": theme in THEMES,
        "noun": noun,
        "simulated": bool(catalogue and catalogue.simulated),
        "no_release": problem,
        "words": template.make_module({"noun": noun}),
    }
