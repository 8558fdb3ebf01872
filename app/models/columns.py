"""Column types that several tables share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from sqlalchemy import ForeignKey, false
from sqlalchemy.orm import mapped_column

from app.db.types import UtcDateTime

Moment = Annotated[datetime, mapped_column(UtcDateTime)]
Flag = Annotated[bool, mapped_column(default=False, server_default=false())]
UserReference = Annotated[int, mapped_column(ForeignKey("users.id", ondelete="CASCADE"))]
UserKey = Annotated[
    int, mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
]
ItemKey = Annotated[int, mapped_column(ForeignKey("items.id"), primary_key=True, index=True)]
