"""The private feed of a user's recommendations (Atom, RFC 4287)."""

from __future__ import annotations

from flask import Response, abort, current_app, render_template

from app.accounts import feed_tokens
from app.base import base
from app.extensions import db
from app.feedback.profile import profile_of
from app.feedback.ratings import last_rated_at
from app.models import User
from app.recommend.model_watcher import serving
from app.recommend.service import rank, with_items

ENTRIES = 20


@base.get("/feed/<token>.atom")
def feed(token: str) -> Response:
    """Send the recommendations of the user whose token this is; 404 if it was revoked."""
    user_id = feed_tokens.user_of(token)
    if user_id is None:
        abort(404)
    served = serving.to(user_id)
    profile = profile_of(user_id)
    ranked = rank(served.model, profile.ratings, ENTRIES, profile.hidden)
    recommended = with_items(served.model, profile.ratings, ranked, reasons=ENTRIES)
    # The list changes with a rating; before the first, it is as old as the address.
    updated = last_rated_at(user_id) or feed_tokens.created_at(user_id)
    page = render_template(
        "base/feed.xml",
        user=db.session.get_one(User, user_id),
        recommended=recommended,
        updated=updated,
        site=current_app.config["SITE_URL"],
    )
    return Response(page, mimetype="application/atom+xml")
