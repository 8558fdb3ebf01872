"""Pages for guests who try: a few quick ratings, and a list with reasons, without an account."""

from __future__ import annotations

from flask import current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.accounts import login_throttle
from app.base import base
from app.catalogue import items as catalogue
from app.extensions import limiter
from app.recommend.model_watcher import serving
from app.recommend.rating_fields import ratings_in
from app.recommend.service import rank, with_items
from app.recommend.trial import FEWEST, MOST, keep_trial, trial_ratings

OFFERED, PAGES = 12, 5
LISTED = 10

limit_tries = limiter.shared_limit(
    lambda: current_app.config["RATELIMIT_TRIES"],
    scope="tries",
    key_func=login_throttle.caller,
)


@base.route("/try", methods=["GET", "POST"])
@limit_tries
def try_it() -> ResponseReturnValue:
    """Ask a guest to rate at least FEWEST of some well-known titles."""
    if current_user.is_authenticated:
        return redirect(url_for("home.index"))
    if serving.model_or_none is None:
        return render_template("home/closed.html", rated=0)
    is_sent = request.method == "POST"
    ratings = ratings_in(request.form) if is_sent else trial_ratings()
    problem = None
    if is_sent:
        ratings, problem = _checked(ratings)
        if problem is None:
            keep_trial(ratings)
            return redirect(url_for("base.try_list"), 303)
    page = min(max(request.values.get("page", 0, type=int), 0), PAGES - 1)
    items = catalogue.most_rated(OFFERED, offset=page * OFFERED)
    shown = {item.id for item in items}
    return render_template(
        "base/try.html",
        items=items,
        ratings=ratings,
        elsewhere={item_id: value for item_id, value in ratings.items() if item_id not in shown},
        problem=problem,
        fewest=FEWEST,
        page=page,
        pages=PAGES,
    ), 422 if problem else 200


@base.get("/try/list")
@limit_tries
def try_list() -> ResponseReturnValue:
    """Show what the guest's ratings recommend, with reasons."""
    model, ratings = serving.model_or_none, trial_ratings()
    if current_user.is_authenticated or model is None or not ratings:
        return redirect(url_for("base.try_it"))
    recommended = with_items(model, ratings, rank(model, ratings, LISTED), reasons=LISTED)
    return render_template("base/try_list.html", recommended=recommended, rated=len(ratings))


def _checked(ratings: dict[int, float]) -> tuple[dict[int, float], str | None]:
    """Return those of the ratings whose item exists, and what is wrong with them, if anything."""
    if len(ratings) > MOST:
        return {}, f"{MOST} are enough for a try. With an account, add as many as you like."
    existing = catalogue.items_by_id(ratings)
    ratings = {item_id: value for item_id, value in ratings.items() if item_id in existing}
    few = serving.feedback_kind.too_few_for_guest.format(FEWEST)
    return ratings, few if len(ratings) < FEWEST else None
