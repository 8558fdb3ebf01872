"""Forms of the group night."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import StringField, SubmitField
from wtforms.validators import DataRequired

from app.http.validators import MaxLength


class AskForm(FlaskForm):
    name = StringField(
        "Their name here",
        validators=[MaxLength(64), DataRequired("Whom?")],
        render_kw={"autocomplete": "off"},
    )
    submit = SubmitField("Ask them")


class GuestForm(FlaskForm):
    name = StringField(
        "Guest’s name",
        validators=[MaxLength(24), DataRequired("What shall we call them?")],
        render_kw={"autocomplete": "off"},
    )
