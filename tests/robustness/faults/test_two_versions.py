"""The version before this one and this one, side by side on one database and one bucket.

An upgrade drill: people rate without a pause while servers of the old version are replaced by
servers of this one, and these by old ones again. `make test-faults` runs its long form: with more
ratings, for longer, both ways in both directions, on both databases.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pytest

from recommender.storage.release_store import ReleaseStore
from recommender.storage.s3_release_store import open_store
from tests.support.acknowledged_writes import BROKEN, LONG, AcknowledgedWrites, People, Record, ask
from tests.support.databases import SERVERS, Server
from tests.support.fleet import Fleet
from tests.support.landed_version import THIS, Version, landed_version, stored_ratings
from tests.support.old_ratings import fill_with_ratings
from tests.support.releases import FITTED, publish_tiny
from tests.support.site import settings
from tests.support.site_browser import Browser

pytest_plugins = ["tests.support.fixtures.s3", "tests.support.fixtures.fault_table"]
pytestmark = pytest.mark.faults

FIRST, SECOND = "20260101-000000-aaaa", "20260102-000000-bbbb"
SECONDS = 5.0 if LONG else 0.0  # of load after each step, at least
PAUSE, ENOUGH = (0.02, 15) if LONG else (0.1, 4)  # of each person, at each step
RATINGS = 100_000 if LONG else 5_000
PEOPLE, INSTANCES = 3, 2
PERSON = {"gender": "F", "year_of_birth": 1990}
WAYS = {"rolling": Fleet.roll, "immutable": Fleet.replace_all}
THERE_AND_BACK = [("rolling", "immutable"), ("immutable", "rolling")]
DRILLS = list(product(SERVERS, THERE_AND_BACK)) if LONG else [("postgresql", THERE_AND_BACK[0])]


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Version]:
    with landed_version(tmp_path_factory.mktemp("landed") / "old") as version:
        yield version


@dataclass
class Site:
    """The site that is in service: database, release and two servers of the version before."""

    url: str
    store: ReleaseStore
    environ: dict[str, str]
    fleet: Fleet
    people: People
    old_ratings: dict[tuple[int, int], float]
    folder: Path
    killed_at: list[float] = field(default_factory=list)  # a moment for each killed worker

    def go_on(self) -> None:
        """Let people rate; only those whose worker was killed may have seen a failure."""
        self.people.go_on(SECONDS, ENOUGH)
        statuses = self.people.statuses()
        assert set(statuses) <= {200, BROKEN}
        assert statuses[BROKEN] <= len(self.killed_at) * PEOPLE

    def is_logged_in_everywhere(self, browser: Browser) -> bool:
        return all(browser.is_logged_in(instance.address) for instance in self.fleet.instances)

    def kill_a_worker_of_each(self) -> None:
        for instance in self.fleet.instances:
            self.killed_at.append(time.monotonic())
            instance.kill_a_worker()
            self.go_on()


@pytest.fixture
def site(
    kind: str, servers: Callable[[str], Server], landed: Version, bucket: str, tmp_path: Path
) -> Iterator[Site]:
    url = servers(kind).new_database()
    environ = settings(url, tmp_path) | {
        "RELEASES": f"{bucket}/releases",
        "RELEASE_CACHE": str(tmp_path / "commands"),
        "RELEASE_POLL_SECONDS": "2",
        "RATELIMIT_ENABLED": "False",
    }
    landed.publish(environ, FIRST)
    secret = landed.flask(environ, "db upgrade", "sync-catalogue", "create-token --name load")
    old_ratings = fill_with_ratings(url, [item.item_id for item in FITTED], RATINGS)
    with Fleet(environ, tmp_path) as fleet:
        addresses = [fleet.start(landed).address for _ in range(INSTANCES)]
        user = f"{addresses[0]}/api/v1/user"
        ids = [ask(user, secret, "PUT", PERSON)[1]["user_id"] for _ in range(PEOPLE)]
        with People(fleet.balancer.server, secret, ids, AcknowledgedWrites(), PAUSE) as people:
            store = open_store(environ["RELEASES"], str(tmp_path / "training"))
            yield Site(url, store, environ, fleet, people, old_ratings, tmp_path)


@pytest.mark.parametrize(
    ("kind", "ways"), DRILLS, ids=[f"{kind}-{'-'.join(ways)}" for kind, ways in DRILLS]
)
def test_upgrade_and_return_fail_no_request_and_lose_no_rating_and_no_login(
    site: Site, landed: Version, kind: str, ways: tuple[str, str], record: Record
) -> None:
    there, back = ways
    ann, bob = Browser(), Browser()
    ann.register(site.fleet.instances[0].address, "ann")
    site.go_on()

    # The new version migrates while the old one serves, then takes its place.
    THIS.flask(site.environ, "db upgrade", "sync-catalogue")
    site.go_on()
    WAYS[there](site.fleet, THIS, site.go_on)
    assert site.is_logged_in_everywhere(ann)
    bob.register(site.fleet.instances[0].address, "bob")

    # It promotes a release, and is taken back without its migration.
    publish_tiny(site.store, SECOND)
    site.fleet.wait_for(SECOND)
    if LONG:
        site.kill_a_worker_of_each()
    WAYS[back](site.fleet, landed, site.go_on)
    assert site.is_logged_in_everywhere(ann)
    assert site.is_logged_in_everywhere(bob)
    site.store.rollback()
    site.fleet.wait_for(FIRST)

    # And with it, while the old version serves.
    THIS.flask(site.environ, f"db downgrade {landed.head()}")
    site.go_on()
    assert site.is_logged_in_everywhere(ann)

    site.people.stop()
    stored = stored_ratings(site.url)
    figures = site.people.figures(min(site.killed_at, default=0.0), stored)
    record(f"upgraded ({there}) and taken back ({back}), {kind}", figures)
    assert figures.missing == 0
    assert len(site.old_ratings) == RATINGS
    assert {pair: stored.get(pair) for pair in site.old_ratings} == site.old_ratings
    for log in site.folder.glob("*.log"):
        assert "Traceback" not in log.read_text(), log
