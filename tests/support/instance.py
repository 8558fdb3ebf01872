"""A local instance as Elastic Beanstalk sets it up, from `git archive HEAD`.

A temporary folder takes the place of /var/app; all other files and commands are those of the
bundle. It has no access to the environment of the tests, and no Java.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.requirements import missing
from tests.support.servers import as_deployed
from tests.support.site import ROOT

PROGRAMS = ("bash", "sh", "dirname", "curl", "sleep")


@dataclass
class Instance:
    """``root`` stands for /var/app: the bundle in ``current``, its packages in ``venv``."""

    root: Path
    settings: dict[str, str]

    @property
    def bundle(self) -> Path:
        return self.root / "current"

    @property
    def python(self) -> Path:
        return self.root / "venv" / "staging" / "bin" / "python"

    @property
    def environ(self) -> dict[str, str]:
        """The declared variables, and a PATH with what every Linux has."""
        path = f"{self.python.parent}{os.pathsep}{self.root / 'bin'}"
        return {**self.settings, "PATH": path, "HOME": str(self.root), "LANG": "C.UTF-8"}

    def unpack(self) -> None:
        self.bundle.mkdir(parents=True)
        archive = subprocess.run(
            ["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True
        ).stdout
        subprocess.run(["tar", "x"], cwd=self.bundle, input=archive, check=True)
        for script in (self.bundle / ".platform").rglob("*.sh"):
            script.write_text(self._here(script.read_text()))
        (self.root / "bin").mkdir()
        for program in PROGRAMS:
            (self.root / "bin" / program).symlink_to(str(shutil.which(program)))

    def install(self) -> None:
        """Install only ``requirements.txt`` into an empty environment."""
        subprocess.run([sys.executable, "-m", "venv", self.python.parents[1]], check=True)
        # Python compiles what it imports, which is little of it.
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--no-compile"]
        pip += ["-r", "requirements.txt"]
        done = subprocess.run(pip, cwd=self.bundle, capture_output=True, text=True, check=False)
        if "No matching distribution" in done.stderr or "Connection" in done.stderr:
            missing("PyPI", f"pip could not install requirements.txt:\n{done.stderr[-500:]}")
        assert done.returncode == 0, done.stderr

    def can_import(self, module: str) -> bool:
        command = [self.python, "-c", f"import {module}"]
        done = subprocess.run(
            command, cwd=self.bundle, env=self.environ, capture_output=True, check=False
        )
        return done.returncode == 0

    def container_commands(self) -> dict[str, str]:
        """Return the container commands in the order of the platform."""
        merged: dict[str, dict[str, Any]] = {}
        for path in sorted((self.bundle / ".ebextensions").glob("*.config")):
            merged |= yaml.safe_load(path.read_text()).get("container_commands", {})
        return {name: merged[name]["command"] for name in sorted(merged)}

    def run(self, command: str) -> str:
        """Run a command as the platform does; return its output."""
        done = subprocess.run(
            ["sh", "-c", self._here(command)],
            cwd=self.bundle,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def serve(self, log: Path) -> Iterator[tuple[str, int]]:
        """Serve; yield the site's address and the process id of the master."""
        with as_deployed(self.bundle, self.python.parent, self.environ, log) as served:
            yield served

    def _here(self, text: str) -> str:
        return text.replace("/var/app", str(self.root))


def shipped_settings(bundle: Path) -> dict[str, str]:
    """Return the settings from the option files of the bundle."""
    settings: Mapping[str, Any] = yaml.safe_load(
        (bundle / ".ebextensions" / "proxies.config").read_text()
    )["option_settings"]["aws:elasticbeanstalk:application:environment"]
    return {name: str(value) for name, value in settings.items()}


def megabytes(process: int, measure: str) -> float:
    """``Rss`` counts a page for every process that maps it, ``Pss`` divides it among them."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{measure}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise AssertionError(f"no {measure} of process {process}")
