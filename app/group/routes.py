"""Pages of group nights: the list for those who are present, friends, and guests."""

from __future__ import annotations

from dataclasses import dataclass

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.catalogue import items as catalogue
from app.catalogue.availability import unavailable_ids
from app.extensions import db
from app.feedback import profile
from app.group import friends, group
from app.group.forms import AskForm, GuestForm
from app.group.guests import FEWEST, MOST_GUESTS, add_guest, guests, remove_guest
from app.models import Item, User
from app.observability import timing
from app.recommend.model_watcher import serving
from app.recommend.rating_fields import ratings_in
from recommender.group_aggregation import WAYS, recommend_group

SHOWN = 12
OFFERED = 12
PAGES = 5
# The host, friends and guests of one list, and how many ratings and hidden titles they may have.
MOST_PRESENT = 20
MOST_RATINGS = 240_000


@dataclass(frozen=True)
class Pick:
    """``guesses``: the predicted rating of each person, in the order of the people."""

    item: Item
    guesses: list[float]


@group.get("")
def night() -> ResponseReturnValue:
    """Show friends and guests, the ways to aggregate, and what suits all who are present."""
    return _night(AskForm(formdata=None))


@group.post("/ask")
def ask() -> ResponseReturnValue:
    """Ask another user. The answer does not reveal whether there is such an account."""
    form = AskForm()
    if not form.validate():
        return _night(form), 422
    if not friends.ask(_me(), form.name.data):
        form.name.errors = [
            "You have asked enough people for now. Wait for some to answer, or end it with someone."
        ]
        return _night(form), 422
    return _back(f"If there is a {form.name.data} here, they are asked on their own page now.")


@group.post("/<id:user_id>/agree")
def agree(user_id: int) -> ResponseReturnValue:
    """Agree to the request of another user."""
    if friends.has_enough_friends(_me()):
        return _back("You have as many friends here as can be. End it with one of them first.")
    if not friends.agree(_me(), user_id):
        abort(404)
    return _back("Agreed. Either of you can count the other in, or end it.", "success")


@group.post("/<id:user_id>/end")
def end(user_id: int) -> ResponseReturnValue:
    """Decline or take back a request, or end a friendship."""
    friends.end(_me(), user_id)
    return _back("Done. Neither of you counts the other in.")


@group.route("/guest", methods=["GET", "POST"])
def guest() -> ResponseReturnValue:
    """Add a guest: a name and at least FEWEST ratings."""
    form = GuestForm()
    ratings = ratings_in(request.form)
    problem = None
    if len(guests()) >= MOST_GUESTS:
        return _back(serving.feedback_kind.too_many_guests.format(MOST_GUESTS))
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
def dismiss(number: int) -> ResponseReturnValue:
    """Remove a guest."""
    remove_guest(number)
    return redirect(url_for("group.night"), 303)


def _back(message: str, category: str = "info") -> ResponseReturnValue:
    flash(message, category)
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
    ids = [current_user.id, *(friend.id for friend in chosen)]
    crowded = len(names) > MOST_PRESENT
    too_much = not crowded and profile.count_up_to(MOST_RATINGS + 1, ids) > MOST_RATINGS
    people: list[dict[int, float]] = []
    hidden: set[int] = set()
    if not (crowded or too_much):
        profiles = profile.profiles_of(ids).values()
        hidden = set().union(*(user.hidden for user in profiles))
        people = [user.ratings for user in profiles]
        people += [visitors[n]["ratings"] for n in present]
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
        picks=_picks(people, way, hidden) if len(people) > 1 else [],
        closed=serving.model_or_none is None,
    )


def _picks(people: list[dict[int, float]], way: str, hidden: set[int]) -> list[Pick]:
    model = serving.model_or_none
    if model is None:
        return []
    with timing.part("group"):
        ranked = recommend_group(model, people, way, SHOWN, hidden | unavailable_ids())
    items = catalogue.items_by_id([item_id for item_id, _, _ in ranked])
    return [Pick(items[item_id], scores) for item_id, _, scores in ranked if item_id in items]


def _with_everyone() -> str:
    """Return the address of the page with all guests and the friends ticked before."""
    return url_for("group.night", guest=list(range(len(guests()))), who=request.args.getlist("who"))


def _me() -> User:
    return db.session.get_one(User, current_user.id)
