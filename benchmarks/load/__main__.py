"""The site under load, on an almost empty database and then on a full one.

    python -m benchmarks.load
    PEOPLE=200 MINUTES=10 ACCOUNTS=100000 RATINGS=10000000 TITLES=60000 python -m benchmarks.load

A PostgreSQL of its own is started and filled, gunicorn by the Procfile's line, and people come; in
the middle of each run another release is promoted. What was seen is printed and written to OUTPUT
(dist/load) as Markdown, beside every minute and route as JSON and the ledgers of ratings. The exit
status is 1 where a verdict fails.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psycopg

from benchmarks.load.people import Ledger, Street, acknowledged, gather
from benchmarks.load.report import Run, write
from benchmarks.load.watch import Sample, Watch
from benchmarks.load.world import NEW, World, fill, publish, titles
from recommender.release_store import ReleaseStore
from tests.databases import Server, postgresql
from tests.servers import ROOT, free_port, wait_until_it_answers

SAMPLE_SECONDS = 5.0
# As a small server has it; the tests' one would not survive a power failure, this one would.
LIKE_IN_SERVICE = ("fsync=on", "full_page_writes=on", "shared_buffers=1GB")
# So many accounts for each person are in the database that is almost empty.
ACCOUNTS_A_PERSON = 2


@dataclass(frozen=True)
class Settings:
    people: int = 200
    minutes: float = 10.0
    accounts: int = 100_000
    ratings: int = 10_000_000
    titles: int = 60_000
    think_seconds: float = 7.0
    output: str = "dist/load"

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Settings:
        given = {f: environ[f.upper()] for f in cls.__dataclass_fields__ if f.upper() in environ}
        return cls(**{f: type(getattr(cls, f))(text) for f, text in given.items()})

    @property
    def few_accounts(self) -> int:
        return min(self.accounts, ACCOUNTS_A_PERSON * self.people)

    @property
    def few_ratings(self) -> int:
        """People have as many each, whatever others there are."""
        return self.ratings * self.few_accounts // self.accounts


def main() -> int:
    settings = Settings.of(os.environ)
    output = Path(settings.output)
    output.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    items = titles(settings.titles, random)
    with tempfile.TemporaryDirectory(prefix="marquee-load-") as folder:
        sizes = {
            "almost empty": (settings.few_accounts, settings.few_ratings),
            "full": (settings.accounts, settings.ratings),
        }
        runs = {}
        with postgresql(*LIKE_IN_SERVICE) as server:
            for name, (accounts, ratings) in sizes.items():
                place = Path(folder, name.replace(" ", "-"))
                say(f"{name}: {accounts:,} accounts, {ratings:,} ratings")
                environ = _environ(server, place, settings)
                publish(ReleaseStore(place / "releases"), items, random)
                made = partial(fill, environ["DATABASE_URL"], accounts, ratings, items, random)
                runs[name] = _run(environ, place, made, settings, output)
    return write(settings, runs, output)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def _environ(server: Server, place: Path, settings: Settings) -> dict[str, str]:
    """Production on this machine. Behind a proxy, so that every person has an address."""
    place.mkdir(parents=True)
    return {
        "DEBUG": "False",
        "SECRET_KEY": secrets.token_hex(),
        "DATABASE_URL": server.new_database(),
        "RELEASES": str(place / "releases"),
        "SECURE_COOKIES": "False",
        "PROXIES": "1",
        # More often than anyone would, so that some fall into every part of the run.
        "STATISTICS_MINUTES": f"{settings.minutes / 4:g}",
    }


def _run(
    environ: dict[str, str],
    place: Path,
    made: Callable[[], World],
    settings: Settings,
    output: Path,
) -> Run:
    url = environ["DATABASE_URL"]
    _flask(environ, "db", "upgrade")
    _flask(environ, "sync-catalogue")
    began = time.perf_counter()
    world = made()
    say(f"filled in {time.perf_counter() - began:.0f} s")
    token = _flask(environ, "create-token", "--name", "load").splitlines()[-1]
    file = output / f"ledger-{place.name}.csv"
    ledger = Ledger(file)
    try:
        with _site(environ, place / "log") as (address, master):
            watch = Watch(master, url)
            run = asyncio.run(_day(address, world, token, ledger, watch, environ, settings))
            watch.close()
    finally:
        ledger.close()
        (output / f"site-{place.name}.log").write_bytes((place / "log").read_bytes())
    told = acknowledged(file)
    run.acknowledged, run.missing = len(told), _missing(url, told)
    return run


async def _day(
    address: str,
    world: World,
    token: str,
    ledger: Ledger,
    watch: Watch,
    environ: Mapping[str, str],
    settings: Settings,
) -> Run:
    """``minutes`` of people, a new release in the middle."""
    street = Street(address, world, token, ledger, settings.think_seconds)
    samples: list[Sample] = []
    run = Run(settings.minutes, street.answers, samples)
    people = [asyncio.create_task(one.live()) for one in gather(street, settings.people)]
    watching = asyncio.create_task(_watch(street, watch, samples, run))
    await asyncio.sleep(30 * settings.minutes)
    run.promoted_at = time.perf_counter() - street.began
    promoted = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "flask", "releases", "promote", NEW),
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
    )
    if await promoted.wait():
        raise SystemExit(f"{NEW} was not promoted")
    await asyncio.sleep(60 * settings.minutes - (time.perf_counter() - street.began))
    run.ended_at = time.perf_counter() - street.began
    street.stop.set()
    await asyncio.gather(*people)
    watching.cancel()
    return run


async def _watch(street: Street, watch: Watch, samples: list[Sample], run: Run) -> None:
    """Tell of each minute when it is over."""
    for number in range(1, 1 + int(60 * run.minutes / SAMPLE_SECONDS)):
        samples.append(await asyncio.to_thread(watch.sample))
        await asyncio.sleep(number * SAMPLE_SECONDS - (time.perf_counter() - street.began))
        if number % int(60 / SAMPLE_SECONDS) == 0:
            say(run.told_of_minute(number * SAMPLE_SECONDS / 60 - 1))


@contextmanager
def _site(environ: Mapping[str, str], log: Path) -> Iterator[tuple[str, int]]:
    """The Procfile's line on a port of ours: its address, and gunicorn's process id."""
    port = free_port()
    line = (ROOT / "Procfile").read_text("utf-8").removeprefix("web: ")
    words = shlex.split(line)
    words[words.index("--bind") + 1] = f"127.0.0.1:{port}"
    with log.open("wb") as output:
        server = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env={**os.environ, **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_it_answers(f"{address}/ready", server, log)
            yield address, server.pid
        finally:
            server.terminate()
            server.wait(timeout=60)


def _flask(environ: Mapping[str, str], *command: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "flask", *command],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"flask {' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def _missing(url: str, told: dict[tuple[str, int], tuple[float, set[float]]]) -> int:
    """How many acknowledged ratings the database does not hold, or holds otherwise."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT u.username, r.item_id, r.rating FROM ratings r JOIN users u ON u.id = r.user_id"
            " WHERE u.username = ANY(%s)",
            [sorted({name for name, _ in told})],
        ).fetchall()
    stored = {(name, item_id): stars for name, item_id, stars in rows}
    return sum(stored.get(pair) not in {stars, *after} for pair, (stars, after) in told.items())


if __name__ == "__main__":
    sys.exit(main())
