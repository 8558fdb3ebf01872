"""The page of titles that were added here: who added them, doubles, and what does not belong."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import IntegerField
from wtforms.validators import InputRequired, NumberRange

from app.catalogue.added_list import added_list, count_added
from app.catalogue.added_titles import hide, merge_title
from app.catalogue.title_merges import NotMerged
from app.extensions import db
from app.http.pagination import PAGE_SIZE, Page
from app.http.redirects import next_page
from app.models import Item
from app.owner import owner
from recommender.catalogue import LARGEST_ID


class MergeForm(FlaskForm):
    """The id of the title that stays."""

    into = IntegerField(validators=[InputRequired(), NumberRange(0, LARGEST_ID)])


@owner.get("/titles")
def titles() -> ResponseReturnValue:
    """Show what was added, newest first."""
    page = Page.requested(count_added())
    listed = added_list(PAGE_SIZE, page.offset)
    return render_template("owner/titles.html", listed=listed, page=page)


@owner.post("/titles/<id:item_id>/hide")
def hide_title(item_id: int) -> ResponseReturnValue:
    """Take a title off every list and out of the search; its ratings stay."""
    return _set_hidden(item_id, True, "{} is on no list any more. Its ratings are kept.")


@owner.post("/titles/<id:item_id>/show")
def show_title(item_id: int) -> ResponseReturnValue:
    """Put a title back on the lists."""
    return _set_hidden(item_id, False, "{} is back on the lists.")


@owner.post("/titles/<id:item_id>/merge")
def merge(item_id: int) -> ResponseReturnValue:
    """Merge a double into the title that stays."""
    form, double = MergeForm(), db.get_or_404(Item, item_id)
    if not form.validate() or form.into.data is None:
        flash("Give the number of the title that stays; it ends the address of its page.", "danger")
        return redirect(url_for("owner.titles"), 303)
    name = double.full_title
    try:
        into = merge_title(item_id, form.into.data)
    except NotMerged as problem:
        flash(f"Nothing was merged: {problem}", "danger")
    else:
        stays = db.session.get_one(Item, into)
        flash(f"{name} is {stays.full_title} now; its ratings are there.", "success")
    return redirect(next_page(), 303)


def _set_hidden(item_id: int, is_hidden: bool, message: str) -> ResponseReturnValue:
    name = db.get_or_404(Item, item_id).full_title
    if not hide(item_id, is_hidden):
        abort(404)
    flash(message.format(name), "success")
    return redirect(next_page(), 303)
