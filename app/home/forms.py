"""Forms of the private pages."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import StringField, ValidationError

from app.http.validators import MaxLength
from app.recommend import feedback_kind

LONGEST_RATING = 32


class RatingForm(FlaskForm):
    """Half stars, as the ten radio buttons send them, or hours."""

    rating = StringField(validators=[MaxLength(LONGEST_RATING)])
    given = 0.0

    def validate_rating(self, field: StringField) -> None:
        kind = feedback_kind.current()
        number = kind.read(field.data) if field.data else kind.unsaid
        if number is None or not field.raw_data:
            raise ValidationError
        self.given = number
