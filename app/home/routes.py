"""Pages for logged-in users: recommendations, search, ratings, lists.

Forms work without JavaScript; scripts get JSON with the request that undoes a change.
"""

from __future__ import annotations

from typing import Any

from flask import Response, abort, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import UnprocessableEntity

from app.catalogue import items as catalogue
from app.catalogue.availability import merged_into, unavailable_ids
from app.extensions import db
from app.feedback import ratings, user_lists
from app.feedback.impressions import was_shown
from app.feedback.user_lists import SEEN, UNSEEN
from app.home import home
from app.home.forms import RatingForm
from app.home.new_here import raters_of_new
from app.http.negotiation import wants_json
from app.http.pagination import PAGE_SIZE, Page
from app.http.redirects import next_page
from app.models import Item
from app.observability import timing
from app.posters import draw_poster
from app.recommend.model_watcher import serving
from app.recommend.service import predicted, rate_and_log_prediction, similar, why
from recommender.model import Model
from recommender.onboarding import next_question, onboarding_progress

SEARCH_RESULTS = 20
SUGGESTIONS = 6
POPULAR = 50
SIMILAR = 5


@home.get("/welcome")
def welcome() -> ResponseReturnValue:
    """Ask to rate one title at a time, the one whose rating would teach the model most."""
    own = {item: stars for item, stars, _ in ratings.ratings_by_age(current_user.id)}
    marked = user_lists.marks_of(current_user.id)
    unseen = marked[UNSEEN]
    model = _own_model()
    if model is None:
        return render_template("home/closed.html", rated=len(own))
    with timing.part("question"):
        asked = next_question(model, own, unseen | marked[SEEN] | unavailable_ids())
        progress = onboarding_progress(model, own)
    return render_template(
        "home/welcome.html",
        item=db.session.get(Item, asked) if asked is not None else None,
        rated=len(own),
        unseen=len(unseen),
        progress=progress,
        via="onboarding",
    )


@home.get("/search")
def search() -> ResponseReturnValue:
    """Find titles, which can be rated in the list. ``?suggest`` answers with the list alone."""
    query = request.args.get("q", "").strip()
    template, limit = "home/search.html", SEARCH_RESULTS
    if "suggest" in request.args:
        template, limit = "home/_results.html", SUGGESTIONS
    items = catalogue.search(query, limit, serving.titles)
    query = query[: catalogue.LONGEST_QUERY]
    return render_template(template, query=query, items=items, via="search", **_about(items))


@home.get("/popular")
def popular() -> ResponseReturnValue:
    """Show the titles that most people like or have, overall or of one genre, but not seen ones."""
    model = _own_model()
    genres = model.items.metadata.genres if model else []
    genre = request.args.get("genre")
    if genre and genre not in genres:
        abort(404)
    left_out = user_lists.is_seen_by(current_user.id)
    items = serving.feedback_kind.popular(POPULAR, genre or None, left_out)
    return render_template(
        "home/popular.html", items=items, genre=genre, genres=genres, via="popular", **_about(items)
    )


@home.get("/ratings")
def my_ratings() -> ResponseReturnValue:
    """Show the user's ratings, newest first, to change or delete."""
    implicit = not serving.feedback_kind.seen_if_watched
    page = Page.requested(ratings.count_ratings(current_user.id, implicit))
    rated = ratings.rated_items(current_user.id, PAGE_SIZE, page.offset, implicit)
    return render_template("home/ratings.html", rated=rated, page=page, via="ratings")


@home.get("/<any(watchlist, hidden, seen):kind>")
def listed(kind: str) -> ResponseReturnValue:
    """Show the watchlist, the hidden titles, or those seen without a rating."""
    page = Page.requested(user_lists.count_marked(current_user.id, kind))
    items = user_lists.marked_items(current_user.id, kind, PAGE_SIZE, page.offset)
    return render_template(
        "home/marks.html", items=items, page=page, kind=kind, via=kind, **_about(items)
    )


@home.get("/title/<id:item_id>")
def title(item_id: int) -> ResponseReturnValue:
    """Show a title: its ratings, the prediction and its reasons, and similar titles."""
    if (into := merged_into(item_id)) != item_id:
        return redirect(url_for("home.title", item_id=into), 301)
    item = db.get_or_404(Item, item_id)
    own = ratings.ratings_of(current_user.id)
    marked = user_lists.marks_of(current_user.id)
    about: dict[str, Any] = {"guess": None, "why": None, "similar": []}
    if (model := _own_model()) is not None:
        seen = marked[SEEN]
        is_listed = item_id not in own and item_id not in seen and item.available
        hidden = user_lists.set_aside(marked) - {item_id}
        about = {
            "guess": predicted(model, own, [item]).get(item_id),
            "why": why(model, own, item_id, hidden) if is_listed else None,
            "similar": catalogue.items_in_order(similar(model, item_id, SIMILAR, seen)),
        }
    return render_template(
        "home/title.html",
        item=item,
        own=own.get(item_id),
        rated=len(own),
        marks={kind for kind, items in marked.items() if item_id in items},
        new_raters=raters_of_new(item) if item.rating_mean is None else None,
        via="title",
        **about,
    )


@home.post("/title/<id:item_id>/rating")
def rate(item_id: int) -> ResponseReturnValue:
    """Store a rating, in place of an earlier one."""
    item = _item(item_id)
    form = RatingForm()
    if not form.validate():
        raise UnprocessableEntity
    via, model = _found_through(item.id), _own_model()
    _, before = rate_and_log_prediction(current_user.id, item, form.value, via, model)
    message = f"{item.title}: {serving.feedback_kind.format(form.value)}"
    return _done(message, _undo_rating(item.id, before))


@home.post("/title/<id:item_id>/rating/delete")
def unrate(item_id: int) -> ResponseReturnValue:
    """Remove a rating."""
    item = _item(item_id)
    before = ratings.ratings_of(current_user.id).get(item.id)
    ratings.unrate(current_user.id, item.id)
    undo = _undo_rating(item.id, before) if before is not None else None
    return _done(serving.feedback_kind.removed.format(item.title), undo)


@home.post(f"/title/<id:item_id>/<any({', '.join(user_lists.KINDS)}):kind>")
def mark(item_id: int, kind: str) -> ResponseReturnValue:
    """Add a title to a list; to undo it puts it back on the list that it left."""
    item = _item(item_id)
    left = user_lists.mark(current_user.id, item.id, kind) - {UNSEEN}
    back = url_for("home.unmark", item_id=item.id, kind=kind)
    if left:
        back = url_for("home.mark", item_id=item.id, kind=left.pop())
    return _done(serving.feedback_kind.marked[kind].format(item.title), {"address": back})


@home.post(f"/title/<id:item_id>/<any({', '.join(user_lists.KINDS)}):kind>/delete")
def unmark(item_id: int, kind: str) -> ResponseReturnValue:
    """Remove a title from a list."""
    item = _item(item_id)
    if kind == SEEN and serving.feedback_kind.seen_if_watched:
        ratings.unwatch(current_user.id, item.id)
    else:
        user_lists.unmark(current_user.id, item.id, kind)
    back = url_for("home.mark", item_id=item.id, kind=kind)
    return _done(serving.feedback_kind.unmarked[kind].format(item.title), {"address": back})


@home.get("/poster/<id:item_id>.svg")
def poster(item_id: int) -> Response:
    """Draw the poster of a title that has no picture."""
    item = db.get_or_404(Item, item_id)
    kind = serving.feedback_kind
    genres = item.genre_list or kind.default_genres
    drawn = draw_poster(item.title, item.year, genres, of_films=not kind.is_general)
    response = Response(drawn, mimetype="image/svg+xml")
    response.cache_control.public = True
    response.cache_control.max_age = 86_400
    return response


def _item(item_id: int) -> Item:
    """Return an item, or the one that it was merged into; 404 if there is none."""
    return db.get_or_404(Item, merged_into(item_id))


def _own_model() -> Model | None:
    """Return the model that serves the user, if there is a release."""
    served = serving.to_or_none(current_user.id)
    return served.model if served else None


def _about(items: list[Item]) -> dict[str, Any]:
    """Return the user's ratings, and for ``items`` which are seen and predictions, for a template
    that lists them."""
    own = ratings.ratings_of(current_user.id)
    seen = user_lists.listed_among(current_user.id, SEEN, [item.id for item in items])
    model = _own_model()
    return {"own": own, "seen": seen, "predicted": predicted(model, own, items) if model else {}}


def _found_through(item_id: int) -> str:
    """Return where the user came across the item, from the form.

    A recommended item counts as such even if it is rated on its own page or the watchlist.
    """
    via = request.form.get("via", "other")
    if via in ("title", "watchlist") and was_shown(current_user.id, item_id):
        return ratings.RECOMMENDATION
    return via if via in ratings.WAYS else "other"


def _undo_rating(item_id: int, before: float | None) -> dict[str, Any]:
    """Return the request that restores the rating ``before``, or deletes it if there was none."""
    text = f"{before:.10g}" if before is not None else ""
    if serving.feedback_kind.parse(text) is None:
        return {"address": url_for("home.unrate", item_id=item_id)}
    return {"address": url_for("home.rate", item_id=item_id), "rating": text}


def _done(message: str, undo: dict[str, Any] | None) -> ResponseReturnValue:
    """Answer a change; ``undo``: the request that undoes it."""
    if wants_json():
        return jsonify(message=message, undo=undo)
    flash(message, "success")
    return redirect(next_page(), 303)
