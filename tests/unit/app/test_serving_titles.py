"""A release serves recommendations before its search index is built; search works meanwhile."""

from __future__ import annotations

import pytest
from flask import Flask

from app.catalogue.items import search
from app.catalogue.search_index import TitleIndex
from app.recommend.model_watcher import ReleaseWatcher, serving
from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore
from tests.support.releases import publish_tiny


@pytest.fixture
def found_meanwhile(
    closed_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, list[int]]]:
    """Records the version in service and a search result each time before an index is built."""
    seen: list[tuple[str, list[int]]] = []

    index = TitleIndex.of

    def watched(release: Release) -> TitleIndex:
        with closed_app.app_context():
            found = [item.id for item in search("pirates", 5, serving.titles)]
        seen.append((closed_app.extensions["serving"].model.version, found))
        return index(release)

    monkeypatch.setattr(TitleIndex, "of", watched)
    return seen


def test_search_uses_database_then_previous_index_while_the_index_is_built(
    closed_app: Flask, store: ReleaseStore, found_meanwhile: list[tuple[str, list[int]]]
) -> None:
    publish_tiny(store)
    watcher: ReleaseWatcher = closed_app.extensions["serving"]
    watcher.refresh()
    first = watcher.current.titles
    assert first is not None
    publish_tiny(store, "20260102-000000-bbbb")
    watcher.refresh()
    assert found_meanwhile == [("20260101-000000-aaaa", [2]), ("20260102-000000-bbbb", [2])]
    assert watcher.current.titles is not first
    assert watcher.problem is None
