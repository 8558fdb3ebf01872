"""Container files: linted and checked; steps of the web image, without a container engine."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import config
from tests.support.servers import free_port, wait_until_it_answers
from tests.support.site import ROOT

FOLDER = ROOT / "deploy" / "containers"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
TIERS = ("web", "batch")


def instructions(tier: str) -> list[tuple[str, str]]:
    """Return (name, arguments) of each instruction, in order."""
    text = (FOLDER / f"{tier}.Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(name, rest) for name, rest in (line.split(" ", 1) for line in joined.splitlines())]


def of(tier: str, name: str) -> list[str]:
    return [rest for kind, rest in instructions(tier) if kind == name]


def committed() -> list[str]:
    """Return the files of a clone."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def sent(tier: str) -> list[str]:
    """Return the build context: the committed files that .dockerignore allows."""
    lines = (FOLDER / f"{tier}.Dockerfile.dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    allowed = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    return [name for name in committed() if any(_below(name, pattern) for pattern in allowed)]


def _below(name: str, pattern: str) -> bool:
    return fnmatch.fnmatch(name.split("/")[0], pattern)


@pytest.mark.parametrize("tier", TIERS)
def test_dockerfiles_pass_hadolint(tier: str) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, FOLDER / f"{tier}.Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("tier", TIERS)
def test_dockerfiles_use_a_pinned_slim_base_and_a_non_root_user(tier: str) -> None:
    [base] = of(tier, "FROM")
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm", base)
    [user] = of(tier, "USER")
    assert int(user) > 0
    names = [name for name, _ in instructions(tier)]
    assert names.index("USER") > max(n for n, name in enumerate(names) if name in ("RUN", "COPY"))


@pytest.mark.parametrize("tier", TIERS)
def test_dockerfiles_copy_only_files_of_the_build_context(tier: str) -> None:
    files = sent(tier)
    for copied in of(tier, "COPY"):
        *sources, _target = copied.split()
        for source in sources:
            assert any(name == source or name.startswith(f"{source}/") for name in files), source
    text = (FOLDER / f"{tier}.Dockerfile").read_text().lower()
    assert not re.search("secret_key|password|aws_access", text)


def test_web_image_has_every_imported_package_and_no_spark() -> None:
    top = {name.split("/")[0] for name in sent("web")}
    assert {"app", "recommender", "migrations"} <= top
    assert {"application.py", "config.py", "gunicorn.conf.py"} <= top
    assert not top & {"spark_jobs", "tests", "data", ".env", "instance", "releases"}
    assert not [line for line in of("web", "RUN") if "java" in line or "jre" in line]


def test_web_image_steps_start_the_site(tmp_path: Path) -> None:
    """Run COPY and pip in a clean folder and environment; command and health check unchanged.

    Steps that need root are omitted: the user, and the folder of releases.
    """
    work, venv = tmp_path / "marquee", tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    port = free_port()
    environ = {
        "PATH": f"{venv / 'bin'}{os.pathsep}/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_COMPILE": "0",  # Python compiles what it imports, which is little of it
    }
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE"):
        environ |= {name: os.environ[name]} if name in os.environ else {}
    files = sent("web")
    for name, rest in instructions("web"):
        if name == "COPY":
            *sources, target = rest.split()
            for file in (f for f in files for s in sources if f == s or f.startswith(f"{s}/")):
                (work / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / file, work / file)
            assert target == "./" or sources == [target]
        elif name == "RUN" and rest.startswith("pip "):
            done = subprocess.run(rest, shell=True, cwd=work, env=environ, capture_output=True)
            assert done.returncode == 0, done.stderr
        elif name == "ENV":
            environ |= dict(pair.split("=", 1) for pair in shlex.split(rest))
            environ.pop("PIP_NO_CACHE_DIR", None)  # it makes images small, but tests slow
    environ |= {
        "PORT": str(port),
        "RELEASES": str(tmp_path / "releases"),
        "SECRET_KEY": "only-for-tests-0123456789",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'site.db'}",
    }
    migrate = COMPOSE["services"]["migrate"]["command"]
    done = subprocess.run(migrate, cwd=work, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [command] = of("web", "CMD")
    [check] = of("web", "HEALTHCHECK")
    asked = json.loads(check[check.index("[") :])
    assert subprocess.run(asked, env=environ, capture_output=True).returncode != 0
    log = tmp_path / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            json.loads(command), cwd=work, env=environ, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}/health", server, log)
            assert subprocess.run(asked, env=environ, capture_output=True).returncode == 0
            assert f"http://0.0.0.0:{port}" in log.read_text()
        finally:
            server.terminate()
            server.wait(timeout=30)


def service(name: str) -> dict[str, Any]:
    return dict(COMPOSE["services"][name])


def test_compose_has_site_postgresql_redis_and_one_migration() -> None:
    assert set(COMPOSE["services"]) == {*("web", "proxy", "migrate", "database", "redis", "train")}
    assert service("web")["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert service("migrate")["depends_on"]["database"]["condition"] == "service_healthy"
    assert "restart" not in service("migrate")
    assert service("train")["profiles"] == ["train"]
    for name in ("proxy", "database", "redis"):
        assert re.search(r":\d+\.\d+", service(name)["image"]), "a version"
    for name in ("database", "redis"):
        assert service(name)["healthcheck"]["test"]


def test_compose_publishes_only_the_proxy_on_localhost() -> None:
    published = {name: s["ports"] for name, s in COMPOSE["services"].items() if "ports" in s}
    [place] = published.pop("proxy")
    assert published == {}
    assert place.startswith("127.0.0.1:")
    proxy = (FOLDER / "nginx.conf").read_text()
    assert f"listen {place.rpartition(':')[2]};" in proxy
    assert f"proxy_pass http://web:{of('web', 'EXPOSE')[0]};" in proxy


def test_compose_references_existing_files_and_volumes() -> None:
    for name in ("web", "migrate", "train"):
        build = service(name)["build"]
        context = (FOLDER / build["context"]).resolve()
        assert context == ROOT
        assert (context / build["dockerfile"]).is_file()
    for name, described in COMPOSE["services"].items():
        for volume in described.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (FOLDER / source).is_file(), name


def test_compose_services_share_the_releases_folder() -> None:
    for tier, name in (("web", "web"), ("batch", "train")):
        [place] = [v.split(":")[1] for v in service(name)["volumes"] if v.startswith("releases:")]
        assert f"RELEASES={place}" in " ".join(of(tier, "ENV"))
        assert place in " ".join(of(tier, "RUN")), "made, and the user's own"
    assert of("web", "USER") == of("batch", "USER")


def test_compose_sets_existing_settings_and_contains_no_secret() -> None:
    given = service("web")["environment"]
    assert set(given) <= {setting.name for setting in config.SETTINGS}
    assert given["SECRET_KEY"].startswith("${SECRET_KEY:?")
    assert "${POSTGRES_PASSWORD:?" in given["DATABASE_URL"]
    filled = {name: re.sub(r"\$\{\w+:?[-?]?([^}]*)\}", r"\1", text) for name, text in given.items()}
    address = "postgresql://marquee:letters1@database/marquee"
    loaded = config.load({**filled, "SECRET_KEY": "0123456789abcdef", "DATABASE_URL": address})
    assert loaded["SQLALCHEMY_DATABASE_URI"].host in COMPOSE["services"]
    assert loaded["RATELIMIT_STORAGE_URI"] == "redis://redis:6379"
    assert loaded["SESSION_COOKIE_SECURE"] is True
