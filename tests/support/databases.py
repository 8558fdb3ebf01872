"""Real database servers: started on free ports, with temporary data folders.

    with postgresql() as server:
        environ = {"DATABASE_URL": server.url}

They do not flush to disk, which is fast: data survives the end of a process, not a power failure.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from flask_migrate import upgrade
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

import config
from app import create_app
from app.extensions import db
from app.models import FIRST_ID_WITHOUT_CATALOGUE, CatalogueState, SiteState
from tests.support.requirements import missing
from tests.support.servers import PATIENCE, free_port

# Debian installs servers outside of the normal PATH.
PLACES = os.pathsep.join(
    [
        *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True),
        *("/usr/sbin", os.environ.get("PATH", "")),
    ]
)
PROGRAMS = {"mariadb": ("mariadbd", "mariadb-install-db"), "postgresql": ("postgres", "initdb")}
NOBODY = 65534
# Signals that disconnect clients: with SIGTERM PostgreSQL would wait for them.
END = {"mysql": signal.SIGTERM, "postgresql": signal.SIGINT}


class Server:
    """A server with its data in ``folder``, with an empty database at ``url``.

    Database servers refuse to run as root; as root they are started as nobody.
    """

    def __init__(self, folder: Path, command: Sequence[str], address: str):
        self._log = folder / "log"
        self._command = command
        self._address = make_url(address)
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.kind = self._address.get_backend_name()
        self._user = NOBODY if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(folder, self._user, self._user)

    def install(self, command: Sequence[str]) -> None:
        """Initialize the data folder, start, and create the database."""
        if self._run(command).wait() != 0:
            raise AssertionError(self._log.read_text())
        self.start()
        self.url = self.new_database()

    def start(self) -> None:
        """Start with the same port and data as before, and wait until the server responds."""
        self._process = self._run(self._command)
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{self._log.read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop as in a restart: clients are disconnected, committed data is kept."""
        if self._process is not None:
            self.send(END[self._address.get_backend_name()])
            self._process.wait(timeout=PATIENCE)
            self._process = None

    def send(self, what: signal.Signals) -> None:
        """Send a signal: after SIGSTOP the server hangs until SIGCONT."""
        assert self._process is not None, "the server is not running"
        self._process.send_signal(what)

    def answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except OperationalError:
            return False
        return True

    def execute(self, statement: str) -> None:
        engine = create_engine(self._address, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()

    def new_database(self, options: str = "") -> str:
        """Create an empty database; return its URL as a provider shows it."""
        name = f"marquee_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} {options}")
        url = self._address.set(drivername=self._address.get_backend_name(), database=name)
        return url.render_as_string(hide_password=False)

    def _run(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as output:
            return subprocess.Popen(
                command,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
                cwd=self._log.parent,
                # A MariaDB that starts deletes temporary tables of others that start beside it.
                env={**os.environ, "TMPDIR": str(self._log.parent)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )


@contextmanager
def mariadb(*others: str) -> Iterator[Server]:
    """Run MariaDB. ``others``: more options of the server."""
    (program, install), port = programs("mariadb"), free_port()
    with tempfile.TemporaryDirectory(prefix="mariadb-") as folder:
        data = ["--no-defaults", f"--datadir={folder}/data"]
        command = [
            *(program, *data, f"--port={port}", "--bind-address=127.0.0.1", "--skip-name-resolve"),
            *(f"--socket={folder}/socket", f"--pid-file={folder}/pid", "--skip-log-bin"),
            *("--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M"),
            *others,
        ]
        address = f"{config.DRIVERS['mysql']}://root@127.0.0.1:{port}/mysql"
        server = Server(Path(folder), command, address)
        with _ended(server):
            password = "--auth-root-authentication-method=normal"
            server.install([install, *data, password, "--skip-test-db"])
            yield server


@contextmanager
def postgresql(*others: str) -> Iterator[Server]:
    """Run PostgreSQL. ``others``: settings that override ours, such as fsync=on."""
    (program, install), port = programs("postgresql"), free_port()
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        data = ["-D", f"{folder}/data"]
        settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories="]
        settings += ["fsync=off", "full_page_writes=off", *others]
        command = [program, *data, *(part for setting in settings for part in ("-c", setting))]
        address = f"{config.DRIVERS['postgresql']}://marquee@127.0.0.1:{port}/postgres"
        server = Server(Path(folder), command, address)
        with _ended(server):
            english = ["--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en-US"]
            server.install([install, *data, "-U", "marquee", "-A", "trust", "-N", *english])
            yield server


SERVERS = {"mariadb": mariadb, "postgresql": postgresql}
DATABASES = ("sqlite", *SERVERS)


def new_database(name: str, servers: Callable[[str], Server], folder: Path) -> str:
    """Return the URL of an empty database of that kind."""
    return f"sqlite:///{folder / 'new.db'}" if name == "sqlite" else servers(name).new_database()


def migrate(url: str, revision: str = "head") -> None:
    """Apply the migrations up to ``revision``."""
    app = create_app({"DEBUG": "True", "DATABASE_URL": url})
    with app.app_context():
        upgrade(revision=revision)
        db.engine.dispose()


def empty(url: str) -> None:
    """Empty a migrated database, except for the rows that migrations insert."""
    engine = create_engine(config.with_driver(url))
    with engine.begin() as connection:
        for table in reversed(db.metadata.sorted_tables):
            connection.execute(table.delete())
        state = {"id": 1, "last_user_id": FIRST_ID_WITHOUT_CATALOGUE, "has_data_set": False}
        connection.execute(SiteState.__table__.insert(), state)
        connection.execute(CatalogueState.__table__.insert(), {"id": 1})
    engine.dispose()


@contextmanager
def _ended(server: Server) -> Iterator[None]:
    try:
        yield
    finally:
        server.stop()


def programs(name: str) -> tuple[str, str]:
    """Return server and initialization program; skip the test if one is missing."""
    server, install = (shutil.which(program, path=PLACES) for program in PROGRAMS[name])
    if server is None or install is None:
        missing(" and ".join(PROGRAMS[name]), ".ci/ensure databases")
    return server, install
