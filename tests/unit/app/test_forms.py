"""Rules for every form of the site, including forms added later."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask_wtf import FlaskForm
from wtforms import Field, Form, StringField
from wtforms.fields.core import UnboundField
from wtforms.validators import ValidationError

import app  # noqa: F401  (imports every form)
from app.http.validators import MaxLength


def forms(of: type[FlaskForm] = FlaskForm) -> Iterator[type[FlaskForm]]:
    for form in of.__subclasses__():
        if form.__module__.startswith("app."):
            yield form
        yield from forms(form)


def text_fields() -> Iterator[tuple[str, UnboundField[Field]]]:
    """Yield each text field of each form: PasswordField, EmailField and others are StringFields."""
    for form in forms():
        for name in dir(form):
            field = getattr(form, name)
            if isinstance(field, UnboundField) and issubclass(field.field_class, StringField):
                yield f"{form.__name__}.{name}", field


def test_text_fields_check_max_length_before_any_other_validator() -> None:
    fields = dict(text_fields())
    assert len(fields) > 12
    unbounded = [
        name
        for name, field in fields.items()
        if not field.kwargs.get("validators")
        or not isinstance(field.kwargs["validators"][0], MaxLength)
    ]
    assert unbounded == []


def test_max_length_stops_later_validators_when_text_is_too_long() -> None:
    seen: list[str] = []

    def note(_form: Form, field: Field) -> None:
        seen.append(field.data)
        raise ValidationError("seen")

    class Sample(Form):
        text = StringField(validators=[MaxLength(3), note])

    long, short = Sample(data={"text": "abcd"}), Sample(data={"text": "abc"})
    assert not long.validate()
    assert long.errors == {"text": ["Field cannot be longer than 3 characters."]}
    assert not short.validate()
    assert seen == ["abc"]


@pytest.mark.parametrize("data", [None, ""])
def test_max_length_passes_when_field_is_missing(data: str | None) -> None:
    class Sample(Form):
        text = StringField(validators=[MaxLength(3)])

    assert Sample(data={"text": data}).validate()
