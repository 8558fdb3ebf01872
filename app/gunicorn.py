"""How gunicorn serves the site, whatever the command line adds: ``gunicorn --config`` this file.

Prometheus's client reads where workers keep their numbers when it is first imported, and OpenBLAS
how many threads to start, so nothing of ours is imported before that is said.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

# So long a thread that loads a release may keep one that answers a request waiting, each time that
# this one comes back from the database. Python's own 5 ms add up to half of a request.
SWITCH_SECONDS = 0.0005
# After so many new objects, and so many of the looks before, cycles among them are looked for. What
# a request makes goes without that, mostly; Python's own 700 are a fraction of one request.
CYCLES = (10_000, 20, 20)
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
if FOLDER not in os.environ:  # else this is read again, or by a master that takes over
    os.environ[FOLDER] = tempfile.mkdtemp(prefix="marquee-metrics-")
# Requests are served side by side by threads of ours. More threads for the small products of each
# wait for one another in loops, which on a busy machine takes a hundred times what they save.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


class OneLog(Logger):
    """What gunicorn says goes where the site's lines go, in their format."""

    def setup(self, cfg: Any) -> None:
        import config
        from app.observability.logs import to_stdout

        super().setup(cfg)
        for handler in list(self.error_log.handlers):
            self.error_log.removeHandler(handler)
        self.error_log.propagate = True
        to_stdout(self.loglevel, readable=config.is_development())


logger_class = OneLog


def on_starting(server: Any) -> None:
    """The numbers of a site that was killed are not this one's."""
    if not server.master_pid:
        for file in Path(os.environ[FOLDER]).glob("*.db"):
            file.unlink()


def pre_fork(_server: Any, _worker: Any) -> None:
    """What was loaded stays: no worker looks through it for cycles, or writes to shared memory."""
    gc.freeze()


def post_fork(_server: Any, _worker: Any) -> None:
    from app.observability.memory import share_heaps

    gc.set_threshold(*CYCLES)
    sys.setswitchinterval(SWITCH_SECONDS)
    share_heaps()
    # A machine may clear its folder of temporary files while the site runs.
    os.makedirs(os.environ[FOLDER], exist_ok=True)


def child_exit(_server: Any, worker: Any) -> None:
    """What a worker counted stays; what it held is given up."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    if not server.reexec_pid:  # else a new master goes on with the folder
        shutil.rmtree(os.environ[FOLDER], ignore_errors=True)
