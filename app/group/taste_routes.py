"""The page of two friends: how alike their tastes are, where they meet and where they part."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.catalogue.items import items_by_id
from app.extensions import db
from app.feedback.profile import profiles_of
from app.feedback.user_lists import WATCHLIST, listed_among
from app.group import group
from app.group.shared_tastes import Agreement, agreement_with, share
from app.models import Item, User
from app.recommend.model_watcher import serving
from app.recommend.service import predicted
from recommender.feedback import EXPLICIT
from recommender.taste_comparison import compare_tastes

SHOWN = 6
LOVED_STARS = 4.0
# Stars apart, or the ratio e² of hours or counts.
GAP_STARS, GAP_LOGARITHM = 1.5, 2.0


@group.get("/<id:user_id>/taste")
def taste(user_id: int) -> ResponseReturnValue:
    """Compare tastes with a friend, if both agree to that."""
    agreement = _agreement(user_id)
    friend = db.session.get_one(User, user_id)
    compared = _compared(user_id) if agreement.is_mutual else {}
    return render_template("group/taste.html", friend=friend, agreement=agreement, **compared)


@group.post("/<id:user_id>/taste")
def compare(user_id: int) -> ResponseReturnValue:
    """Agree to compare tastes with a friend."""
    _agreement(user_id)
    share(current_user.id, user_id, True)
    return redirect(url_for("group.taste", user_id=user_id), 303)


@group.post("/<id:user_id>/taste/end")
def end_comparing(user_id: int) -> ResponseReturnValue:
    """Withdraw the agreement: neither sees the comparison any more."""
    _agreement(user_id)
    share(current_user.id, user_id, False)
    flash("Done. Neither of you sees the comparison any more.", "info")
    return redirect(url_for("group.taste", user_id=user_id), 303)


def _agreement(friend_id: int) -> Agreement:
    """Return the agreement with a friend; 404 for anyone else."""
    agreement = agreement_with(current_user.id, friend_id)
    if agreement is None:
        abort(404)
    return agreement


def _compared(friend_id: int) -> dict[str, Any]:
    profiles = profiles_of([current_user.id, friend_id])
    own, other = profiles[current_user.id], profiles[friend_id]
    in_stars = serving.feedback_kind.feedback == EXPLICIT
    compared = compare_tastes(
        own.ratings,
        other.ratings,
        LOVED_STARS if in_stars else None,
        GAP_STARS if in_stars else GAP_LOGARITHM,
        own.hidden,
    )
    only_other = _items(compared.only_other)
    served = serving.to_or_none(current_user.id)
    ids = [item.id for item in only_other]
    return {
        "compared": compared,
        "both_love": _items(compared.both_love),
        "differ": _items(compared.differ),
        "only_other": only_other,
        "mine": own.ratings,
        "of_friend": other.ratings,
        "predicted": predicted(served.model, own.ratings, only_other) if served else {},
        "watchlist": listed_among(current_user.id, WATCHLIST, ids),
        "seen": set(),
        "via": "other",
    }


def _items(item_ids: list[int]) -> list[Item]:
    """Return the first SHOWN items in this order."""
    items = items_by_id(first := item_ids[:SHOWN])
    return [items[item_id] for item_id in first if item_id in items]
