"""Settings of gunicorn, which reads this file unless ``--config`` names another.

``prometheus_client`` and OpenBLAS read their environment variables when they are first imported, so
those are set here, before the application is imported.
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

# Seconds that a thread may run while others wait for the interpreter. With Python's default, 5 ms,
# loading a release doubles the time of requests, which wait after each query.
SWITCH_SECONDS = 0.0005
# Thresholds of the cyclic garbage collector. Reference counts free most objects of a request, which
# has many more than Python's default of 700.
GC_THRESHOLDS = (10_000, 20, 20)
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
if FOLDER not in os.environ:  # it is set if gunicorn reads this file again, or by a new master
    os.environ[FOLDER] = tempfile.mkdtemp(prefix="marquee-metrics-")


class SiteLogger(Logger):
    """Writes gunicorn's messages to the log of the site, in its format."""

    def setup(self, cfg: Any) -> None:
        import config
        from app.observability.logs import to_stdout

        super().setup(cfg)
        for handler in list(self.error_log.handlers):
            self.error_log.removeHandler(handler)
        self.error_log.propagate = True
        to_stdout(self.loglevel, readable=config.is_development())


logger_class = SiteLogger


def on_starting(server: Any) -> None:
    """Remove the metrics of an earlier process that was killed."""
    if not server.master_pid:
        for file in Path(os.environ[FOLDER]).glob("*.db"):
            file.unlink()


def pre_fork(_server: Any, _worker: Any) -> None:
    """Exclude loaded objects from garbage collection, so that workers share their memory."""
    gc.freeze()


def post_fork(_server: Any, _worker: Any) -> None:
    """Configure the interpreter and the heaps of a worker."""
    from app.observability.memory import share_heaps

    gc.set_threshold(*GC_THRESHOLDS)
    sys.setswitchinterval(SWITCH_SECONDS)
    share_heaps()
    # The machine may have removed temporary files.
    os.makedirs(os.environ[FOLDER], exist_ok=True)


def child_exit(_server: Any, worker: Any) -> None:
    """Remove a dead worker's gauges; its counters stay."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    if not server.reexec_pid:  # else a new master uses the folder
        shutil.rmtree(os.environ[FOLDER], ignore_errors=True)
