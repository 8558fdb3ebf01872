"""``flask backup`` and ``flask restore``, on every database."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import func, inspect, select

from app import create_app
from app.accounts import api_tokens
from app.accounts import service as accounts
from app.backup import tables
from app.backup.file import FORMAT, Header, encoded, write
from app.backup.tables import KINDS
from app.extensions import db
from app.feedback import ratings
from app.models import Experiment, Import, Item, SiteState, Token, User
from tests.conftest import settings
from tests.databases import DATABASES, Server, empty, migrate, new_database
from tests.rows import NOON, ROWS, fill, row_of, rows_of_all
from tests.servers import ROOT, free_port

BEFORE_REST = "a93c5d0be214"
OTHERS = dict(zip(DATABASES, (*DATABASES[1:], DATABASES[0]), strict=True))


@pytest.fixture(scope="module", params=DATABASES)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def migrated_of(
    servers: Callable[[str], Server], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, int], str]:
    """The address of a migrated database of a kind, by number; one is made once."""
    made: dict[tuple[str, int], str] = {}

    def address(kind: str, number: int) -> str:
        if (kind, number) not in made:
            url = new_database(kind, servers, tmp_path_factory.mktemp("database"))
            migrate(url)
            made[kind, number] = url
        return made[kind, number]

    return address


@contextmanager
def site_on(url: str, folder: Path) -> Iterator[Flask]:
    """A site on a database as the migrations made it."""
    empty(url)
    app = create_app(settings(url, folder / "releases"), TESTING=True)
    yield app
    with app.app_context():
        db.engine.dispose()


def fill_site(app: Flask) -> None:
    with app.app_context():
        fill(db.engine)


@pytest.fixture
def full(kind: str, migrated_of: Callable[[str, int], str], tmp_path: Path) -> Iterator[Flask]:
    """A site on each kind of database, with rows in every table."""
    with site_on(migrated_of(kind, 1), tmp_path) as app:
        fill_site(app)
        yield app


@pytest.fixture
def second(kind: str, migrated_of: Callable[[str, int], str], tmp_path: Path) -> Iterator[Flask]:
    """A site with nothing in its database, which is of the same kind."""
    with site_on(migrated_of(kind, 2), tmp_path) as app:
        yield app


@pytest.fixture
def other(kind: str, migrated_of: Callable[[str, int], str], tmp_path: Path) -> Iterator[Flask]:
    """A site with nothing in its database, which is of another kind."""
    with site_on(migrated_of(OTHERS[kind], 2), tmp_path) as app:
        yield app


def run(app: Flask, *words: str) -> tuple[int, str]:
    """(exit status, everything said)"""
    done = app.test_cli_runner().invoke(args=words, catch_exceptions=False)
    return done.exit_code, done.output


def stored(app: Flask) -> dict[str, list[tuple[Any, ...]]]:
    with app.app_context(), db.engine.connect() as connection:
        return rows_of_all(connection)


def backed_up(app: Flask, file: Path) -> Path:
    status, said = run(app, "backup", str(file))
    assert status == 0, said
    return file


def lines_of(file: Path) -> list[Any]:
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def test_what_was_backed_up_is_restored_row_for_row(
    full: Flask, second: Flask, tmp_path: Path
) -> None:
    before = stored(full)
    assert all(before.values())
    rows = sum(map(len, before.values()))
    file = backed_up(full, tmp_path / "site.backup")
    status, said = run(second, "restore", str(file))
    assert (status, f"{rows} rows of {len(before)} tables" in said) == (0, True), said
    assert stored(second) == before


def test_it_is_restored_into_another_kind_of_database(
    full: Flask, other: Flask, tmp_path: Path
) -> None:
    file = backed_up(full, tmp_path / "site.backup")
    assert run(other, "restore", str(file))[0] == 0
    assert stored(other) == stored(full)
    again = backed_up(other, tmp_path / "again.backup")
    assert lines_of(again)[-1]["digests"] == lines_of(file)[-1]["digests"]


def test_a_backup_goes_through_a_pipe(app: Flask, database: Path | str) -> None:
    fill_site(app)
    before = stored(app)
    runner = app.test_cli_runner()
    done = runner.invoke(args=["backup", "-"])
    assert done.exit_code == 0, done.stderr
    assert "in -" in done.stderr
    refused = runner.invoke(args=["restore", "-"], input=done.stdout_bytes)
    assert (refused.exit_code, "not empty" in refused.output) == (2, True)
    restored = runner.invoke(args=["restore", "--replace", "-"], input=done.stdout_bytes)
    assert restored.exit_code == 0, restored.output
    assert stored(app) == before


def test_every_table_of_the_database_and_every_column_is_in_it(full: Flask, tmp_path: Path) -> None:
    header = lines_of(backed_up(full, tmp_path / "site.backup"))[0]
    with full.app_context():
        found = inspect(db.engine)
        names = set(found.get_table_names()) - {"alembic_version"}
        assert set(header["tables"]) == names
        for table in names:
            columns = {column["name"] for column in found.get_columns(table)}
            assert set(header["tables"][table]) == columns


def test_every_type_of_the_models_has_its_kind() -> None:
    for table in db.metadata.tables.values():
        for column in table.columns:
            assert isinstance(column.type, tuple(KINDS.values())), column


def test_only_its_owner_may_read_it(full: Flask, tmp_path: Path) -> None:
    file = tmp_path / "site.backup"
    file.write_bytes(b"an older one")
    file.chmod(0o644)
    assert backed_up(full, file).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if "backup" in path.name] == ["site.backup"]


def test_ids_given_after_a_restore_are_new(full: Flask, second: Flask, tmp_path: Path) -> None:
    file = backed_up(full, tmp_path / "site.backup")
    run(second, "restore", str(file))
    with second.app_context():
        assert accounts.add_person(None, None).id == 4
        api_tokens.create("another")
        db.session.add(Import(user_id=1, imported_at=NOON, report={}))
        again = {"control": "current", "treatment": "x", "share": 0.5, "started_at": NOON}
        db.session.add(Experiment(name="again", **again))
        db.session.commit()
        for table in (Token, Import, Experiment):
            assert db.session.scalar(select(func.max(table.id))) > 3


def test_a_restore_never_lets_ids_go_back(full: Flask, tmp_path: Path) -> None:
    file = backed_up(full, tmp_path / "site.backup")
    with full.app_context():
        for name in "abc":
            api_tokens.create(name)
    assert run(full, "restore", "--replace", str(file))[0] == 0
    with full.app_context():
        api_tokens.create("another")
        assert db.session.scalar(select(func.count()).select_from(Token)) == 4


def damage(content: bytes) -> dict[str, bytes]:
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    lines = gzip.decompress(content).splitlines(keepends=True)
    changed = [line.replace(b'"person"', b'"owner"') for line in lines]
    return {
        "a bit flipped": flipped,
        "cut off": content[:-20],
        "cut off between two lines": gzip.compress(b"".join(lines[:-1])),
        "a row missing": gzip.compress(b"".join(lines[:2] + lines[3:])),
        "changed by hand": gzip.compress(b"".join([*changed[:-1], lines[-1][:-5] + b'0"}\n'])),
        "followed by another": content + content,
        "of another format": gzip.compress(b"".join([lines[0].replace(b"1", b"9", 1), *lines[1:]])),
        "empty": b"",
        "no gzip": b"rubbish" * 99,
        "a gzip of something else": gzip.compress(b"userId,movieId,rating\n"),
        "a gzip of another JSON": gzip.compress(b"[1]\n"),
        "a gzip of nothing": gzip.compress(b""),
    }


def test_a_damaged_file_is_refused_before_anything_is_changed(full: Flask, tmp_path: Path) -> None:
    before = stored(full)
    file = backed_up(full, tmp_path / "site.backup")
    for how, content in damage(file.read_bytes()).items():
        file.write_bytes(content)
        status, said = run(full, "restore", "--replace", str(file))
        assert (status, "is damaged, cut off, or no backup" in said) == (2, True), (how, said)
        assert str(file) in said
    assert run(full, "restore", str(tmp_path / "missing"))[0] == 2
    assert stored(full) == before


def test_a_database_that_is_not_empty_is_left_alone_unless_told(
    full: Flask, second: Flask, tmp_path: Path
) -> None:
    file = backed_up(full, tmp_path / "site.backup")
    with second.app_context():
        db.session.add(Item(id=77, title="T", search_key="t"))
        db.session.commit()
    before = stored(second)
    status, said = run(second, "restore", str(file))
    assert (status, "table items has rows; --replace deletes" in said) == (2, True)
    assert stored(second) == before
    assert run(second, "restore", "--replace", str(file))[0] == 0
    assert stored(second) == stored(full)


def test_a_database_of_another_revision_is_refused_both_ways(
    full: Flask, second: Flask, tmp_path: Path
) -> None:
    file = backed_up(full, tmp_path / "site.backup")
    head = lines_of(file)[0]["revision"]
    with second.app_context():
        downgrade(revision=BEFORE_REST)
        status, said = run(second, "restore", str(file))
        wanted = f"is of revision {head}, the database of {BEFORE_REST}; bring an empty database"
        assert (status, wanted in said) == (2, True), said
        assert f"`flask db upgrade {head}`" in said
        status, said = run(second, "backup", str(tmp_path / "other.backup"))
        assert (status, "run `flask db upgrade` first" in said) == (2, True), said
        upgrade()
    assert not (tmp_path / "other.backup").exists()


def test_a_backup_of_an_older_revision_is_restored_there_and_then_upgraded(
    second: Flask, tmp_path: Path
) -> None:
    """The tables are those that the file describes, not those of the models."""
    held = {
        "users": {"id": "integer", "username": "text", "created_at": "moment", "role": "text"},
        "site_state": {"id": "integer", "last_user_id": "integer"},
    }
    file = tmp_path / "old.backup"
    header = Header(FORMAT, BEFORE_REST, NOON.isoformat(), held)
    people = [encoded([7, "ann", NOON, "owner"])]
    with file.open("wb") as stream:
        write(stream, header, [("users", [people]), ("site_state", [[encoded([1, 99])]])])
    with second.app_context():
        downgrade(revision=BEFORE_REST)
        status, said = run(second, "restore", str(file))
        assert status == 0, said
        upgrade()
        ann = db.session.get_one(User, 7)
        assert (ann.username, ann.role, ann.created_at) == ("ann", "owner", NOON)
        assert db.session.get_one(SiteState, 1).last_user_id == 99


def test_a_backup_of_a_revision_not_known_here_names_it(full: Flask, tmp_path: Path) -> None:
    file = tmp_path / "new.backup"
    with file.open("wb") as stream:
        write(stream, Header(FORMAT, "feedfeedfeed", NOON.isoformat(), {}), [])
    status, said = run(full, "restore", "--replace", str(file))
    assert (status, "feedfeedfeed" in said, "restore with the one that made it" in said) == (
        2,
        True,
        True,
    )


def test_where_it_cannot_be_written_it_says_so(full: Flask, tmp_path: Path) -> None:
    status, said = run(full, "backup", str(tmp_path / "no" / "folder" / "x"))
    assert (status, "cannot be written" in said) == (2, True)


def test_a_database_that_is_away_is_told_in_one_line(full: Flask, tmp_path: Path) -> None:
    file = backed_up(full, tmp_path / "site.backup")
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    app = create_app(settings(away, tmp_path / "releases"))
    for words in (["backup", str(tmp_path / "another.backup")], ["restore", str(file)]):
        status, said = run(app, *words)
        assert (status, said.startswith("error: "), said.count("\n")) == (2, True, 1), said
    assert not (tmp_path / "another.backup").exists()


def test_a_row_that_the_database_refuses_leaves_all_as_it_was(full: Flask, tmp_path: Path) -> None:
    """A whole file, but with a rating of nobody."""
    before = stored(full)
    file = backed_up(full, tmp_path / "site.backup")
    header, *_ = lines_of(file)
    stray = {**row_of(db.metadata.tables["ratings"], 1), "user_id": 4711}
    with file.open("wb") as stream:
        rows = [("ratings", [[encoded([stray[name] for name in header["tables"]["ratings"]])]])]
        write(stream, Header(**header), rows)
    status, said = run(full, "restore", "--replace", str(file))
    assert (status, "the database refused it, and nothing was changed" in said) == (2, True), said
    assert stored(full) == before


def test_a_backup_made_while_people_rate_is_of_one_moment(
    full: Flask, second: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sign up and rate without a pause, and one more before each table is read. Whoever is in
    the backup has rated a first part of the titles, and the site has given no higher id."""
    done, titles = threading.Event(), range(1, 4)

    def come_and_rate() -> None:
        with full.app_context():
            person = accounts.add_person(None, None).id
            for title in titles:
                ratings.rate(person, title, 3.0)

    def come_and_rate_on() -> None:
        while not done.is_set():
            come_and_rate()

    def read(*asked: Any) -> Iterator[list[bytes]]:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(come_and_rate).result()
        return rows(*asked)

    rows, file = tables._rows, tmp_path / "site.backup"
    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(come_and_rate_on) for _ in range(2)]
        try:
            monkeypatch.setattr(tables, "_rows", read)
            backed_up(full, file)
        finally:
            done.set()
            monkeypatch.undo()
        for writer in writers:
            writer.result()
    assert run(second, "restore", str(file))[0] == 0  # so foreign keys hold
    with full.app_context():
        written = db.session.scalar(select(func.max(User.id)))
    with second.app_context():
        last = db.session.scalar(select(func.max(User.id)))
        assert db.session.scalar(select(SiteState.last_user_id)) == last
        assert last <= written - len(db.metadata.tables) + 1
        for person in db.session.scalars(select(User.id).where(User.id > ROWS)).all():
            rated = sorted(ratings.ratings_of(person))
            assert rated == list(titles)[: len(rated)]


# What ends the command's process in the middle: it says so, and then waits for its end.
AT_ITS_FIRST_ROWS = "tables._rows = lambda *_: wait()"
BEFORE_ITS_COMMIT = "tables._compare = lambda *_: wait()"


def killed(app: Flask, where: str, *words: str) -> None:
    """``flask`` in a process of its own, until it waits there, and then SIGKILL."""
    url = app.config["SQLALCHEMY_DATABASE_URI"].render_as_string(hide_password=False)
    program = f"""
import sys, time
from app.backup import tables
from flask.cli import main
def wait():
    print("waiting", flush=True)
    time.sleep(600)
{where}
sys.argv = ["flask", "--app", "application", *sys.argv[1:]]
main()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        cwd=ROOT,
        env={**os.environ, "DEBUG": "True", "DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"waiting\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL


def test_a_backup_that_is_killed_leaves_no_file_of_its_name(full: Flask, tmp_path: Path) -> None:
    file = tmp_path / "site.backup"
    killed(full, AT_ITS_FIRST_ROWS, "backup", str(file))
    assert not file.exists()
    backed_up(full, file)


def test_a_restore_that_is_killed_changes_nothing_and_the_next_one_works(
    full: Flask, second: Flask, tmp_path: Path
) -> None:
    file = backed_up(full, tmp_path / "site.backup")
    before = stored(second)
    killed(second, BEFORE_ITS_COMMIT, "restore", str(file))
    assert stored(second) == before
    assert run(second, "restore", str(file))[0] == 0
    with second.app_context():
        accounts.add_person(None, None)
    before = stored(second)
    killed(second, BEFORE_ITS_COMMIT, "restore", "--replace", str(file))
    assert stored(second) == before
    assert run(second, "restore", "--replace", str(file))[0] == 0
    assert stored(second) == stored(full)
