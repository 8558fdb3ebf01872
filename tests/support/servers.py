"""Real servers for tests: started on free ports, ended by their process id."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def gunicorn(environ: Mapping[str, str], log: Path) -> Iterator[str]:
    """Serve the site as deployed, in two processes; yield its address once it responds."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
    command += ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4"]
    with running([*command, "application:application"], environ, port, "/health", log) as address:
        yield address


@contextmanager
def as_deployed(
    folder: Path,
    programs: Path,
    environ: Mapping[str, str],
    log: Path,
    application: str = "application:application",
) -> Iterator[tuple[str, int]]:
    """Run the Procfile's command in ``folder``; yield the address and the process id of the master.

    A free port replaces 8000; besides that only the ``application`` may differ.

    ``programs``: the folder of gunicorn. ``environ``: its complete environment.
    """
    line = (folder / "Procfile").read_text().removeprefix("web: ")
    port = str(free_port())
    assert "127.0.0.1:8000" in line
    command = shlex.split(line.replace("8000", port))
    assert command[-1] == "application:application"
    command[-1] = application
    command[0] = str(programs / command[0])
    with log.open("w") as output:
        server = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=output)
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_it_answers(f"{address}/health", server, log)
            yield address, server.pid
        finally:
            server.terminate()
            server.wait(timeout=PATIENCE)


def workers_of(master: int) -> list[int]:
    children = Path(f"/proc/{master}/task/{master}/children").read_text()
    return [int(child) for child in children.split()]


@contextmanager
def running(
    command: Sequence[str], environ: Mapping[str, str], port: int, path: str, log: Path
) -> Iterator[str]:
    """Run a server on ``port``; yield its address once it responds to ``path``."""
    with log.open("w") as output:
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_it_answers(f"{address}{path}", server, log)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=PATIENCE)


def wait_until(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until a condition holds, at most ``seconds``."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_until_it_answers(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")
