"""How long a backup takes and what it holds in memory.

    python -m tests.backup_figures [RATINGS]    # default: 1,000,000

On each kind of database: ratings of made-up people, ``flask backup``, then ``flask restore`` into
an empty database of the same kind, each in a process of its own. Prints the table of
docs/reliability.md: seconds that passed, seconds of the command's own work, and the most MB held.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine

import config
from app.db.clock import utcnow
from app.models import Item, Rating, User
from tests.databases import DATABASES, SERVERS, migrate, new_database
from tests.servers import ROOT

OF_EACH = 100
BATCH = 10_000


def fill(engine: Engine, count: int) -> None:
    """As many ratings as people give: a hundred each, of ten thousand titles."""
    now, titles = utcnow(), 100 * OF_EACH
    people = [{"id": n, "created_at": now} for n in range(1, count // OF_EACH + 1)]
    items = [{"id": n, "title": f"Title {n}", "search_key": "title"} for n in range(1, titles + 1)]
    with engine.begin() as connection:
        for model, rows in ((User, people), (Item, items)):
            connection.execute(model.__table__.insert(), rows)
        for first in range(0, count, BATCH):
            rows = [rating(n, now, titles) for n in range(first, first + BATCH)]
            connection.execute(Rating.__table__.insert(), rows)


def rating(n: int, now: Any, titles: int) -> dict[str, Any]:
    return {
        "user_id": n // OF_EACH + 1,
        "item_id": n * 7919 % titles + 1,
        "rating": n % 10 / 2 + 0.5,
        "rated_at": now - timedelta(seconds=n, microseconds=n),
        "predicted": n % 997 / 200,
        "community": n % 991 / 200,
        "model_version": "20260101-000000-aaaaaa",
        "via": "recommendation",
    }


def measured(url: str, *words: str) -> str:
    """Seconds, seconds of work, and the most MB held, of ``flask`` with those words."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "application", *words],
        cwd=ROOT,
        env={**os.environ, "DEBUG": "True", "DATABASE_URL": url},
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"flask {' '.join(words)} failed")
    seconds, work = time.perf_counter() - began, used.ru_utime + used.ru_stime
    return f"{seconds:.0f} s ({work:.0f} s), {used.ru_maxrss / 1024:.0f} MB"


def main(count: int) -> None:
    print("| database | file | backup | restore |\n|" + " --- |" * 4)
    for name in DATABASES:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
            servers = {name: running.enter_context(SERVERS[name]())} if name in SERVERS else {}
            urls = []
            for part in ("from", "to"):
                Path(folder, part).mkdir()
                urls.append(new_database(name, servers.__getitem__, Path(folder, part)))
                migrate(urls[-1])
            engine = create_engine(config.with_driver(urls[0]))
            fill(engine, count)
            engine.dispose()
            file = Path(folder, "site.backup")
            out = measured(urls[0], "backup", str(file))
            back = measured(urls[1], "restore", str(file))
            size = f"{file.stat().st_size / 1e6:.0f} MB"
            print(f"| {name} | {size} | {out} | {back} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
