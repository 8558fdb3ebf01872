"""Forms of the pages about one's own data."""

from __future__ import annotations

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import IntegerField, StringField, SubmitField
from wtforms.validators import AnyOf, NumberRange

from app.base.forms import present_password
from app.http.body_limits import LARGEST_FILE
from app.http.validators import MaxLength
from app.portability.entries import SEEN, WISHED
from recommender.catalogue import LARGEST_ID


class ImportForm(FlaskForm):
    file = FileField(
        "Your file",
        validators=[FileRequired("Choose a file first.")],
        render_kw={
            "accept": ".csv,.zip,.json,.gz,.txt",
            "data-most": LARGEST_FILE,
            "data-too-large": f"We take up to {LARGEST_FILE // 1_000_000} MB.",
        },
    )
    submit = SubmitField("Bring them in")


class DecisionForm(FlaskForm):
    """What the undecided titles of a file are."""

    mark = StringField(validators=[MaxLength(16), AnyOf((SEEN, WISHED))])


class ChoiceForm(FlaskForm):
    """A line, by its key, and the title that it is."""

    line = StringField(validators=[MaxLength(32)])
    item = IntegerField(validators=[NumberRange(0, LARGEST_ID)])


class DeleteForm(FlaskForm):
    password = present_password("Your password")
    submit = SubmitField("Delete my account for good")
