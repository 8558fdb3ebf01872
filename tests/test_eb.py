"""The real `eb` command, from a clean clone to a running environment and back to nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.aws import aws_environ, moto_server
from tests.beanstalk import BRANCH
from tests.conftest import ROOT
from tests.missing import missing

NOT_NEEDED = ("spark_jobs", "tests", "benchmarks", "docs", "deploy", ".ci", "Makefile")


@dataclass
class Shell:
    """Runs commands in a clone of this repository, with Amazon's services on this machine."""

    folder: Path
    environ: dict[str, str]

    def run(self, *command: str) -> bytes:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout.decode(), done.stderr.decode())
        return done.stdout

    def client(self, service: str) -> Any:
        environ = self.environ
        return boto3.client(
            service,
            endpoint_url=environ["AWS_ENDPOINT_URL"],
            region_name=environ["AWS_DEFAULT_REGION"],
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        )

    def shipped(self, label: str) -> bytes:
        """The bundle of the application version that an environment runs."""
        described = self.client("elasticbeanstalk").describe_application_versions(
            ApplicationName="marquee", VersionLabels=[label]
        )
        source = described["ApplicationVersions"][0]["SourceBundle"]
        found = self.client("s3").get_object(Bucket=source["S3Bucket"], Key=source["S3Key"])
        return found["Body"].read()

    def environment(self) -> dict[str, Any]:
        described = self.client("elasticbeanstalk").describe_environments()
        return described["Environments"][0]


@pytest.fixture(scope="module")
def eb() -> str:
    found = shutil.which("eb", path=f"{ROOT}/.venv/eb/bin{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        missing("eb", ".ci/ensure eb")
    return found


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("eb")
    clone = folder / "marquee"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    managed = {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
    with moto_server(folder / "moto.log", managed, "tests.beanstalk") as address:
        home = {"HOME": str(folder), "GIT_AUTHOR_NAME": "A", "GIT_COMMITTER_NAME": "A"}
        mail = {"GIT_AUTHOR_EMAIL": "a@b.example", "GIT_COMMITTER_EMAIL": "a@b.example"}
        yield Shell(clone, {**aws_environ(address), **home, **mail})


@pytest.fixture(scope="module")
def created(eb: str, shell: Shell) -> Shell:
    """An environment as docs/deploy.md creates it."""
    shell.run(eb, "init", "marquee", "--platform", BRANCH, "--region", "eu-central-1")
    shell.run(
        *(eb, "create", "marquee-web", "--elb-type", "application", "-ip", "marquee-web"),
        *("--envvars", "RELEASES=s3://bucket/releases"),
    )
    return shell


def test_init_leaves_the_repository_as_it_is(created: Shell) -> None:
    assert created.run("git", "status", "--porcelain") == b""


def test_create_ships_what_git_archive_makes(created: Shell) -> None:
    archive = created.run("git", "archive", "--format=zip", "HEAD")
    assert created.shipped(created.environment()["VersionLabel"]) == archive


def test_deploy_ships_the_commit_and_nothing_beside_it(eb: str, created: Shell) -> None:
    before = created.environment()["VersionLabel"]
    (created.folder / "app" / "later.py").write_text("")
    created.run("git", "add", "app/later.py")
    created.run("git", "commit", "--quiet", "-m", "A later version")
    (created.folder / "uncommitted.py").write_text("")
    (created.folder / "config.py").write_text("broken(")
    created.run(eb, "deploy")
    after = created.environment()["VersionLabel"]
    assert after != before
    bundle = created.shipped(after)
    assert bundle == created.run("git", "archive", "--format=zip", "HEAD")
    with zipfile.ZipFile(BytesIO(bundle)) as files:
        assert "app/later.py" in files.namelist()
        assert "uncommitted.py" not in files.namelist()
        assert b"broken(" not in files.read("config.py")


def test_terminate_ends_the_environment(eb: str, created: Shell) -> None:
    created.run(eb, "terminate", "marquee-web", "--force")
    assert created.environment()["Status"] == "Terminated"


def test_the_bundle_holds_what_an_instance_needs_and_no_more(shell: Shell) -> None:
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
