"""Requirements are locked with hashes, tier by tier, and a release says what is in it."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from recommender import VERSION
from tests.support.pinned import pinned

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
WEB = PROJECT["dependencies"]
LOCKS = {
    "requirements.txt": WEB,
    "requirements-mysql.txt": [*WEB, *EXTRAS["mysql"]],
    "requirements-pgsql.txt": [*WEB, *EXTRAS["pgsql"]],
    "requirements-spark.txt": EXTRAS["spark"],
    "requirements-dev.txt": [*WEB, *(package for extra in EXTRAS.values() for package in extra)],
}


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower()


@pytest.mark.parametrize("file", LOCKS)
def test_lock_has_the_versions_of_pyproject(file: str) -> None:
    locked = pinned(ROOT / file)
    for package in LOCKS[file]:
        name, version = package.split("==")
        assert locked[normalized(name)] == version


@pytest.mark.parametrize("file", LOCKS)
def test_every_package_of_a_lock_has_hashes(file: str) -> None:
    text = (ROOT / file).read_text()
    for block in re.findall(r"^[a-z0-9].*(?:\n +.*)*", text, re.MULTILINE):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block
    assert "-r " not in text


def test_all_tiers_agree_on_versions() -> None:
    everything = pinned(ROOT / "requirements-dev.txt")
    for file in LOCKS:
        assert pinned(ROOT / file).items() <= everything.items()


def test_version_is_the_same_everywhere() -> None:
    assert PROJECT["version"] == VERSION
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGES.md").read_text(), re.MULTILINE)
    assert VERSION in headings


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with one commit of the files that a release needs."""
    folder = tmp_path / "clone"
    (folder / ".ci").mkdir(parents=True)
    for name in (".ci/release.py", "CHANGES.md", "pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, folder / name)
    for name in ("recommender", "spark_jobs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    (folder / ".gitignore").write_text("dist/\n__pycache__/\n")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "All")
    return folder


def git(folder: Path, *arguments: str) -> str:
    names = ["-c", "user.name=Ann", "-c", "user.email=ann@marquee.example"]
    command = ["git", *names, *arguments]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def release(folder: Path) -> subprocess.CompletedProcess[str]:
    git(folder, "config", "user.name", "Ann")
    git(folder, "config", "user.email", "ann@marquee.example")
    return subprocess.run(
        [sys.executable, ".ci/release.py"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_release_tags_and_builds_everything_once(clone: Path) -> None:
    done = release(clone)
    assert done.returncode == 0, done.stderr
    assert git(clone, "tag") == f"v{VERSION}"
    assert sorted(path.name for path in (clone / "dist").iterdir()) == [
        "SHA256SUMS",
        f"marquee-{VERSION}.cdx.json",
        f"marquee-{VERSION}.zip",
        f"marquee-jobs-{VERSION}.zip",
    ]
    again = release(clone)
    assert (again.returncode, "is released already" in again.stderr) == (1, True)


def test_release_refuses_changes_and_a_version_without_a_heading(clone: Path) -> None:
    (clone / "CHANGES.md").write_text("# Changes\n")
    assert "not committed" in release(clone).stderr
    git(clone, "commit", "--quiet", "--all", "--message", "No heading")
    assert f"no heading '## {VERSION}" in release(clone).stderr
    assert git(clone, "tag") == ""


def test_bill_of_materials_lists_every_package_that_is_shipped(clone: Path) -> None:
    done = subprocess.run([sys.executable, ".ci/release.py", "sbom"], cwd=clone, check=True)
    assert done.returncode == 0
    bill = json.loads((clone / "dist" / f"marquee-{VERSION}.cdx.json").read_text())
    assert (bill["bomFormat"], bill["metadata"]["component"]["version"]) == ("CycloneDX", VERSION)
    listed = {part["name"]: part for part in bill["components"]}
    assert {"flask", "pyspark", "pymysql", "psycopg", "cryptography"} <= listed.keys()
    assert "pytest" not in listed
    for part in listed.values():
        assert part["purl"] == f"pkg:pypi/{part['name']}@{part['version']}"
        assert part["externalReferences"][0]["hashes"]
