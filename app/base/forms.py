"""Forms of the accounts pages."""

from __future__ import annotations

from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, PasswordField, StringField, SubmitField
from wtforms.validators import DataRequired, EqualTo, Length, StopValidation, ValidationError

from app.accounts import mail
from app.accounts.identifiers import LONGEST as LONGEST_IDENTIFIER
from app.accounts.identifiers import fold, problem_of_name
from app.accounts.password_policy import LONGEST, SHORTEST, is_easy_to_guess
from app.http.validators import MaxLength
from app.models import User

PASSWORD_LENGTH = f"Between {SHORTEST} and {LONGEST} characters, please."
NAME_LENGTH = "Between 2 and 64 characters, please."
NO_ADDRESS = "This does not look like an email address."


def new_password() -> PasswordField:
    return PasswordField(
        "Password",
        validators=[
            MaxLength(LONGEST, PASSWORD_LENGTH),
            DataRequired("Choose a password."),
            Length(SHORTEST, message=PASSWORD_LENGTH),
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
        validators=[
            MaxLength(LONGEST, PASSWORD_LENGTH),
            EqualTo("password", "The two passwords differ."),
        ],
        render_kw={"autocomplete": "new-password"},
    )


def present_password(label: str) -> PasswordField:
    return PasswordField(
        label,
        validators=[MaxLength(LONGEST), DataRequired("Your password, please.")],
        render_kw={"autocomplete": "current-password"},
    )


class Fits:
    """Check that the folded text, by which accounts are looked up, fits its column."""

    def __init__(self, longest: int):
        self._longest = longest

    def __call__(self, _form: FlaskForm, field: StringField) -> None:
        if len(fold(field.data or "")) > self._longest:
            raise StopValidation("That is too long to be kept.")


def _is_address(_form: FlaskForm, field: StringField) -> None:
    """Check the folded text, which is what is stored, compared and written to."""
    address = fold(field.data or "")
    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValidationError(NO_ADDRESS) from error
    if mail.ENCODED_WORD in address:
        raise ValidationError(NO_ADDRESS)


def email_address(missing: str) -> EmailField:
    return EmailField(
        "Email",
        validators=[MaxLength(LONGEST_IDENTIFIER), DataRequired(missing), Fits(254), _is_address],
        filters=[lambda email: email.strip() if email else email],
        render_kw={"autocomplete": "email"},
    )


def _distinct_name(_form: FlaskForm, field: StringField) -> None:
    if problem := problem_of_name(field.data or ""):
        raise ValidationError(problem)


class RegisterForm(FlaskForm):
    username = StringField(
        "Name",
        validators=[
            MaxLength(64, NAME_LENGTH),
            DataRequired("Choose a name."),
            Length(2, message=NAME_LENGTH),
            Fits(255),
            _distinct_name,
        ],
        filters=[lambda name: " ".join(name.split()) if name else name],
        render_kw={"autocomplete": "username"},
    )
    email = email_address("We need an address to reach you at.")
    password = new_password()
    confirm = once_more()
    submit = SubmitField("Create account")

    @property
    def about(self) -> list[str | None]:
        return [field.data for field in (self.username, self.email) if not field.errors]


class LoginForm(FlaskForm):
    username = StringField(
        "Name or email",
        validators=[MaxLength(LONGEST_IDENTIFIER), DataRequired("Who are you?")],
        render_kw={"autocomplete": "username"},
    )
    password = present_password("Password")
    remember = BooleanField("Keep me logged in")
    submit = SubmitField("Log in")


class PasswordForm(FlaskForm):
    """A new password for a logged-in user."""

    present = present_password("Your present password")
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
    """A new password for ``user``."""

    password = new_password()
    confirm = once_more()
    submit = SubmitField("Set password")

    def __init__(self, user: User):
        super().__init__()
        self.about = [user.username, user.email]
