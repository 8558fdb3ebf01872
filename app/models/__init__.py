"""The tables, by subject; every name is here too."""

from app.db.types import UtcDateTime
from app.models.accounts import (
    FIRST_ID_WITHOUT_CATALOGUE,
    MOST_HASHES,
    OWNER,
    PERSON,
    ROLES,
    Attempt,
    EndedLogin,
    Feed,
    Token,
    User,
    hashing,
)
from app.models.catalogue import AddedTitle, CatalogueState, FoldedItem, Item
from app.models.experiments import Experiment, Exposure
from app.models.feedback import Impression, ListEntry, Rating, Visit
from app.models.group import Friendship
from app.models.portability import Import, ImportChange, OpenLine
from app.models.site import SiteState

__all__ = [
    "FIRST_ID_WITHOUT_CATALOGUE",
    "MOST_HASHES",
    "OWNER",
    "PERSON",
    "ROLES",
    "AddedTitle",
    "Attempt",
    "CatalogueState",
    "EndedLogin",
    "Experiment",
    "Exposure",
    "Feed",
    "FoldedItem",
    "Friendship",
    "Import",
    "ImportChange",
    "Impression",
    "Item",
    "ListEntry",
    "OpenLine",
    "Rating",
    "SiteState",
    "Token",
    "User",
    "UtcDateTime",
    "Visit",
    "hashing",
]
