"""The private pages. Ratings are forms that work without JavaScript; scripts get JSON."""

from __future__ import annotations

from flask import Response, flash, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required
from werkzeug.exceptions import UnprocessableEntity

from app import catalogue, ratings
from app.errors import wants_json
from app.extensions import db, serving
from app.home import home
from app.home.forms import RatingForm
from app.models import Item
from app.posters import draw_poster
from app.recommendations import predicted, recommend
from app.redirects import next_page
from recommender.errors import NoRelease

FIRST = 5
MORE = 20
MOST = 205
SEARCH_RESULTS = 20
SUGGESTIONS = 6
POPULAR = 50


@home.get("/")
@login_required
def index() -> ResponseReturnValue:
    """Recommendations for the ratings of this moment: five first, more on demand."""
    own = ratings.ratings_of(current_user.id)
    shown = min(max(request.args.get("show", FIRST, type=int), FIRST), MOST)
    try:
        found = recommend(serving.model, own, shown + 1)
    except NoRelease:
        return render_template("home/closed.html", rated=len(own))
    return render_template(
        "home/index.html",
        recommended=found[:shown],
        rated=len(own),
        first=FIRST,
        more=min(shown + MORE, MOST) if len(found) > shown and shown < MOST else None,
    )


@home.get("/search")
@login_required
def search() -> ResponseReturnValue:
    """Find a title and rate it where it stands. ``?suggest`` answers with the list alone."""
    query = request.args.get("q", "").strip()
    suggesting = "suggest" in request.args
    items = catalogue.search(query, SUGGESTIONS if suggesting else SEARCH_RESULTS)
    return render_template(
        "home/_results.html" if suggesting else "home/search.html",
        query=query[: catalogue.LONGEST_QUERY],
        items=items,
        **_about(items),
    )


@home.get("/popular")
@login_required
def popular() -> ResponseReturnValue:
    """Titles by their vote-weighted average."""
    items = catalogue.popular(POPULAR)
    return render_template("home/popular.html", items=items, **_about(items))


@home.get("/ratings")
@login_required
def my_ratings() -> ResponseReturnValue:
    """What the person rated, newest first, to change or delete."""
    return render_template("home/ratings.html", rated=ratings.rated_items(current_user.id))


@home.post("/title/<id:item_id>/rating")
@login_required
def rate(item_id: int) -> ResponseReturnValue:
    """Store a rating in place of any earlier one."""
    item = db.get_or_404(Item, item_id)
    form = RatingForm()
    if not form.validate():
        raise UnprocessableEntity
    before = ratings.ratings_of(current_user.id).get(item_id)
    ratings.rate(current_user.id, item_id, form.stars)
    return _done(f"{item.title}: {form.stars:g} ★", before)


@home.post("/title/<id:item_id>/rating/delete")
@login_required
def unrate(item_id: int) -> ResponseReturnValue:
    """Remove a rating."""
    item = db.get_or_404(Item, item_id)
    before = ratings.ratings_of(current_user.id).get(item_id)
    ratings.unrate(current_user.id, item_id)
    return _done(f"{item.title}: rating removed", before)


@home.get("/poster/<id:item_id>.svg")
def poster(item_id: int) -> Response:
    """The picture we draw where no poster is known."""
    item = db.get_or_404(Item, item_id)
    drawn = draw_poster(item.title, item.year, item.genre_list)
    response = Response(drawn, mimetype="image/svg+xml")
    response.cache_control.public = True
    response.cache_control.max_age = 86_400
    return response


def _about(items: list[Item]) -> dict[str, dict[int, float]]:
    """The person's own and the predicted stars of ``items``, for a page that lists them."""
    own = ratings.ratings_of(current_user.id)
    try:
        guesses = predicted(serving.model, own, items)
    except NoRelease:
        guesses = {}
    return {"own": own, "predicted": guesses}


def _done(message: str, before: float | None) -> ResponseReturnValue:
    """``before`` is the rating to return to if the person thinks better of it."""
    if wants_json():
        return jsonify(message=message, before=before)
    flash(message, "success")
    return redirect(next_page(), 303)
