"""The real `eb` command, from a clean clone to a running environment and its removal."""

from __future__ import annotations

import zipfile
from io import BytesIO

import pytest

from tests.support.beanstalk import BRANCH
from tests.support.clone import Shell

pytest_plugins = ["tests.support.fixtures.clone"]

NOT_NEEDED = ("spark_jobs", "tests", "benchmarks", "docs", "deploy", ".ci", "Makefile")


@pytest.fixture(scope="module")
def created(shell: Shell) -> Shell:
    """An environment as docs/deploy.md creates it."""
    shell.run("eb", "init", "marquee", "--platform", BRANCH, "--region", "eu-central-1")
    shell.run(
        *("eb", "create", "marquee-web", "--elb-type", "application", "-ip", "marquee-web"),
        *("--envvars", "RELEASES=s3://bucket/releases"),
    )
    return shell


def test_eb_init_leaves_the_repository_unchanged(created: Shell) -> None:
    assert created.run("git", "status", "--porcelain") == b""


def test_eb_create_ships_the_git_archive(created: Shell) -> None:
    archive = created.run("git", "archive", "--format=zip", "HEAD")
    assert created.shipped(created.environment()["VersionLabel"]) == archive


def test_eb_deploy_ships_only_the_commit(created: Shell) -> None:
    before = created.environment()["VersionLabel"]
    (created.folder / "app" / "later.py").write_text("")
    created.run("git", "add", "app/later.py")
    created.run("git", "commit", "--quiet", "-m", "A later version")
    (created.folder / "uncommitted.py").write_text("")
    (created.folder / "config.py").write_text("broken(")
    created.run("eb", "deploy")
    after = created.environment()["VersionLabel"]
    assert after != before
    bundle = created.shipped(after)
    assert bundle == created.run("git", "archive", "--format=zip", "HEAD")
    with zipfile.ZipFile(BytesIO(bundle)) as files:
        assert "app/later.py" in files.namelist()
        assert "uncommitted.py" not in files.namelist()
        assert b"broken(" not in files.read("config.py")


def test_eb_terminate_ends_the_environment(created: Shell) -> None:
    created.run("eb", "terminate", "marquee-web", "--force")
    assert created.environment()["Status"] == "Terminated"


def test_bundle_contains_only_the_files_of_an_instance(shell: Shell) -> None:
    shell.run("make", "bundle")
    (path,) = (shell.folder / "dist").glob("*.zip")
    with zipfile.ZipFile(path) as files:
        names = set(files.namelist())
        hooks = [file for file in files.infolist() if file.filename.endswith(".sh")]
    assert {"application.py", "Procfile", "requirements.txt", ".ebextensions/"} <= names
    assert {"requirements-mysql.txt", "requirements-pgsql.txt", "migrations/env.py"} <= names
    assert not [name for name in names if name.split("/")[0] in NOT_NEEDED]
    assert not [name for name in names if name.startswith((".git", ".env"))]
    assert hooks
    assert all(hook.external_attr >> 16 & 0o111 == 0o111 for hook in hooks)
