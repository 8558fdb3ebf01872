"""Titles of lists are read from the database once, and again when the items table changes."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.catalogue import item_summaries
from app.catalogue.editions import raise_edition
from app.catalogue.item_summaries import summaries_by_id
from app.extensions import db
from app.models import Item


def titles(app: Flask, *item_ids: int) -> dict[int, str]:
    with app.test_request_context():
        return {i: summary.title for i, summary in summaries_by_id(item_ids).items()}


def test_summaries_are_read_once(app: Flask, count_queries: Any) -> None:
    first = titles(app, 1, 2)
    recorded = count_queries()
    assert titles(app, 1, 2) == first
    assert [statement for statement in recorded if "FROM items" in statement] == []
    assert titles(app, 2, 3).keys() == {2, 3}
    assert len([statement for statement in recorded if "FROM items" in statement]) == 1


def test_unknown_item_has_no_summary(app: Flask) -> None:
    assert titles(app, 999_999) == {}


def test_summaries_follow_the_items_table(app: Flask) -> None:
    titles(app, 1)
    with app.app_context():
        db.session.execute(update(Item).where(Item.id == 1).values(title="Renamed"))
        raise_edition()
        db.session.commit()
    assert titles(app, 1) == {1: "Renamed"}


def test_number_kept_is_bounded(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_summaries, "MOST_KEPT", 2)
    with app.test_request_context():
        for item_id in (1, 2, 3):
            assert summaries_by_id([item_id]).keys() == {item_id}
        kept = app.extensions["editions"]["summaries"][2]
        assert len(kept) <= 2
