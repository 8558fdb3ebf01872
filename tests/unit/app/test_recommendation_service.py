"""Recommendations joined to the catalogue."""

from __future__ import annotations

from dataclasses import replace

from flask import Flask
from msgspec import structs

from app.catalogue.items import sync_catalogue
from app.recommend.service import rank, with_items
from recommender.model import Model
from recommender.storage.release_store import ReleaseStore
from tests.support.releases import ITEMS, no_parity_sample, tiny_release


def test_recommend_gives_the_reason_when_item_id_is_0(app: Flask, store: ReleaseStore) -> None:
    release = tiny_release("20260102-000000-bbbb")
    item_ids = release.arrays.item_ids.copy()
    item_ids[0] = 0
    release = replace(release, arrays=replace(release.arrays, item_ids=item_ids))
    items = [structs.replace(ITEMS[0], item_id=0), *ITEMS[1:]]
    published = store.publish(release, items, no_parity_sample())
    with app.app_context():
        sync_catalogue(published)
        model, ratings = Model(published), {0: 5.0}
        (best,) = with_items(model, ratings, rank(model, ratings, 1), reasons=1)
    assert best.because is not None
    assert best.because.id == 0
