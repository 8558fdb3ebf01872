"""One database has the ratings of one catalogue, in one unit: what checks a release for that.

A number in the table of ratings means stars, hours or plays only by the release that was in service
when it was given, and its title only by that release's ids.
"""

from __future__ import annotations

from sqlalchemy import exists, func, or_, select, update

from app.db.retry import retry_on_conflict
from app.extensions import db
from app.models import CatalogueState, Item, OpenLine, Rating, SiteState
from recommender.catalogue import Catalogue, CatalogueItem
from recommender.errors import ReleaseError
from recommender.feedback import EXPLICIT
from recommender.formats.titles import search_key
from recommender.storage.release import Release

STARS, HOURS, HAVING = "stars", "hours", "what people have"
MOST_STARS = 5.0
# Titles that people here rated, and that are compared with those of a release.
COMPARED = 500
# At least this share of them must be the same titles under the same ids.
ENOUGH = 0.5
# Lines of an import wait with ratings too.
_RATED = or_(exists().where(Rating.user_id.is_not(None)), exists().where(OpenLine.rating > 0))


def unit_of(catalogue: Catalogue) -> str:
    """Return what one rating of a catalogue is counted in."""
    if catalogue.feedback == EXPLICIT:
        scale = f" of a scale up to {catalogue.points:g}"
        return STARS if catalogue.points == MOST_STARS else f"{STARS}{scale}"
    if catalogue.having:
        return HAVING
    named = catalogue.measures or (catalogue.measure and f"{catalogue.measure}s")
    return named[:64] or HOURS


def check_ratings_fit(release: Release) -> None:
    """Raise ReleaseError if the database has ratings of another unit or another catalogue."""
    served = db.session.scalar(select(CatalogueState.version))
    if served != release.version and db.session.scalar(select(_RATED)):
        _check_unit(release)
        _check_titles(release)
    db.session.rollback()


@retry_on_conflict
def note_unit(release: Release) -> None:
    """Remember what the ratings that people give from now on are counted in."""
    unit = unit_of(release.catalogue)
    if db.session.scalar(select(SiteState.rating_unit)) == unit:
        return db.session.rollback()
    db.session.execute(update(SiteState).values(rating_unit=unit))
    return db.session.commit()


def _check_unit(release: Release) -> None:
    unit, stored = unit_of(release.catalogue), db.session.scalar(select(SiteState.rating_unit))
    if stored is None and unit.startswith(STARS):
        # Of a version that did not note it: stars are at most five.
        highest = db.session.scalar(select(func.max(Rating.rating))) or 0.0
        stored = HOURS if highest > MOST_STARS else unit
    if stored not in (None, unit):
        raise _refused(release, f"it counts {unit}, and the ratings in the database are {stored}")


def _check_titles(release: Release) -> None:
    rated = select(Item).where(exists().where(Rating.item_id == Item.id))
    rated = rated.order_by(Item.rating_count.desc(), Item.id).limit(COMPARED)
    items = {item.id: item for item in db.session.scalars(rated)}
    if not items:
        return
    titles = [title for title in release.items() if title.item_id in items]
    same = sum(_are_same(items[title.item_id], title) for title in titles)
    if same < ENOUGH * max(len(titles), 1):
        raise _refused(
            release,
            f"of the {len(items):,} titles most rated here {same:,} have the same id in it, so that"
            " ratings would count for other titles",
        )


def _are_same(item: Item, title: CatalogueItem) -> bool:
    """Compare by the surest name that both have: key, IMDb's or TMDB's id, else the title."""
    for own, other in (
        (item.key, title.key),
        (item.imdb_id, title.imdb_id),
        (item.tmdb_id, title.tmdb_id),
    ):
        if own and other and own == other:
            return True
    return search_key(item.title) == search_key(title.title)


def _refused(release: Release, reason: str) -> ReleaseError:
    catalogue = release.catalogue
    return ReleaseError(
        f"{release.version}: of another catalogue ({catalogue.name}) than the ratings in the"
        f" database: {reason}; give this site a DATABASE_URL of its own, or delete the ratings"
        " (`flask delete-ratings`), or promote a release of the catalogue before"
    )
