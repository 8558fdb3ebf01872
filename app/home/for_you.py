"""The front page: recommendations for the present ratings, in an order that a user may steer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.experiments.store import note_exposures
from app.feedback import ratings, user_lists
from app.feedback.impressions import days_shown, remember_shown
from app.feedback.user_lists import WATCHLIST
from app.home import home
from app.home.list_filters import KNOWN, OWN_YEARS, ListFilters
from app.home.new_here import new_here
from app.recommend.model_watcher import serving
from app.recommend.reordered import Order, recommend_in_order
from app.recommend.service import Recommended, fits
from recommender.errors import NoRelease
from recommender.reordering import FREE_DAYS, impression_discount, strongest_disagreement

FIRST = 5
MORE = 20
MOST = 205
# With this many ratings a user is no longer shown the introduction.
NEWCOMER_UNTIL = 5


@dataclass(frozen=True)
class Disagreement:
    """``above`` stands before ``below``, which has a much better predicted rating."""

    above: Recommended
    below: Recommended


@home.get("/")
def index() -> ResponseReturnValue:
    """Show recommendations for the present ratings: FIRST, then MORE on demand, at most MOST."""
    rated = ratings.ratings_by_age(current_user.id)
    try:
        served = serving.to(current_user.id)
    except NoRelease:
        return render_template("home/closed.html", rated=len(rated))
    model = served.model
    genres = model.items.metadata.genres
    filters = ListFilters.of(request.args, genres, serving.feedback_kind.numbers, serving.facts)
    shown = min(max(request.args.get("show", FIRST, type=int), FIRST), MOST)
    own = {item_id: stars for item_id, stars, _ in rated}
    counted = ratings.of_the_last_years(rated, filters.years) if filters.years else own
    marked = user_lists.marks_of(current_user.id)
    in_order = recommend_in_order(
        model,
        counted,
        shown + 1,
        hidden=own.keys() | user_lists.set_aside(marked),
        wanted=filters.filter,
        known=filters.known,
        reasons=FIRST,
        order=Order(filters.mix, {} if filters.again else _discounts(marked[WATCHLIST])),
    )
    ranked = in_order.recommended
    item_ids = [r.item.id for r in ranked[:shown]]
    fit = partial(fits, model, counted)
    remember_shown(current_user.id, item_ids, model.version)
    note_exposures([(current_user.id, served, item_ids)])
    return render_template(
        "home/index.html",
        recommended=ranked[:shown],
        places=in_order.places if filters.mix else {},
        sunk=in_order.sunk,
        disagreement=None if filters.mix else _disagreement(ranked[:shown]),
        rated=len(own),
        counted=len(counted),
        first=FIRST,
        more=min(shown + MORE, MOST) if len(ranked) > shown and shown < MOST else None,
        filters=filters,
        known=KNOWN,
        own_years=OWN_YEARS,
        has_stars=model.rating_model is not None,
        genres=genres,
        watchlist=marked[WATCHLIST],
        new_here=[] if filters.in_words else new_here(current_user.id, fit, model.items, item_ids),
        newcomer=len(own) < NEWCOMER_UNTIL,
        via=ratings.RECOMMENDATION,
    )


def _discounts(watchlist: set[int]) -> dict[int, float]:
    """Return by how much titles sink that were shown often and passed over, by id; what is on the
    watchlist was not."""
    shown = days_shown(current_user.id, FREE_DAYS)
    passed = {item_id: days for item_id, days in shown.items() if item_id not in watchlist}
    if not passed:
        return {}
    amounts = impression_discount(*zip(*passed.values(), strict=True))
    return dict(zip(passed, amounts.tolist(), strict=True))


def _disagreement(recommended: list[Recommended]) -> Disagreement | None:
    places = strongest_disagreement([r.predicted_rating for r in recommended])
    return Disagreement(*(recommended[place] for place in places)) if places else None
