"""Forms of the pages about one's own data."""

from __future__ import annotations

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import SubmitField

from app.base.forms import present_password
from app.http.body_limits import LARGEST_FILE


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


class DeleteForm(FlaskForm):
    password = present_password("Your password")
    submit = SubmitField("Delete my account for good")
