"""Visits: who came on which day."""

from __future__ import annotations

from flask import session
from flask_login import current_user

from app.db.clock import utcnow
from app.db.upsert import upsert
from app.extensions import db
from app.models import Visit


def note_visit() -> None:
    """Store that the user came today, once a session."""
    today = utcnow().date()
    if session.get("came_on") == today.isoformat() or not current_user.is_authenticated:
        return
    upsert(Visit, [{"user_id": current_user.id, "day": today}])
    db.session.commit()
    session["came_on"] = today.isoformat()
