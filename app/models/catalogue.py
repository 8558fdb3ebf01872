"""Tables of the catalogue."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, Text, true
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.models.columns import Moment
from recommender.catalogue import FIRST_ADDED_ITEM
from recommender.item_facts import FactValue, from_json


class Item(db.Model):  # type: ignore[name-defined]
    """An item of the catalogue, copied from the release by ``sync_catalogue``.

    ``genres``: as in "Comedy|Drama". ``search_key``: see ``recommender.formats.titles``.
    ``rating_count`` and ``rating_mean``: see ``app.catalogue.item_statistics``. ``poster_path``:
    TMDB's name of the poster; None until TMDB was asked, "" if it has none. ``minutes``: the
    running time, asked with the poster. ``key``: its id in the catalogue's own tables.
    ``creators``: as in "Terry Pratchett|Neil Gaiman". ``image`` and ``link``: addresses of its
    picture and of its own page. ``available``: False for what is on no list
    (``app.catalogue.availability``). ``facts``: see ``recommender.item_facts``, as JSON; None
    where there are none.
    """

    __tablename__ = "items"
    __table_args__ = (Index("ix_items_rating_count_rating_mean", "rating_count", "rating_mean"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(String(255))
    year: Mapped[int | None]
    genres: Mapped[str] = mapped_column(String(255), default="")
    imdb_id: Mapped[str | None] = mapped_column(String(16), index=True)
    tmdb_id: Mapped[int | None] = mapped_column(index=True)
    search_key: Mapped[str] = mapped_column(String(255), index=True)
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
    minutes: Mapped[int | None]

    @property
    def running_time(self) -> str:
        """The running time as "2 h 22 min"; "" if it is not known."""
        hours, minutes = divmod(self.minutes or 0, 60)
        parts = (f"{hours} h" if hours else "", f"{minutes} min" if minutes else "")
        return " ".join(part for part in parts if part)

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
    change. ``last_added_id``: the highest id ever given to a title that was added here, so that
    none is given twice, even after it was merged or removed. ``folded_edition`` grows whenever
    other ``FoldedItem`` rows are stored, which come from what ``folded_from`` is a digest of.

    Adding a release's items locks it, for many seconds; ``SiteState``, which every registration
    updates, stays unlocked meanwhile.
    """

    __tablename__ = "catalogue_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[str | None] = mapped_column(String(64))
    lines_version: Mapped[str | None] = mapped_column(String(64))
    edition: Mapped[int] = mapped_column(default=0, server_default="0")
    last_added_id: Mapped[int] = mapped_column(
        default=FIRST_ADDED_ITEM - 1, server_default=str(FIRST_ADDED_ITEM - 1)
    )
    folded_edition: Mapped[int] = mapped_column(default=0, server_default="0")
    folded_from: Mapped[str | None] = mapped_column(String(64))


class FoldedItem(db.Model):  # type: ignore[name-defined]
    """An item folded into the model of the release ``version``, which was not fitted on it: a row
    of ``recommender.added_items.AddedItems``. ``vectors``: its ranking and its rating factors, half
    precision. ``sources``: rows of its sources, int32, and then their weights, half precision."""

    __tablename__ = "folded_items"

    version: Mapped[str] = mapped_column(String(64), primary_key=True)
    item_id: Mapped[int] = mapped_column(
        ForeignKey("items.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        index=True,
    )
    vectors: Mapped[bytes]
    sources: Mapped[bytes]
    bias: Mapped[float]
    rating_count: Mapped[int]
    rating_mean: Mapped[float]
    popularity_count: Mapped[float]


class AddedTitle(db.Model):  # type: ignore[name-defined]
    """A title that was added here and not by a release; its facts are in its row of ``items``.

    ``added_by``: the user, None for a program, the owner at the command line, and a user who has
    deleted their account. ``via``: see ``app.catalogue.added_titles``. ``import_id``: the import
    that brought it, None once its report is gone. ``hidden_at``: when the owner took it off every
    list. ``merged_into``: the item that has its ratings now; this one is on no list any more.
    """

    __tablename__ = "added_titles"

    item_id: Mapped[int] = mapped_column(
        ForeignKey("items.id"), primary_key=True, autoincrement=False
    )
    added_at: Mapped[Moment] = mapped_column(index=True)
    added_by: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    via: Mapped[str] = mapped_column(String(16))
    import_id: Mapped[int | None] = mapped_column(
        ForeignKey("imports.id", ondelete="SET NULL"), index=True
    )
    hidden_at: Mapped[Moment | None]
    merged_into: Mapped[int | None] = mapped_column(ForeignKey("items.id"), index=True)
