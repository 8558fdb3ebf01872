"""One list at a time: files for other services and programs, and the feed of recommendations."""

from __future__ import annotations

from flask import Response, abort, current_app, flash, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.accounts import feed_tokens
from app.mydata import mydata
from app.mydata.downloads import download
from app.portability.list_files import JSON, LISTS, as_file, forms, items_of

NEW_FEED = "new_feed"


@mydata.get("/data/lists")
def lists() -> ResponseReturnValue:
    """Show the lists and their formats, and the feed; its address is shown once."""
    token = session.pop(NEW_FEED, None)
    path = url_for("base.feed", token=token) if token else None
    return render_template(
        "mydata/lists.html",
        lists=LISTS,
        forms=forms(),
        since=feed_tokens.created_at(current_user.id),
        address=f"{current_app.config['SITE_URL']}{path}" if path else None,
    )


@mydata.get(f"/data/lists/<any({', '.join(LISTS)}):listed>/<any(json, letterboxd, imdb):form>")
def list_file(listed: str, form: str) -> Response:
    """Send a list in a format that fits the catalogue."""
    if form not in forms():
        abort(404)
    content = as_file(items_of(current_user.id, listed), listed, form)
    return download(content, f"marquee-{listed}", "json" if form == JSON else "csv")


@mydata.post("/data/feed")
def new_feed() -> ResponseReturnValue:
    """Give the feed a new address; an earlier one is void."""
    session[NEW_FEED] = feed_tokens.create(current_user.id)
    return redirect(url_for("mydata.lists", _anchor="feed"), 303)


@mydata.post("/data/feed/delete")
def revoke_feed() -> ResponseReturnValue:
    """Revoke the feed's address."""
    feed_tokens.revoke(current_user.id)
    flash("The feed is gone: its address leads nowhere now.", "success")
    return redirect(url_for("mydata.lists"), 303)
