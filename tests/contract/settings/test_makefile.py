"""The Makefile: its list of targets, the environment it makes, and `make run` on a taken port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.generated import make_targets
from tests.support.servers import free_port
from tests.support.site import ROOT

GROUPS = ["Use it", "Train", "Look at quality", "Deploy", "Develop"]
RECORD = '#!/bin/sh\necho "$(basename "$0") $*" >>{record}\n'
# Runs what follows "--", as dotenv does.
DOTENV = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n'


class Clone:
    """The Makefile in a folder whose programs only record how they are called."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / ".ci").mkdir()
        shutil.copy(ROOT / "Makefile", folder)
        for script in ("announce.py", "check_port.py"):
            shutil.copy(ROOT / ".ci" / script, folder / ".ci")
        for name in ("requirements.txt", "requirements-spark.txt", ".env"):
            (folder / name).touch()
        self.program(".ci/ensure", "#!/bin/sh\n")

    def program(self, name: str, script: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script.format(record=self.folder / "record"))
        path.chmod(0o755)

    def install(self) -> None:
        """Put programs into .venv, as `make .venv/run` does."""
        self.program(".venv/bin/dotenv", DOTENV)
        self.program(".venv/bin/python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        for name in ("flask", "gunicorn"):
            self.program(f".venv/bin/{name}", RECORD)
        (self.folder / ".venv" / "run").touch()

    def make(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        known = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        return subprocess.run(
            ["make", *arguments],
            cwd=self.folder,
            env={**known, **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        record = self.folder / "record"
        return record.read_text().splitlines() if record.exists() else []


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    return Clone(tmp_path)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_make_lists_every_target_by_need_without_a_target(clone: Clone) -> None:
    done = clone.make()
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line for line in lines if line in GROUPS] == GROUPS
    listed = {}
    for line in lines:
        if line.startswith("  make "):
            targets, _, does = line.removeprefix("  make ").partition("  ")
            listed |= dict.fromkeys(targets.split(), does.strip())
    assert listed == make_targets()


def test_make_run_on_a_taken_port_names_another_and_calls_nothing(
    clone: Clone, taken_port: int
) -> None:
    clone.install()
    done = clone.make("run", PORT=str(taken_port))
    assert done.returncode == 2
    assert f"PORT={taken_port + 1} make run" in done.stderr
    assert clone.calls == []


def test_make_run_serves_on_a_free_port(clone: Clone, taken_port: int) -> None:
    port = free_port()
    clone.install()
    done = clone.make("run", PORT=str(port))
    assert done.returncode == 0, done.stderr
    assert f"flask revoke-token development-{port}" in clone.calls
    assert f"--bind 127.0.0.1:{port}" in clone.calls[-1]


def test_make_run_ends_where_the_release_is_of_other_data(clone: Clone) -> None:
    clone.install()
    check = "import sys; sys.exit(print('error: other data', file=sys.stderr) or 2)\n"
    (clone.folder / ".ci" / "check_release.py").write_text(check)
    done = clone.make("run", "CONFIG=library.yaml", PORT=str(free_port()))
    assert (done.returncode, clone.calls) == (2, [])
    assert "error: other data" in done.stderr


def test_make_sync_items_needs_a_file(clone: Clone) -> None:
    clone.install()
    done = clone.make("sync-items")
    assert (done.returncode, "CONFIG=catalogue.yaml is missing" in done.stderr) == (2, True)
    clone.program(".venv/bin/python", RECORD)
    assert clone.make("sync-items", "CONFIG=library.yaml").returncode == 0
    job, brought = clone.calls
    items = brought.removeprefix("flask sync-items ")
    assert job == f"python -m spark_jobs.items --config library.yaml --out {items}"
    assert not Path(items).exists()


def test_make_run_announces_the_site_once_it_answers(clone: Clone) -> None:
    clone.install()
    # Listens after half a second, answers one request with a sign of its own, and ends.
    clone.program(
        ".venv/bin/gunicorn",
        f"#!{sys.executable}\n"
        "import os, time\n"
        "from http.server import BaseHTTPRequestHandler, HTTPServer\n"
        "time.sleep(0.5)\n"
        "server = HTTPServer(('127.0.0.1', int(os.environ['PORT'])), BaseHTTPRequestHandler)\n"
        "print('listening', flush=True)\n"
        "server.handle_request()\n"
        "time.sleep(0.5)\n",
    )
    port = free_port()
    done = clone.make("run", PORT=str(port))
    *_, listening, announced = done.stdout.splitlines()
    assert listening == "listening"
    assert announced == f"Marquee is at http://127.0.0.1:{port} (Ctrl-C ends it)"


def test_make_run_announces_nothing_when_the_site_ends_before_it_answers(clone: Clone) -> None:
    clone.install()
    done = clone.make("run", PORT=str(free_port()))
    assert done.returncode == 0
    assert "Marquee is at" not in done.stdout


@pytest.mark.parametrize("port", ["http", "0", "65536"])
def test_make_run_names_an_invalid_port(clone: Clone, port: str) -> None:
    clone.install()
    done = clone.make("run", PORT=port)
    assert f"error: PORT: must be a number from 1 to 65535, not '{port}'" in done.stderr
    assert clone.calls == []


def test_make_creates_the_environment_when_its_folder_holds_no_python(clone: Clone) -> None:
    clone.program(".venv/eb/bin/eb", RECORD)
    clone.program("python", RECORD + "mkdir -p .venv/bin\ncp pip .venv/bin/pip\n")
    clone.program("pip", RECORD)
    done = clone.make(".venv/run", "PYTHON=./python")
    assert done.returncode == 0, done.stderr
    made, installed = clone.calls
    assert made == "python -m venv .venv"
    assert installed.startswith("pip install")
