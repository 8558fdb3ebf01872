"""Every query is run on MariaDB and on PostgreSQL: by the tests that run it on SQLite."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.databases import SERVERS, programs
from tests.support.query_coverage import functions_with_sql

ROOT = Path(__file__).resolve().parents[3]
TESTS = {
    "api": "",
    "api_access": "personal_token or revoked_token",
    "confirmed_addresses": "confirm_confirms or squatters",
    "experiments": "known_by_heart or owner_sees or started_listed or batch_is_noted",
    "guessing": "lock_the_owner or ends_copies or what_is_kept",
    "group": "agree or alone or end_it",
    "home": "popular or undo or rated",
    "letters": "mailed_link or changed_password",
    "mydata": "matched_by_id or watchlist or brought or deleting or holds or else",
    "owner": "",
    "site": "hidden or watchlist or registers or prediction_in_force",
    "statistics": "",
    "tmdb": "interruption",
    "transfer": "not training and not s3",
}
# What it looks for is in the session already, from finding out who is logged in.
WITHOUT_A_QUERY = {"group/routes.py _me"}


@pytest.mark.parametrize("name", SERVERS)
def test_each_function_that_holds_sql_is_run_on(name: str, tmp_path: Path) -> None:
    programs(name)
    ran = tmp_path / "ran"
    files = [f"tests/test_{part}.py" for part in TESTS]
    chosen = [
        f"(test_{part}.py and ({which}))" if which else f"test_{part}.py"
        for part, which in TESTS.items()
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-p", "tests.support.query_coverage", "-k", " or ".join(chosen), *files],
        cwd=ROOT,
        env={**os.environ, "MARQUEE_TEST_DATABASE": name, "MARQUEE_QUERIES": str(ran)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    missed = functions_with_sql() - set(ran.read_text().splitlines())
    assert missed == WITHOUT_A_QUERY
