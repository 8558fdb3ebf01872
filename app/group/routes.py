"""The evening's list, who is in, and guests."""

from __future__ import annotations

from dataclasses import dataclass

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required

from app.catalogue import items as catalogue
from app.extensions import db
from app.feedback import profile
from app.group import friends, group
from app.group.forms import AskForm, GuestForm
from app.group.guests import (
    FEWEST,
    MOST_GUESTS,
    Guest,
    add_guest,
    guests,
    ratings_in,
    remove_guest,
)
from app.models import Item, User
from app.observability import timing
from app.recommend.model_watcher import serving
from recommender.group_aggregation import WAYS, recommend_group

SHOWN = 12
OFFERED = 12
PAGES = 5
# The host, friends and guests of one list, and how many ratings and hidden titles they may have.
MOST_PRESENT = 20
MOST_RATINGS = 240_000


@dataclass(frozen=True)
class Pick:
    """``guesses``: of everyone's liking, in the order of the people."""

    item: Item
    guesses: list[float]


@group.get("")
@login_required
def night() -> ResponseReturnValue:
    """Who is here, how to agree, and what is for all of them."""
    return _night(AskForm(formdata=None))


@group.post("/ask")
@login_required
def ask() -> ResponseReturnValue:
    """Ask someone to be counted in. The answer is the same whether there is such an account."""
    form = AskForm()
    if not form.validate():
        return _night(form), 422
    if not friends.ask(_me(), form.name.data):
        form.name.errors = [
            "You have asked enough people for now. Wait for some to answer, or end it with someone."
        ]
        return _night(form), 422
    flash(f"If there is a {form.name.data} here, they are asked on their own page now.", "info")
    return redirect(url_for("group.night"), 303)


@group.post("/<id:user_id>/agree")
@login_required
def agree(user_id: int) -> ResponseReturnValue:
    """Agree to be counted in by someone who asked."""
    if friends.has_enough_friends(_me()):
        flash("You have as many friends here as can be. End it with one of them first.", "info")
        return redirect(url_for("group.night"), 303)
    if not friends.agree(_me(), user_id):
        abort(404)
    flash("Agreed. Either of you can count the other in, or end it.", "success")
    return redirect(url_for("group.night"), 303)


@group.post("/<id:user_id>/end")
@login_required
def end(user_id: int) -> ResponseReturnValue:
    """Decline, take back or end it."""
    friends.end(_me(), user_id)
    flash("Done. Neither of you counts the other in.", "info")
    return redirect(url_for("group.night"), 303)


@group.route("/guest", methods=["GET", "POST"])
@login_required
def guest() -> ResponseReturnValue:
    """A guest: a name and three quick ratings."""
    form = GuestForm()
    ratings = ratings_in(request.form)
    problem = None
    if len(guests()) >= MOST_GUESTS:
        flash(f"{MOST_GUESTS} guests are as many as fit on the sofa. Remove one first.", "info")
        return redirect(url_for("group.night"), 303)
    if form.is_submitted():
        existing = catalogue.items_by_id(ratings)
        ratings = {item_id: value for item_id, value in ratings.items() if item_id in existing}
        if len(ratings) < FEWEST:
            problem = serving.feedback_kind.too_few_for_guest.format(FEWEST)
        if form.validate() and not problem:
            add_guest(form.name.data.strip(), ratings)
            return redirect(_with_everyone(), 303)
    page = min(max(request.values.get("page", 0, type=int), 0), PAGES - 1)
    items = catalogue.most_rated(OFFERED, offset=page * OFFERED)
    shown = {item.id for item in items}
    return render_template(
        "group/guest.html",
        form=form,
        items=items,
        ratings=ratings,
        elsewhere={item_id: value for item_id, value in ratings.items() if item_id not in shown},
        problem=problem,
        page=page,
        pages=PAGES,
    ), 422 if form.errors or problem else 200


@group.post("/guest/<id:number>/delete")
@login_required
def dismiss(number: int) -> ResponseReturnValue:
    """Forget a guest."""
    remove_guest(number)
    return redirect(url_for("group.night"), 303)


def _night(form: AskForm) -> str:
    agreed = friends.agreed_with(current_user.id)
    visitors = guests()
    ticked, ticked_guests = set(request.args.getlist("who")), set(request.args.getlist("guest"))
    chosen = [f for f in agreed if str(f.id) in ticked]
    present = [n for n in range(len(visitors)) if str(n) in ticked_guests]
    way = request.args.get("way")
    way = way if way in WAYS else WAYS[0]
    names = ["You", *(f.username or "" for f in chosen), *(visitors[n]["name"] for n in present)]
    crowded = len(names) > MOST_PRESENT
    too_much = not crowded and _have_too_many_ratings(chosen)
    unread = crowded or too_much
    people = [] if unread else _ratings(chosen, [visitors[n] for n in present])
    return render_template(
        "group/night.html",
        form=form,
        friends=agreed,
        asking=friends.asking(current_user.id),
        asked=friends.asked_by(current_user.id),
        guests=visitors,
        chosen={f.id for f in chosen},
        present=set(present),
        way=way,
        veto_below=serving.feedback_kind.veto_below,
        names=names,
        most_present=MOST_PRESENT if crowded else None,
        too_much=too_much,
        picks=_picks(people, way) if len(people) > 1 else [],
        closed=serving.model_or_none is None,
    )


def _have_too_many_ratings(friends: list[User]) -> bool:
    """Whether a list of the host and the friends would take long to make."""
    ids = [current_user.id, *(friend.id for friend in friends)]
    return profile.count_up_to(MOST_RATINGS + 1, ids) > MOST_RATINGS


def _ratings(chosen: list[User], visitors: list[Guest]) -> list[dict[int, float]]:
    """The ratings of the host, the friends and the guests, in this order."""
    own = friends.ratings_of_all([current_user.id, *(friend.id for friend in chosen)])
    return [*own.values(), *(visitor["ratings"] for visitor in visitors)]


def _picks(people: list[dict[int, float]], way: str) -> list[Pick]:
    model = serving.model_or_none
    if model is None:
        return []
    with timing.part("group"):
        ranked = recommend_group(model, people, way, SHOWN)
    items = catalogue.items_by_id([item_id for item_id, _, _ in ranked])
    return [Pick(items[item_id], scores) for item_id, _, scores in ranked if item_id in items]


def _with_everyone() -> str:
    """The page with all guests and the friends that were ticked before."""
    return url_for("group.night", guest=list(range(len(guests()))), who=request.args.getlist("who"))


def _me() -> User:
    return db.session.get_one(User, current_user.id)
