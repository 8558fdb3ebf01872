"""The site under load, on an almost empty database and then on a full one.

    python -m benchmarks.load
    PEOPLE=200 MINUTES=10 ACCOUNTS=100000 RATINGS=10000000 TITLES=60000 python -m benchmarks.load

A PostgreSQL of its own is started and filled, gunicorn by the Procfile's line, and people come; in
the middle of each run another release is promoted. What was seen is printed and written to OUTPUT
(dist/load) as Markdown, beside every minute and route as JSON, the ledgers of ratings and the logs
of the site. The exit status is 1 where a verdict fails.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psycopg

from app import create_app
from app.extensions import db
from benchmarks.load.people import Ledger, Street, acknowledged, gather
from benchmarks.load.report import Run, write
from benchmarks.load.settings import Settings
from benchmarks.load.watch import Watch
from benchmarks.load.world import NEW, fill, publish, titles
from recommender.catalogue import CatalogueItem
from recommender.storage.release_store import ReleaseStore
from tests.databases import Server, postgresql
from tests.servers import ROOT, as_deployed

SAMPLE_SECONDS = 5.0
# A short run lasts so long at most after the promotion, until the new release is seen.
SWAP_SECONDS = 60.0
# As a small server has it; the tests' one would not survive a power failure, this one would.
LIKE_IN_SERVICE = ("fsync=on", "full_page_writes=on", "shared_buffers=1GB")
READY_SECONDS, READY_CHECKS = 300, 10


def main() -> int:
    # Whoever is ended so leaves no server behind either.
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
    """A new database, so filled, and people for ``minutes``. ``place``: the folder that keeps the
    site's log and the ledger."""
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
            Ledger(place / "ledger.csv") as ledger,
            _site(environ, place / "log") as (address, master),
            Watch(master, url) as watch,
        ):
            street = Street(address, world, token, ledger, settings.think_seconds)
            seen = asyncio.run(_day(street, watch, environ, settings))
    told = acknowledged(place / "ledger.csv")
    seen.acknowledged, seen.missing = len(told), _missing(url, told)
    return seen


def _environ(url: str, releases: str, settings: Settings) -> dict[str, str]:
    """Production on this machine. Behind a proxy, so that every person has an address."""
    return {
        "DEBUG": "False",
        "SECRET_KEY": secrets.token_hex(),
        "DATABASE_URL": url,
        "RELEASES": releases,
        "SECURE_COOKIES": "False",
        "PROXIES": "1",
        # More often than anyone would, so that some fall into every part of the run.
        "STATISTICS_MINUTES": f"{settings.minutes / 4:g}",
    }


async def _day(street: Street, watch: Watch, environ: Mapping[str, str], settings: Settings) -> Run:
    """``minutes`` of people, a new release in the middle; longer where that has to come first."""
    seen = Run(settings.minutes, street.answers, [])
    people = [asyncio.create_task(one.live()) for one in gather(street, settings.people)]
    watching = asyncio.create_task(_watch(street, watch, seen))
    await asyncio.sleep(30 * settings.minutes)
    seen.promoted_at = street.now
    await _promote(environ)
    await asyncio.sleep(60 * settings.minutes - street.now)
    while street.now < seen.promoted_at + SWAP_SECONDS and not seen.has_served(NEW):
        await asyncio.sleep(0.1)
    street.stop.set()
    await asyncio.gather(*people)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    return seen


async def _promote(environ: Mapping[str, str]) -> None:
    """By the command, as whoever trains does it."""
    promoted = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "flask", "releases", "promote", NEW),
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
    )
    if await promoted.wait():
        raise SystemExit(f"{NEW} was not promoted")


async def _watch(street: Street, watch: Watch, seen: Run) -> None:
    """Tell of each minute when it is over."""
    told = 0
    while True:
        seen.samples.append(await asyncio.to_thread(watch.sample))
        await asyncio.sleep(SAMPLE_SECONDS - street.now % SAMPLE_SECONDS)
        if int(street.now // 60) > told:
            say(seen.told_of_minute(told))
            told += 1


@contextmanager
def _site(environ: Mapping[str, str], log: Path) -> Iterator[tuple[str, int]]:
    """By the Procfile's line, once it is ready: its address, and gunicorn's process id."""
    everything = {**os.environ, **environ}
    with as_deployed(ROOT, Path(sys.executable).parent, everything, log) as (address, master):
        _wait_until_ready(address)
        yield address, master


def _wait_until_ready(address: str) -> None:
    """Until every worker has loaded the release, as far as so many checks in a row can tell."""
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
    """Call it with the words of a command of ours; gives what that prints."""
    app = create_app(environ)

    def command(*words: str) -> str:
        done = app.test_cli_runner().invoke(args=words)
        if done.exit_code:
            raise SystemExit(f"flask {' '.join(words)} failed: {done.output} {done.exception}")
        return done.stdout

    yield command
    with app.app_context():
        db.engine.dispose()


def _missing(url: str, told: Mapping[tuple[str, int], tuple[float, set[float]]]) -> int:
    """How many acknowledged ratings the database does not hold, or holds otherwise."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT u.username, r.item_id, r.rating FROM ratings r JOIN users u ON u.id = r.user_id"
            " WHERE u.username = ANY(%s)",
            [sorted({name for name, _ in told})],
        ).fetchall()
    stored = {(name, item_id): stars for name, item_id, stars in rows}
    return sum(stored.get(pair) not in {stars, *after} for pair, (stars, after) in told.items())
