"""Databases that demand TLS and a password full of special characters, as RDS can set them up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

import config
from app import create_app
from app.extensions import db
from recommender.errors import ConfigError
from recommender.storage.release_store import ReleaseStore
from tests.support.databases import SERVERS, migrate
from tests.support.releases import publish_tiny
from tests.support.servers import ROOT, as_deployed
from tests.support.site import PRODUCTION, SECRET, settings
from tests.support.tls_databases import ENCODED, PASSWORD, TlsServer, make_authority, tls_server

IS_ENCRYPTED = {
    "postgresql": "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    "mysql": "SELECT variable_value <> '' FROM information_schema.session_status"
    " WHERE variable_name = 'Ssl_cipher'",
}


@pytest.fixture(scope="module", params=SERVERS)
def tls(request: pytest.FixtureRequest) -> Iterator[TlsServer]:
    with tls_server(request.param) as server:
        migrate(server.url)
        yield server


def is_encrypted(environ: dict[str, str], kind: str) -> bool:
    app = create_app(environ)
    with app.app_context():
        try:
            return bool(db.session.execute(text(IS_ENCRYPTED[kind])).scalar())
        finally:
            db.session.remove()
            db.engine.dispose()


def test_site_uses_tls_where_the_server_demands_it(tls: TlsServer, tmp_path: Path) -> None:
    assert is_encrypted(settings(tls.url, tmp_path), tls.server.kind)


def test_server_refuses_a_connection_without_tls(tls: TlsServer, tmp_path: Path) -> None:
    plain = {"postgresql": "?sslmode=disable", "mysql": "?ssl_disabled=true"}[tls.server.kind]
    with pytest.raises(OperationalError):
        is_encrypted(settings(tls.url + plain, tmp_path), tls.server.kind)


def test_certificate_is_checked_where_a_bundle_is_named(tls: TlsServer, tmp_path: Path) -> None:
    environ = settings(tls.url, tmp_path)
    assert is_encrypted({**environ, "DATABASE_CA": str(tls.authority)}, tls.server.kind)
    with pytest.raises(OperationalError, match=r"(?i)certificate"):
        is_encrypted({**environ, "DATABASE_CA": str(tls.stranger)}, tls.server.kind)
    # The certificate is for the address, not for this name of it.
    other = {**environ, "DATABASE_URL": tls.url.replace("127.0.0.1", "localhost")}
    with pytest.raises(OperationalError, match=r"(?i)certificate"):
        is_encrypted({**other, "DATABASE_CA": str(tls.authority)}, tls.server.kind)


def test_preloaded_processes_share_no_connection(
    tls: TlsServer, store: ReleaseStore, tmp_path: Path
) -> None:
    """The master connects before it forks, as a command of the application at import would."""
    publish_tiny(store)
    environ = {**os.environ, **settings(tls.url, store.folder), "DATABASE_CA": str(tls.authority)}
    (tmp_path / "connected.py").write_text(
        "from application import application\n"
        "from app.extensions import db\n"
        "from sqlalchemy import text\n"
        "with application.app_context():\n"
        "    db.session.execute(text('SELECT 1'))\n"
        "    db.session.remove()\n"
        "    assert db.engine.pool.checkedin() == 1\n"
    )
    environ["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{ROOT}"
    log = tmp_path / "log"
    name = "connected:application"
    with as_deployed(ROOT, Path(sys.executable).parent, environ, log, name) as (address, _):

        def ask(_number: int) -> int:
            with urllib.request.urlopen(f"{address}/ready", timeout=30) as answer:
                assert json.load(answer)["status"] == "ready"
                return int(answer.status)

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(ask, range(100))) == {200}
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("password", ["p@ss", "p/ss", "p#ss", "p?ss", "100%", "p%ss", "a@b#c/d%"])
@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_unencoded_password_is_refused_and_never_shown(scheme: str, password: str) -> None:
    url = f"{scheme}://marquee:{password}@db.example:5432/marquee"
    with pytest.raises(ConfigError) as refused:
        config.load({**PRODUCTION, "DATABASE_URL": url})
    message = str(refused.value)
    assert "percent-encode it" in message
    assert "DATABASE_URL" in message
    for part in (password, "marquee:", "db.example", "ss@", "ss/"):
        assert part not in message


def test_encoded_password_is_decoded() -> None:
    url = f"postgresql://marquee:{ENCODED}@db.example/marquee?sslmode=require"
    read = config.load({**PRODUCTION, "DATABASE_URL": url})["SQLALCHEMY_DATABASE_URI"]
    assert (read.password, read.host, read.query["sslmode"]) == (PASSWORD, "db.example", "require")


@pytest.mark.parametrize("command", [["flask", "db", "upgrade"], ["gunicorn", "--check-config"]])
def test_no_log_shows_an_unencoded_password(command: list[str], tmp_path: Path) -> None:
    environ = {"DATABASE_URL": "postgresql://marquee:hunter@two#3/4%@127.0.0.1:1/marquee"}
    environ |= {"SECRET_KEY": SECRET, "RELEASES": str(tmp_path), "PATH": os.environ["PATH"]}
    program = str(Path(sys.executable).parent / command[0])
    options = ["application:application"] if command[0] == "gunicorn" else []
    done = subprocess.run(
        [program, *command[1:], *options], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    assert done.returncode != 0
    output = done.stdout + done.stderr
    assert "percent-encode it" in output
    for part in ("hunter", "two", "#3", "4%"):
        assert part not in output


def test_wrong_password_is_not_in_the_message(tls: TlsServer, tmp_path: Path) -> None:
    environ = settings(tls.url.replace(ENCODED, "hunter2%40"), tmp_path)
    program = str(Path(sys.executable).parent / "flask")
    done = subprocess.run(
        [program, "list-tokens"],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert (done.stdout + done.stderr).startswith("error: the database is unreachable")


def test_database_ca_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"DATABASE_CA=.*is not a file"):
        config.load({**PRODUCTION, "DATABASE_CA": str(tmp_path / "rds.pem")})
    make_authority(tmp_path / "rds.pem")
    config.load({**PRODUCTION, "DATABASE_CA": str(tmp_path / "rds.pem")})


def test_package_of_caching_sha2_password_is_installed_with_the_driver() -> None:
    """MySQL 8's default, whose server no Debian package brings: the driver's own step is tried."""
    from pymysql import _auth

    assert "cryptography==" in (ROOT / "requirements-mysql.txt").read_text()
    key = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, check=True).stdout
    public = subprocess.run(
        ["openssl", "rsa", "-pubout"], input=key, capture_output=True, check=True
    ).stdout
    assert len(_auth.sha2_rsa_encrypt(b"secret", b"s" * 20, public)) == 256
