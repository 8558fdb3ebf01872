"""Validators that forms of several pages share."""

from __future__ import annotations

from wtforms import Field, Form
from wtforms.validators import StopValidation


class MaxLength:
    """Rejects text that is too long before other validators read it; each text field's first one.

    WTForms' ``Length`` lets the validators after it run.
    """

    def __init__(self, longest: int, message: str | None = None):
        self.longest = longest
        self.field_flags = {"maxlength": longest}
        self._message = message or f"Field cannot be longer than {longest} characters."

    def __call__(self, _form: Form, field: Field) -> None:
        if len(field.data or "") > self.longest:
            raise StopValidation(self._message)
