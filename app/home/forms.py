"""Forms of the private pages."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import StringField, ValidationError

from app.http.validators import MaxLength
from app.recommend.model_watcher import serving

LONGEST_RATING = 32


class RatingForm(FlaskForm):
    """Half stars, as ten radio buttons send them, or hours."""

    rating = StringField(validators=[MaxLength(LONGEST_RATING)])
    value = 0.0

    def validate_rating(self, field: StringField) -> None:
        kind = serving.feedback_kind
        number = kind.parse(field.data) if field.data else kind.default
        if number is None or not field.raw_data:
            raise ValidationError
        self.value = number
