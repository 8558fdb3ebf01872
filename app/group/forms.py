"""Forms of the group night."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import StringField, SubmitField
from wtforms.validators import DataRequired, Length


class AskForm(FlaskForm):
    name = StringField(
        "Their name here",
        validators=[DataRequired("Whom?"), Length(max=64)],
        render_kw={"autocomplete": "off", "maxlength": 64},
    )
    submit = SubmitField("Ask them")


class GuestForm(FlaskForm):
    name = StringField(
        "Guest’s name",
        validators=[DataRequired("What shall we call them?"), Length(max=24)],
        render_kw={"autocomplete": "off", "maxlength": 24},
    )
