"""Surprise me: a shelf of titles that fit well and that few people know."""

from __future__ import annotations

import secrets

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.db.clock import utcnow
from app.feedback.impressions import remember_shown
from app.feedback.profile import profile_of
from app.feedback.ratings import RECOMMENDATION
from app.feedback.user_lists import WATCHLIST, listed_among
from app.recommend.model_watcher import serving
from app.recommend.service import rank, with_items
from app.taste import taste
from app.taste.watchlist_routes import LARGEST_SEED
from recommender.weighted_draw import draw

# The shelf is drawn from the better half, by predicted value, of the best by score.
SHELF, BEST, DRAWN_FROM = 5, 50, 25
LITTLE_KNOWN = -2


@taste.get("/surprise")
def surprise() -> ResponseReturnValue:
    """Show a shelf, the same all day; ``?draw=<seed>`` draws another one."""
    served = serving.to_or_none(current_user.id)
    if served is None:
        return render_template("home/closed.html", rated=0)
    profile = profile_of(current_user.id)
    best = rank(served.model, profile.ratings, BEST, profile.hidden, known=LITTLE_KNOWN)
    best.sort(key=lambda r: r.guess or 0.0, reverse=True)
    fitting = best[:DRAWN_FROM]
    seed = request.args.get("draw", utcnow().date().toordinal(), type=int)
    drawn = draw([r.guess or 0.0 for r in fitting], min(max(seed, 0), LARGEST_SEED), SHELF)
    chosen = [fitting[place] for place in sorted(place for place, _ in drawn)]
    shelf = with_items(served.model, profile.ratings, chosen, reasons=SHELF)
    ids = [r.item.id for r in shelf]
    remember_shown(current_user.id, ids, served.model.version)
    return render_template(
        "taste/surprise.html",
        shelf=shelf,
        of=len(fitting),
        rated=len(profile.ratings),
        next_seed=secrets.randbelow(LARGEST_SEED),
        watchlist=listed_among(current_user.id, WATCHLIST, ids),
        via=RECOMMENDATION,
    )
