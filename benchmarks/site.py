"""A whole site to measure: PostgreSQL, published releases of generated titles, people with ratings,
and gunicorn as the Procfile starts it, in a temporary folder, on free ports."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask
from numpy.random import Generator
from numpy.typing import NDArray
from sqlalchemy import insert, text

from app import create_app
from app.accounts import api_tokens
from app.catalogue.items import sync_catalogue
from app.db.clock import utcnow
from app.extensions import db
from app.models import Rating, User
from benchmarks.data import Person
from benchmarks.recommending import Fitted, release_of
from benchmarks.sender import Connection
from recommender.catalogue import CatalogueItem
from recommender.storage.release import ParitySample, Release
from recommender.storage.release_store import ReleaseStore
from tests.support.databases import migrate, postgresql
from tests.support.servers import free_port

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("20260101-000000-aaaa", "20260102-000000-bbbb")
# Limits are counted, as in production, but never reached.
NO_LIMIT = "1000000/second"
GENRES = (
    "Action Adventure Animation Children Comedy Crime Documentary Drama Fantasy Film-Noir Horror"
    " IMAX Musical Mystery Romance Sci-Fi Thriller War Western"
).split()
SYLLABLES = "an ar be ca co da de el en fa ga ha in ka la lo ma mi na no or pe ra ri sa se ta to"
WORDS = 20_000
COMMON = ("the", "of", "and", "a", "in", "to", "love", "man", "life", "night", "girl", "story")
PATIENCE = 60.0


@dataclass(frozen=True)
class Site:
    """``people``: ids of users with accounts and ratings. ``token``: a service token."""

    store: ReleaseStore
    environ: Mapping[str, str]
    people: Sequence[int]
    token: str
    folder: Path

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Serve; yield the server once it is ready."""
        server = Server.started(self)
        try:
            server.ready_after = server.seconds_to_ready()
            yield server
        finally:
            server.process.terminate()
            server.process.wait(timeout=PATIENCE)

    def swapped(self) -> str:
        """Promote the other one of the two releases; return its version."""
        version = next(v for v in VERSIONS if v != self.store.current().version)
        self.store.promote(version)
        return version

    def api_requests(self, port: int) -> list[str]:
        """Return one request for each user's recommendations."""
        paths = [f"/api/v1/user/{user_id}/recommendations" for user_id in self.people]
        return [request(path, port, f"Authorization: Bearer {self.token}") for path in paths]

    def page_requests(self, port: int) -> list[str]:
        """Return one request for each user's home page, logged in and not the day's first visit."""
        return [request("/", port, f"Cookie: {cookie}") for cookie in self._cookies]

    @cached_property
    def _cookies(self) -> list[str]:
        app = self.app()
        name = app.config["SESSION_COOKIE_NAME"]
        signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
        now = utcnow()
        known = {"_fresh": True, "came_on": now.date().isoformat()}
        login = f"session-{{}}.login.{int(now.timestamp())}"  # as in login_sessions
        return [
            f"{name}={signer.dumps({'_user_id': login.format(who), **known})}"
            for who in self.people
        ]

    def app(self) -> Flask:
        """The application in this process, without its server."""
        return create_app(self.environ)


@dataclass
class Server:
    """``process``: gunicorn's master. ``began``: when it was started (time.monotonic).
    ``ready_after``: seconds from then to the first 200 of /ready."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    began: float
    ready_after: float = 0.0

    @classmethod
    def started(cls, site: Site) -> Server:
        port, log = free_port(), site.folder / "gunicorn.log"
        line = (ROOT / "Procfile").read_text("utf-8").removeprefix("web: ")
        command = shlex.split(line.replace(":8000", f":{port}"))
        with log.open("wb") as output:
            began = time.monotonic()
            process = subprocess.Popen(  # the Procfile's  # noqa: S603  # nosec B603
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env={**os.environ, **site.environ},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return cls(process, port, log, began)

    def seconds_to_ready(self) -> float:
        question = request("/ready", self.port).encode()
        while time.monotonic() < self.began + PATIENCE and self.process.poll() is None:
            try:
                with Connection(self.port) as connection:
                    if connection.ask(question)[0] == 200:
                        return time.monotonic() - self.began
            except ConnectionError:
                time.sleep(0.01)
        sys.exit(f"the site did not start:\n{self.log.read_text('utf-8')[-2000:]}")

    def lines(self) -> Iterator[dict[str, Any]]:
        """Return the log lines so far."""
        with self.log.open("rb") as log:
            for line in log:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    def times_logged(self, words: str) -> int:
        """Count log lines cheaply: frequent calls share the machine with the measured site."""
        return self.log.read_bytes().count(words.encode())

    @property
    def workers(self) -> list[int]:
        master = self.process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text("ascii")
        return [int(child) for child in children.split()]


@contextmanager
def site(fitted: Fitted, people: Sequence[Person]) -> Iterator[Site]:
    """Yield a site with ``people`` and two similar releases, the first one in service."""
    with tempfile.TemporaryDirectory(prefix="marquee-site-") as name, postgresql() as database:
        folder = Path(name)
        store = ReleaseStore(folder / "releases")
        _publish(store, fitted)
        environ = {
            "DEBUG": "False",
            "SECRET_KEY": secrets.token_hex(),
            "DATABASE_URL": database.url,
            "RELEASES": str(store.folder),
            "METRICS_TOKEN": secrets.token_hex(),
            "RATELIMIT_SERVICE_TOKEN": NO_LIMIT,
            "RATELIMIT_ADDRESS": NO_LIMIT,
        }
        migrate(database.url)
        app = create_app(environ)
        with app.app_context():
            sync_catalogue(store.read(VERSIONS[0]))
            ids = _register(people, store.read(VERSIONS[0]))
            db.session.execute(text("ANALYZE"))
            db.session.commit()
            token = api_tokens.create("benchmark")
            db.engine.dispose()
        yield Site(store, environ, ids, token, folder)


def titles(number: int, random: Generator) -> Iterator[CatalogueItem]:
    """Return titles with words as numerous and as long as in films; some are very frequent."""
    syllables = SYLLABLES.split()
    lengths = random.integers(1, 5, WORDS)
    words = [*COMMON, *("".join(random.choice(syllables, length)) for length in lengths)]
    often = 1 / np.arange(1, len(words) + 1) ** 0.8
    drawn = random.choice(len(words), (number, 6), p=often / often.sum())
    counts = 1 + random.binomial(5, 0.4, number)
    genres = random.choice(len(GENRES), (number, 3))
    of_genres = 1 + random.binomial(2, 0.4, number)
    years = 2024 - random.exponential(20, number).astype(int).clip(max=110)
    for item_id in range(number):
        name = " ".join(words[word] for word in drawn[item_id, : counts[item_id]]).title()
        of = sorted({GENRES[genre] for genre in genres[item_id, : of_genres[item_id]]})
        yield CatalogueItem(
            *(item_id, name, int(years[item_id]), tuple(of), f"tt{item_id + 1_000_000:07}"),
            tmdb_id=item_id + 1,
        )


def _publish(store: ReleaseStore, fitted: Fitted) -> None:
    random = np.random.default_rng(6)
    catalogue = list(titles(len(fitted.factors), random))
    moved = 0.001 * random.standard_normal(fitted.factors.shape, np.float32)
    for version, factors in zip(VERSIONS, (fitted.factors, fitted.factors + moved), strict=True):
        release = release_of(Fitted(factors, fitted.counts), version)
        store.publish(release, catalogue, _nobody(release))
    store.promote(VERSIONS[0])


def _nobody(release: Release) -> ParitySample:
    rank, nothing = release.ranking.rank, np.empty(0, np.int64)
    vectors: NDArray[np.float32] = np.empty((0, rank), np.float32)
    return ParitySample(nothing, np.zeros(1, np.int64), nothing, vectors[:, 0], vectors, vectors)


def _register(people: Sequence[Person], release: Release) -> list[int]:
    now, first = utcnow(), release.catalogue.max_user_id + 1
    ids = list(range(first, first + len(people)))
    users = [
        {
            "id": user_id,
            "username": f"person {user_id}",
            "username_key": f"person {user_id}",
            "session_key": f"session-{user_id}",
        }
        for user_id in ids
    ]
    ratings = [
        {"user_id": user_id, "item_id": row, "rating": stars, "rated_at": now}
        for user_id, person in zip(ids, people, strict=True)
        for row, stars in zip(*(column.tolist() for column in person), strict=True)
    ]
    common = {"is_implicit": False, "via": "other"}
    db.session.execute(insert(User), users)
    db.session.execute(insert(Rating), [{**rating, **common} for rating in ratings])
    db.session.commit()
    return ids


def request(path: str, port: int, *headers: str) -> str:
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers]
    return "\r\n".join([*lines, "", ""])
