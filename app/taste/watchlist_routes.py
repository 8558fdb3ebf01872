"""The page of the watchlist by fit."""

from __future__ import annotations

import secrets

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.extensions import db
from app.feedback.ratings import ratings_of
from app.home.list_filters import ListFilters
from app.models import Item
from app.recommend.model_watcher import serving
from app.taste import taste
from app.taste.ranked_watchlist import genres_of, passing, pick, ranked_watchlist

LARGEST_SEED = 2**31 - 1
# Running times to choose from, in minutes.
SPANS = {90: "under an hour and a half", 120: "under two hours", 150: "under two and a half hours"}


@taste.get("/watchlist/ranked")
def watchlist() -> ResponseReturnValue:
    """Show the watchlist, best first; ``?pick=<seed>`` draws one of it."""
    served = serving.to_or_none(current_user.id)
    model = served.model if served else None
    own = ratings_of(current_user.id)
    whole = ranked_watchlist(current_user.id, model, own)
    genres = genres_of(whole)
    filters = ListFilters.of(request.args, genres)
    minutes = request.args.get("under", type=int)
    minutes = minutes if minutes in SPANS else None
    ranked = passing(whole, filters, minutes)
    seed = request.args.get("pick", type=int)
    drawn = None
    if model is not None and seed is not None:
        drawn = pick(ranked, min(max(seed, 0), LARGEST_SEED), model, own)
    because = drawn.because if drawn else None
    return render_template(
        "taste/watchlist.html",
        whole=len(whole),
        ranked=ranked,
        genres=genres,
        filters=filters,
        spans=SPANS if any(r.item.minutes for r in whole) else {},
        under=minutes,
        pick=drawn,
        because=db.session.get(Item, because) if because is not None else None,
        next_seed=secrets.randbelow(LARGEST_SEED),
        seen=set(),
        via="watchlist",
    )
