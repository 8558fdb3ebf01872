"""Pages of accounts."""

from __future__ import annotations

from contextlib import suppress

from flask import flash, g, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required, login_user
from werkzeug.exceptions import TooManyRequests

from app.accounts import login_sessions, login_throttle, mail, trusted_devices
from app.accounts import service as accounts
from app.base import base
from app.base.forms import ForgottenForm, LoginForm, PasswordForm, RegisterForm, ResetForm
from app.extensions import db, login_manager
from app.http.negotiation import wants_json
from app.http.redirects import is_own, next_page, this_page
from app.models import User
from app.recommend import trial


@base.route("/register", methods=["GET", "POST"])
def register() -> ResponseReturnValue:
    """Create an account and log in."""
    if current_user.is_authenticated:
        return redirect(url_for("home.index"))
    form = RegisterForm()
    if form.validate_on_submit():
        login_throttle.record_attempts((login_throttle.ACCOUNTS, login_throttle.caller()))
        user = accounts.register(form.username.data, form.email.data, form.password.data)
        if user is not None:
            first_page = "home.index" if trial.give_to(user) else "home.welcome"
            wanted = next_page() if request.values.get("next") else url_for(first_page)
            answer = _log_in(user, remember=False, target=wanted)
            if mail.can_send():
                with suppress(TooManyRequests):
                    accounts.mail_confirmation(user)
                    flash("We mailed you a link: open it to confirm your address.", "info")
            return answer
        form.username.errors = ["This name is taken. Is it yours? Then log in."]
    page = render_template("base/register.html", form=form, tried=len(trial.trial_ratings()))
    return page, 422 if form.errors else 200


@base.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    """Log in by name or address."""
    if current_user.is_authenticated:
        return redirect(next_page())
    form = LoginForm()
    if form.validate_on_submit():
        user = accounts.try_to_log_in(form.username.data, form.password.data)
        if user is not None:
            return _log_in(user, remember=form.remember.data)
        form.password.errors = ["Name and password do not go together."]
    page = render_template("base/login.html", form=form, strip=trial.strip())
    return page, 422 if form.errors else 200


@base.post("/logout")
@login_required
def logout() -> ResponseReturnValue:
    """End the session, and invalidate all copies of its cookies."""
    login_sessions.end()
    flash("You are logged out.", "info")
    return redirect(url_for("base.login"))


@login_manager.unauthorized_handler
def ask_to_log_in() -> ResponseReturnValue:
    """Send guests to the login page, and from there to the page that they requested."""
    if wants_json():
        return jsonify(code=401, message="Please log in first."), 401
    flash("Please log in first.", "info")
    wanted = this_page().rstrip("?") if request.method == "GET" else None
    return redirect(url_for("base.login", next=wanted))


@base.route("/account", methods=["GET", "POST"])
@login_required
def account() -> ResponseReturnValue:
    """Change the password; every other session of the account ends."""
    form = PasswordForm()
    if form.validate_on_submit():
        if accounts.is_present_password(current_user, form.present.data):
            user = db.session.get_one(User, current_user.id)
            accounts.change_password(user, form.password.data)
            login_sessions.end()
            login_user(user)
            flash("Your password is changed; other devices are logged out.", "success")
            return redirect(url_for("base.account"), 303)
        form.present.errors = ["This is not your password."]
    page = render_template("base/account.html", form=form, can_send=mail.can_send())
    return page, 422 if form.errors else 200


@base.post("/account/confirmation")
@login_required
def mail_confirmation() -> ResponseReturnValue:
    """Mail the link that confirms the user's address again."""
    if mail.can_send() and current_user.email_confirmed_at is None:
        accounts.mail_confirmation(current_user)
        flash("A link is on its way to your mailbox.", "info")
    return redirect(url_for("base.account"), 303)


@base.route("/confirm/<token>", methods=["GET", "POST"])
@login_required
def confirm(token: str) -> ResponseReturnValue:
    """Confirm the address of the logged-in user, if the link was mailed for this account.

    The link alone is not enough, so that nobody confirms a stranger's account by following it.
    """
    user = db.session.get_one(User, current_user.id)
    if not accounts.is_confirmation_of(user, token):
        return render_template("base/wrong_confirmation.html"), 404
    if request.method == "GET":
        return render_template("base/confirm.html")
    accounts.confirm_address(user)
    flash("Your address is confirmed. You can log in by it from now on.", "success")
    return redirect(url_for("base.account"), 303)


@base.route("/forgotten", methods=["GET", "POST"])
def forgotten() -> ResponseReturnValue:
    """Mail a reset link. The answer does not reveal who is registered."""
    form = ForgottenForm()
    if form.validate_on_submit() and mail.can_send():
        accounts.mail_reset_links(form.email.data)
        return render_template("base/mailed.html", email=form.email.data)
    page = render_template("base/forgotten.html", form=form, can_send=mail.can_send())
    return page, 422 if form.errors else 200


@base.route("/reset/<token>", methods=["GET", "POST"])
def reset(token: str) -> ResponseReturnValue:
    """Set a new password by a mailed link."""
    user = accounts.user_of_token(token)
    if user is None:
        return _stale_link()
    form = ResetForm(user)
    if form.validate_on_submit():
        if not accounts.use_reset_link(user, form.password.data):
            return _stale_link()
        login_sessions.end()
        flash("Your new password is set. Log in with it.", "success")
        answer = redirect(url_for("base.login"), 303)
        trusted_devices.remember(answer, user)
        return answer
    page = render_template("base/reset.html", form=form, name=user.username)
    return page, 422 if form.errors else 200


def _stale_link() -> ResponseReturnValue:
    return render_template("base/stale_link.html"), 404


def _log_in(user: User, remember: bool, target: str | None = None) -> ResponseReturnValue:
    """Log in with a new session: it takes over neither the guest's session nor another login."""
    target = target or next_page()
    login_sessions.end()
    login_user(user, remember=remember)
    g.user_id = user.id  # for the log
    answer = redirect(target, 303)
    trusted_devices.remember(answer, user)
    return answer


@base.app_context_processor
def _next_argument() -> dict[str, str | None]:
    wanted = request.args.get("next")
    return {"next_argument": wanted if is_own(wanted) else None}
