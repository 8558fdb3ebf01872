"""Pages of accounts."""

from __future__ import annotations

from flask import flash, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required, login_user, logout_user

from app import accounts
from app.base import base
from app.base.forms import LoginForm, RegisterForm
from app.errors import wants_json
from app.extensions import login_manager
from app.models import User
from app.redirects import next_page


@base.route("/register", methods=["GET", "POST"])
def register() -> ResponseReturnValue:
    """Create an account and log in."""
    if current_user.is_authenticated:
        return redirect(url_for("home.index"))
    form = RegisterForm()
    if form.validate_on_submit():
        user = accounts.register(form.username.data, form.email.data, form.password.data)
        if user is not None:
            return _log_in(user, remember=False)
        form.username.errors = ["This name or address is taken. Is it yours? Then log in."]
    return render_template("base/register.html", form=form), 422 if form.errors else 200


@base.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    """Log in by name or address."""
    if current_user.is_authenticated:
        return redirect(next_page())
    form = LoginForm()
    if form.validate_on_submit():
        user = accounts.recognise(form.username.data, form.password.data)
        if user is not None:
            return _log_in(user, remember=form.remember.data)
        form.password.errors = ["Name and password do not go together."]
    return render_template("base/login.html", form=form), 422 if form.errors else 200


@base.post("/logout")
@login_required
def logout() -> ResponseReturnValue:
    """End the session; nothing of it is kept."""
    logout_user()
    session.clear()
    flash("You are logged out.", "info")
    return redirect(url_for("base.login"))


@login_manager.unauthorized_handler
def ask_to_log_in() -> ResponseReturnValue:
    """Guests go to the login page, and from there to the page they wanted."""
    if wants_json():
        return jsonify(code=401, message="Please log in first."), 401
    flash("Please log in first.", "info")
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("base.login", next=wanted))


def _log_in(user: User, remember: bool) -> ResponseReturnValue:
    """Start a session of its own: what a guest's session held does not carry over."""
    target = next_page()
    session.clear()
    login_user(user, remember=remember)
    return redirect(target, 303)


@base.app_context_processor
def _next_argument() -> dict[str, str | None]:
    return {"next_argument": request.args.get("next")}
