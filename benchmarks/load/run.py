"""The site under load, on an almost empty database and then on a full one.

    python -m benchmarks.load
    PEOPLE=200 MINUTES=10 ACCOUNTS=100000 RATINGS=10000000 TITLES=60000 python -m benchmarks.load

Starts and fills its own PostgreSQL, starts gunicorn with the Procfile's command, and then locust;
in the middle of each run another release is promoted. The report is printed and written to OUTPUT
(dist/load) as Markdown, beside the samples as JSON, all responses as CSV and the logs of the site
and of locust. The exit status is 1 if a verdict fails.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from app import create_app
from app.extensions import db
from benchmarks.load.answers import acknowledged_ratings, read_answers
from benchmarks.load.report import Run, write
from benchmarks.load.settings import Settings
from benchmarks.load.watch import Watch
from benchmarks.load.world import NEW, PASSWORD, World, fill, publish, titles
from recommender.catalogue import CatalogueItem
from recommender.storage.release_store import ReleaseStore
from tests.support.databases import Server, postgresql
from tests.support.servers import ROOT, as_deployed

# Fraction of users that are programs reading the REST API.
REST_CLIENTS = 0.1
SAMPLE_SECONDS = 5.0
# Maximum extension of a short run, until the new release serves.
SWAP_SECONDS = 60.0
# Settings of a small production server; unlike that of the tests it survives a power failure.
LIKE_IN_SERVICE = ("fsync=on", "full_page_writes=on", "shared_buffers=1GB")
READY_SECONDS, READY_CHECKS = 300, 10
# Longer than a user waits for a response.
STOP_SECONDS = 70


def main() -> int:
    # When ended by this signal, the run also stops its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    settings = Settings.of(os.environ)
    items = titles(settings.titles, np.random.default_rng(1))
    sizes = {
        "almost empty": (settings.few_accounts, settings.few_ratings),
        "full": (settings.accounts, settings.ratings),
    }
    runs = {}
    with postgresql(*LIKE_IN_SERVICE) as server:
        for name, (accounts, ratings) in sizes.items():
            say(f"{name}: {accounts:,} accounts, {ratings:,} ratings")
            place = Path(settings.output, name.replace(" ", "-"))
            runs[name] = run(server, place, accounts, ratings, items, settings)
    return write(settings, runs, Path(settings.output))


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def run(
    server: Server,
    place: Path,
    accounts: int,
    ratings: int,
    items: Sequence[CatalogueItem],
    settings: Settings,
) -> Run:
    """Fill a new database and let people use the site for ``minutes``. ``place``: the folder for
    logs and responses."""
    place.mkdir(parents=True, exist_ok=True)
    url, random = server.new_database(), np.random.default_rng(2)
    with tempfile.TemporaryDirectory(prefix="marquee-load-") as releases:
        environ = _environ(url, releases, settings)
        publish(ReleaseStore(releases), items, random)
        with _flask(environ) as flask:
            flask("db", "upgrade")
            flask("sync-catalogue")
            began = time.perf_counter()
            world = fill(url, accounts, ratings, items, random)
            say(f"filled in {time.perf_counter() - began:.0f} s")
            token = flask("create-token", "--name", "load").splitlines()[-1]
        with (
            _site(environ, place / "log") as (address, master),
            _crowd(address, _crowd_of(world, token, settings), place) as (crowd, began),
            Watch(master, crowd, url, began) as watch,
        ):
            result = _observe(watch, place / "answers.csv", environ, settings)
    result.answers = read_answers(place / "answers.csv", began)
    ratings_sent = acknowledged_ratings(result.answers)
    result.acknowledged, result.missing = len(ratings_sent), _missing(url, ratings_sent)
    return result


def _environ(url: str, releases: str, settings: Settings) -> dict[str, str]:
    """Return production settings. Behind a proxy, so that every user has an address."""
    return {
        "DEBUG": "False",
        "SECRET_KEY": secrets.token_hex(),
        "DATABASE_URL": url,
        "RELEASES": releases,
        "SECURE_COOKIES": "False",
        "PROXIES": "1",
        # More often than in reality, so that every part of the run has some.
        "STATISTICS_MINUTES": f"{settings.minutes / 4:g}",
    }


def _crowd_of(world: World, token: str, settings: Settings) -> dict[str, Any]:
    """Return the data that the locustfile needs."""
    rest_clients = round(REST_CLIENTS * settings.people)
    return {
        "rest_clients": rest_clients,
        "visitors": settings.people - rest_clients,
        "think_seconds": settings.think_seconds,
        "password": PASSWORD,
        "token": token,
        **asdict(world),
    }


@contextmanager
def _crowd(address: str, crowd: Mapping[str, Any], place: Path) -> Iterator[tuple[int, float]]:
    """Run locust; yield its process id and when it began, by time.perf_counter, which all processes
    share."""
    crowd_file, answers = place / "crowd.json", place / "answers.csv"
    crowd_file.write_text(json.dumps(crowd), encoding="utf-8")
    answers.unlink(missing_ok=True)
    users = str(crowd["visitors"] + crowd["rest_clients"])
    command = [sys.executable, "-m", "locust", "--headless", "--only-summary", "--host", address]
    command += ["--locustfile", str(Path(__file__).with_name("locustfile.py"))]
    command += ["--users", users, "--spawn-rate", users, "--stop-timeout", str(STOP_SECONDS)]
    environ = {**os.environ, "LOAD_CROWD": str(crowd_file), "LOAD_ANSWERS": str(answers)}
    with (place / "locust.log").open("w") as log:
        locust = subprocess.Popen(  # our own command  # noqa: S603  # nosec B603
            command, env=environ, stdout=log, stderr=log
        )
    try:
        while not answers.exists():
            if locust.poll() is not None:
                raise SystemExit(f"locust did not start: see {log.name}")
            time.sleep(0.05)
        yield locust.pid, time.perf_counter()
    finally:
        locust.terminate()  # each user still receives its pending response
        locust.wait(2 * STOP_SECONDS)


def _observe(watch: Watch, file: Path, environ: Mapping[str, str], settings: Settings) -> Run:
    """Watch for ``minutes`` and promote a release in the middle; continue until it has served."""
    result, reported = Run(settings.minutes, [], []), 0
    promotion: subprocess.Popen[bytes] | None = None
    while watch.now < result.length or (
        not result.has_served(NEW) and watch.now < result.promoted_at + SWAP_SECONDS
    ):
        result.samples.append(watch.sample())
        if promotion is None and watch.now >= result.length / 2:
            result.promoted_at, promotion = watch.now, _promote(environ)
        if watch.now // 60 > reported or watch.now >= result.length:
            result.answers = read_answers(file, watch.began)
        if watch.now // 60 > reported:
            say(result.line_of_minute(reported))
            reported += 1
        time.sleep(SAMPLE_SECONDS - watch.now % SAMPLE_SECONDS)
    if promotion is None or promotion.wait():
        raise SystemExit(f"{NEW} was not promoted")
    return result


def _promote(environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the command with which an operator promotes a release."""
    return subprocess.Popen(  # our own command  # noqa: S603  # nosec B603
        [sys.executable, "-m", "flask", "releases", "promote", NEW],
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
    )


@contextmanager
def _site(environ: Mapping[str, str], log: Path) -> Iterator[tuple[str, int]]:
    """Run the Procfile's command; yield the address and gunicorn's process id when ready."""
    everything = {**os.environ, **environ}
    with as_deployed(ROOT, Path(sys.executable).parent, everything, log) as (address, master):
        _wait_until_ready(address)
        yield address, master


def _wait_until_ready(address: str) -> None:
    """Wait until every worker has loaded the release, judging by several checks in a row."""
    deadline, in_a_row = time.monotonic() + READY_SECONDS, 0
    while in_a_row < READY_CHECKS:
        try:
            ready = f"{address}/ready"
            with urllib.request.urlopen(ready, timeout=READY_SECONDS):  # noqa: S310  # nosec B310
                in_a_row += 1
        except OSError as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"not ready: {error}") from error
            in_a_row = 0
            time.sleep(0.5)


@contextmanager
def _flask(environ: Mapping[str, str]) -> Iterator[Callable[..., str]]:
    """Yield a function that runs a command of the site and returns its output."""
    app = create_app(environ)

    def command(*words: str) -> str:
        done = app.test_cli_runner().invoke(args=words)
        if done.exit_code:
            raise SystemExit(f"flask {' '.join(words)} failed: {done.output} {done.exception}")
        return done.stdout

    yield command
    with app.app_context():
        db.engine.dispose()


def _missing(url: str, sent: Mapping[tuple[str, int], tuple[float, set[float]]]) -> int:
    """Return the number of acknowledged ratings that the database lacks or stores differently."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT u.username, r.item_id, r.rating FROM ratings r JOIN users u ON u.id = r.user_id"
            " WHERE u.username = ANY(%s)",
            [sorted({name for name, _ in sent})],
        ).fetchall()
    stored = {(name, item_id): stars for name, item_id, stars in rows}
    return sum(stored.get(pair) not in {stars, *after} for pair, (stars, after) in sent.items())
