"""Every query is run on MariaDB and on PostgreSQL: by the tests that run it on SQLite."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.databases import SERVERS, programs
from tests.queries import functions_with_sql

ROOT = Path(__file__).resolve().parents[1]
TESTS = "api group home mydata onboarding owner statistics steering explain tmdb transfer"
# Without a query of their own, or long.
LEAVE_OUT = "not training and not scale and not bad and not refused and not markup and not drawn"


@pytest.mark.parametrize("name", SERVERS)
def test_each_function_that_holds_sql_is_run_on(name: str, tmp_path: Path) -> None:
    programs(name)
    ran = tmp_path / "ran"
    files = [f"tests/test_{part}.py" for part in TESTS.split()]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-p", "tests.queries", "-k", LEAVE_OUT, *files],
        cwd=ROOT,
        env={**os.environ, "MARQUEE_TEST_DATABASE": name, "MARQUEE_QUERIES": str(ran)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert functions_with_sql() - set(ran.read_text().splitlines()) == set()
