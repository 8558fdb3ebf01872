""".ci/ensure: waits for another apt, and prints what is missing and its cost in one line."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.site import ROOT

LOCKED = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)"
APT = """#!/bin/sh
echo "$*" >>{folder}/asked
tries=$(grep -c '^update' {folder}/asked)
if [ "$1" = update ] && [ "$tries" -le {locked} ]; then echo "{complaint}" >&2; exit 100; fi
"""


class Machine:
    """A machine with only shell tools and an apt-get that may be locked."""

    def __init__(self, folder: Path):
        self.folder = folder
        for tool in ("sh", "date", "sleep", "dirname", "uname", "sed", "grep", "ls", "cmp"):
            (folder / tool).symlink_to(shutil.which(tool) or pytest.fail(f"no {tool}"))
        self.program("id", "#!/bin/sh\necho 0\n")

    def program(self, name: str, script: str) -> None:
        (self.folder / name).write_text(script)
        (self.folder / name).chmod(0o755)

    def apt(self, locked: int, complaint: str = LOCKED) -> None:
        """Install an apt-get whose first ``locked`` updates fail with ``complaint``."""
        script = APT.format(folder=self.folder, locked=locked, complaint=complaint)
        self.program("apt-get", script)

    def ensure(self, what: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / ".ci" / "ensure", what],
            env={"PATH": str(self.folder), "APT_PAUSE": "0", **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_ensure_waits_while_another_apt_runs(machine: Machine) -> None:
    machine.apt(locked=2)
    done = machine.ensure("redis")
    assert done.returncode == 0
    assert done.stderr.count("Another apt is at work") == 1
    assert [line.split()[0] for line in machine.asked] == ["update"] * 3 + ["install"]
    assert "-o DPkg::Lock::Timeout=300" in machine.asked[-1]
    assert machine.asked[-1].endswith(" redis-server")


def test_ensure_does_not_wait_when_apt_fails_for_another_reason(machine: Machine) -> None:
    machine.apt(locked=9, complaint="E: no network")
    done = machine.ensure("redis")
    assert done.returncode == 0  # then tests with Redis are skipped
    assert machine.asked == ["update -qq"]
    assert "E: no network" in done.stderr
    assert "Redis: tests of limits that processes share" in done.stderr


def test_ensure_fails_when_java_cannot_be_installed(machine: Machine) -> None:
    machine.apt(locked=9, complaint="E: no network")
    assert machine.ensure("java").returncode == 1


def test_summary_names_everything_missing_in_one_line(machine: Machine) -> None:
    done = machine.ensure("summary")
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("Missing, with what it costs: ")
    for what in ("Java 17", "Chromium: browser tests", "PostgreSQL", "Redis"):
        assert what in line


def test_summary_fails_when_all_tests_are_required(machine: Machine) -> None:
    assert machine.ensure("summary", MARQUEE_REQUIRE_ALL="1").returncode == 1
