"""The ids that are given already, in the releases that a new one will follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from recommender.errors import DataError, NoRelease
from recommender.keys import NO_KEYS, CatalogueKeys, Keys
from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore
from spark_jobs.datasets.catalogue_source.key_texts import arrow_keys
from spark_jobs.datasets.dataset import Dataset


def known_keys(store: ReleaseStore) -> CatalogueKeys:
    """Return all keys of the release in service, or of the newest one where that has more of them:
    one that is not in service any more, or not yet, has given ids that are not to be reused.

    Raises ReleaseError where one of them cannot be read.
    """
    several = [NO_KEYS, *_keys_of_releases(store)]
    return max(several, key=lambda keys: len(keys.users) + len(keys.items))


def check_continues(dataset: Dataset, known: CatalogueKeys) -> None:
    """Raise DataError where the keys of a data set would give the id of another key anew."""
    if dataset.keys is None:
        return
    for side, keys, before in (
        ("users", dataset.keys.users, known.users),
        ("items", dataset.keys.items, known.items),
    ):
        if not _begins_with(keys, before):
            raise DataError(
                f"{dataset.path}: its ids of {side} are not those of the releases, another of which"
                " has been trained meanwhile; read the tables again (pipeline: stage process)"
            )


def check_people(datasets: Sequence[Dataset], exported: int, before: Release | None) -> None:
    """Raise DataError where someone who signed up at the site has the id of a person in the data.

    People sign up with ids above those of the data that was in service: other data may use them
    too. ``exported``: how many of the last data sets are ratings that the site exported.
    ``before``: the release in service.
    """
    if not exported or before is None or datasets[0].keys is not None:
        return
    last = before.catalogue.max_user_id
    highest = max(_highest_user(dataset) for dataset in datasets[:-exported])
    for dataset in datasets[-exported:]:
        people = dataset.ratings.map(
            lambda ratings: ratings.users[(ratings.users > last) & (ratings.users <= highest)]
        )
        if ids := sorted({int(user) for users in people for user in users}):
            raise DataError(
                f"{dataset.path}: user {ids[0]} signed up when the data in service ended with user"
                f" {last}, and {datasets[0].path} has people up to {highest}: their ratings would"
                " become one person's; train such data for a site with a database of its own"
            )


def _highest_user(dataset: Dataset) -> int:
    return max(dataset.ratings.map(lambda ratings: int(ratings.users.max(initial=0))), default=0)


def _keys_of_releases(store: ReleaseStore) -> Iterator[CatalogueKeys]:
    versions = set(store.versions()[-1:])
    with suppress(NoRelease):
        versions.add(store.current().version)
    for version in sorted(versions):
        if keys := store.read(version).keys:
            yield keys


def _begins_with(keys: Keys, before: Keys) -> bool:
    same_length = len(keys) >= len(before)
    return same_length and bool(arrow_keys(keys)[: len(before)].equals(arrow_keys(before)))
