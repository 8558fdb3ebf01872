"""Every package of the web tier has a wheel for arm64, as instances with Graviton need it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pinned import pinned
from tests.support.site import ROOT

TIERS = ("requirements.txt", "requirements-mysql.txt", "requirements-pgsql.txt")
# Amazon Linux 2023 has glibc 2.34, and the platform's branch Python 3.12.
PLATFORM = ["--python-version", "3.12", "--implementation", "cp", "--abi", "cp312", "--abi", "abi3"]
PLATFORM += ["--abi", "none", "--platform", "manylinux2014_aarch64"]
PLATFORM += [
    *("--platform", "manylinux_2_17_aarch64", "--platform", "manylinux_2_28_aarch64"),
    *("--platform", "manylinux_2_34_aarch64"),
]


def download(packages: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), *PLATFORM, *packages]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip the test where no package index answers."""
    click = f"click=={pinned(ROOT / 'requirements.txt')['click']}"
    done = download([click], tmp_path_factory.mktemp("probe"))
    if done.returncode:
        pytest.skip(f"needs a package index: {done.stderr.strip().splitlines()[-1:]}")


def test_every_pinned_package_has_a_wheel_for_arm64(index: None, tmp_path: Path) -> None:
    for tier in TIERS:  # each has hashes, by which pip checks the wheels for arm64 too
        done = download(["--require-hashes", "-r", tier], tmp_path)
        assert done.returncode == 0, done.stderr
    wheels = [wheel.name for wheel in tmp_path.glob("*.whl")]
    listed = {name for tier in TIERS for name in pinned(ROOT / tier)}
    assert len(listed) - 2 <= len(wheels) <= len(listed)  # some are for older versions of Python
    assert not [wheel for wheel in wheels if "x86_64" in wheel]
    assert any("aarch64" in wheel for wheel in wheels)
