"""Forms of the accounts pages."""

from __future__ import annotations

from typing import Any

from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, PasswordField, StringField, SubmitField
from wtforms.validators import DataRequired, Email, EqualTo, Length, Regexp, ValidationError

from app.accounts import fold
from app.models import User
from app.passwords import LONGEST, SHORTEST, is_easy_to_guess


def new_password() -> PasswordField:
    return PasswordField(
        "Password",
        validators=[
            DataRequired("Choose a password."),
            Length(SHORTEST, LONGEST, f"Between {SHORTEST} and {LONGEST} characters, please."),
            _hard_to_guess,
        ],
        description=f"{SHORTEST} characters or more; a few words are best.",
        render_kw={"autocomplete": "new-password", "minlength": SHORTEST},
    )


def _hard_to_guess(form: Any, field: PasswordField) -> None:
    if is_easy_to_guess(field.data, form.about):
        raise ValidationError("Others would try this one first. A few words of your own, please.")


def once_more() -> PasswordField:
    return PasswordField(
        "Password again",
        validators=[EqualTo("password", "The two passwords differ.")],
        render_kw={"autocomplete": "new-password"},
    )


def present_password() -> PasswordField:
    return PasswordField(
        "Your present password",
        validators=[DataRequired("Your password, please."), Length(max=LONGEST)],
        render_kw={"autocomplete": "current-password"},
    )


class Fits:
    """What is looked up by is folded to one case, and has to fit its column as that."""

    def __init__(self, longest: int):
        self._longest = longest

    def __call__(self, _form: FlaskForm, field: StringField) -> None:
        if len(fold(field.data or "")) > self._longest:
            raise ValidationError("That is too long to be kept.")


def email_address(missing: str) -> EmailField:
    return EmailField(
        "Email",
        validators=[
            DataRequired(missing),
            Email("This does not look like an email address."),
            Length(max=254),
            Fits(254),
        ],
        filters=[lambda email: email.strip() if email else email],
        render_kw={"autocomplete": "email", "maxlength": 254},
    )


class RegisterForm(FlaskForm):
    username = StringField(
        "Name",
        validators=[
            DataRequired("Choose a name."),
            Length(2, 64, "Between 2 and 64 characters, please."),
            Regexp(r"^[\w .'-]+$", message="Letters, digits, blanks and . ' - only, please."),
            Fits(255),
        ],
        filters=[lambda name: " ".join(name.split()) if name else name],
        render_kw={"autocomplete": "username", "maxlength": 64},
    )
    email = email_address("We need an address to reach you at.")
    password = new_password()
    confirm = once_more()
    submit = SubmitField("Create account")

    @property
    def about(self) -> list[str | None]:
        return [self.username.data, self.email.data]


class LoginForm(FlaskForm):
    username = StringField(
        "Name or email",
        validators=[DataRequired("Who are you?"), Length(max=254)],
        render_kw={"autocomplete": "username"},
    )
    password = PasswordField(
        "Password",
        validators=[DataRequired("Your password, please."), Length(max=LONGEST)],
        render_kw={"autocomplete": "current-password"},
    )
    remember = BooleanField("Keep me logged in")
    submit = SubmitField("Log in")


class PasswordForm(FlaskForm):
    """A new password for someone who is logged in."""

    present = present_password()
    password = new_password()
    confirm = once_more()
    submit = SubmitField("Change password")

    @property
    def about(self) -> list[str | None]:
        return [current_user.username, current_user.email]


class ForgottenForm(FlaskForm):
    email = email_address("The address you registered with, please.")
    submit = SubmitField("Mail me a link")


class ResetForm(FlaskForm):
    """``user``: whose password it will be."""

    password = new_password()
    confirm = once_more()
    submit = SubmitField("Set password")

    def __init__(self, user: User):
        super().__init__()
        self.about = [user.username, user.email]
