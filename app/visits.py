"""Who came on which day, noted once a day and session."""

from __future__ import annotations

from flask import session
from flask_login import current_user

from app.clock import utcnow
from app.extensions import db
from app.models import Visit
from app.upsert import upsert


def note_visit() -> None:
    """Before a page: write down that the person came today, unless this session did already."""
    today = utcnow().date()
    if not current_user.is_authenticated or session.get("came_on") == today.isoformat():
        return
    upsert(Visit, [{"user_id": current_user.id, "day": today}])
    db.session.commit()
    session["came_on"] = today.isoformat()
