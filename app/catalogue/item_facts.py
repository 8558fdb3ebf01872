"""Bring new facts of items into the database between two trainings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from app.catalogue.availability import withdrawn_ids
from app.catalogue.editions import raise_edition
from app.catalogue.fact_files import Facts, read_facts
from app.catalogue.items import BATCH, batches, locked_state
from app.catalogue.pictures import picture_hosts
from app.db.retry import retry_on_conflict
from app.extensions import db
from app.models import Item
from recommender.catalogue import LARGEST_ID
from recommender.errors import DataError
from recommender.formats.titles import search_key
from recommender.item_facts import FactValue, as_json
from recommender.pictures import picture_host
from recommender.storage.release import Release


@dataclass
class FactCounts:
    """Numbers of items: ``unknown`` ones are not in the catalogue; ``gone`` and ``back``: those
    that became unavailable and available; ``elsewhere``: pictures at hosts that the release in
    service does not name."""

    changed: int = 0
    same: int = 0
    unknown: int = 0
    gone: int = 0
    back: int = 0
    elsewhere: int = 0


@retry_on_conflict
def sync_items(path: Path, release: Release) -> FactCounts:
    """Store the facts of a file, all of them or, where a line is bad, none.

    Items that are named and not known are counted. What the file does not say stays, and so do
    titles that the owner has hidden: none becomes available. Raises DataError.
    """
    counts, hosts = FactCounts(), picture_hosts(release)
    locked_state()
    try:
        for rows in batches(read_facts(path, release.catalogue.facts), BATCH):
            _store(rows, release.catalogue.keyed, hosts, counts)
            db.session.flush()
            db.session.expunge_all()
    except DataError:
        db.session.rollback()
        raise
    if counts.changed:
        raise_edition()
    db.session.commit()
    return counts


def _store(rows: Sequence[Facts], keyed: bool, hosts: Collection[str], counts: FactCounts) -> None:
    items, hidden = _items_by_name([facts.item for facts in rows], keyed), withdrawn_ids()
    for facts in rows:
        item = items.get(facts.item)
        if item is None:
            counts.unknown += 1
            continue
        given = {**facts.values, **({"facts": _with_new(item, facts.own)} if facts.own else {})}
        if item.id in hidden:
            given.pop("available", None)
        new = {name: v for name, v in given.items() if getattr(item, name) != v}
        counts.changed += bool(new)
        counts.same += not new
        if "available" in new:
            counts.back += new["available"]
            counts.gone += not new["available"]
        if new.get("image") and picture_host(new["image"]) not in hosts:
            counts.elsewhere += 1
        for name, value in new.items():
            setattr(item, name, value)
        item.search_key = search_key(f"{item.title} {item.year or ''}")[:255]


def _with_new(item: Item, own: Mapping[str, FactValue | None]) -> str | None:
    """Return the item's facts of the catalogue's own, as stored, with new ones."""
    values = {name: v for name, v in {**item.fact_values, **own}.items() if v is not None}
    return as_json(values) if values else None


def _items_by_name(names: Sequence[str], keyed: bool) -> dict[str, Item]:
    """Return the items that exist, by their key, or by their id as text."""
    if keyed:
        rows = db.session.scalars(select(Item).where(Item.key.in_(names)))
        return {item.key: item for item in rows if item.key is not None}
    ids = {name: int(name) for name in names if name.isascii() and name.isdecimal()}
    fitting = [number for number in ids.values() if number <= LARGEST_ID]
    items = {i.id: i for i in db.session.scalars(select(Item).where(Item.id.in_(fitting)))}
    return {name: items[number] for name, number in ids.items() if number in items}
