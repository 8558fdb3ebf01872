"""Forms of the private pages."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import SelectChoice, SelectField

from app.words import STARS


class RatingForm(FlaskForm):
    """Half stars, as the ten radio buttons send them."""

    rating = SelectField("Stars", choices=[SelectChoice(f"{stars:g}") for stars in STARS])

    @property
    def stars(self) -> float:
        return float(self.rating.data)
