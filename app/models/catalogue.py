"""Tables of the catalogue."""

from __future__ import annotations

from sqlalchemy import Index, String, Text, true
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from recommender.item_facts import FactValue, from_json


class Item(db.Model):  # type: ignore[name-defined]
    """An item of the catalogue, copied from the release by ``sync_catalogue``.

    ``genres``: as in "Comedy|Drama". ``search_key``: see ``recommender.formats.titles``.
    ``rating_count`` and ``rating_mean``: see ``app.catalogue.item_statistics``. ``poster_path``:
    TMDB's name of the poster; None until TMDB was asked, "" if it has none. ``key``: its id in the
    catalogue's own tables. ``creators``: as in "Terry Pratchett|Neil Gaiman". ``image`` and
    ``link``: addresses of its picture and of its own page. ``available``: False for what is on no
    list (``app.catalogue.availability``). ``facts``: see ``recommender.item_facts``, as JSON; None
    where there are none.
    """

    __tablename__ = "items"
    __table_args__ = (Index("ix_items_rating_count_rating_mean", "rating_count", "rating_mean"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(String(255))
    year: Mapped[int | None]
    genres: Mapped[str] = mapped_column(String(255), default="")
    imdb_id: Mapped[str | None] = mapped_column(String(16))
    tmdb_id: Mapped[int | None]
    search_key: Mapped[str] = mapped_column(String(255))
    rating_count: Mapped[int] = mapped_column(default=0)
    rating_mean: Mapped[float | None]
    poster_path: Mapped[str | None] = mapped_column(String(64))
    description: Mapped[str | None] = mapped_column(Text)
    key: Mapped[str | None] = mapped_column(String(255), unique=True)
    creators: Mapped[str] = mapped_column(String(255), default="", server_default="")
    image: Mapped[str | None] = mapped_column(Text)
    link: Mapped[str | None] = mapped_column(Text)
    available: Mapped[bool] = mapped_column(default=True, server_default=true(), index=True)
    facts: Mapped[str | None] = mapped_column(Text)

    @property
    def fact_values(self) -> dict[str, FactValue]:
        return from_json(self.facts)

    @property
    def genre_list(self) -> list[str]:
        return self.genres.split("|") if self.genres else []

    @property
    def creator_list(self) -> list[str]:
        return self.creators.split("|") if self.creators else []

    @property
    def full_title(self) -> str:
        return f"{self.title} ({self.year})" if self.year else self.title


class CatalogueState(db.Model):  # type: ignore[name-defined]
    """One row: ``version`` is the release that the items came from, ``lines_version`` the one whose
    titles were last matched to the lines that wait for a title. ``edition`` grows whenever items
    change.

    Adding a release's items locks it, for many seconds; ``SiteState``, which every registration
    updates, stays unlocked meanwhile.
    """

    __tablename__ = "catalogue_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[str | None] = mapped_column(String(64))
    lines_version: Mapped[str | None] = mapped_column(String(64))
    edition: Mapped[int] = mapped_column(default=0, server_default="0")
