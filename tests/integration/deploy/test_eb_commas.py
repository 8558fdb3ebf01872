"""What ``eb`` makes of values with commas: the advice of the deploy page."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.requirements import missing
from tests.support.site import ROOT

VALUES = ["MAIL_FROM=Marquee, Inc. <marquee@marquee.example>", "HOSTS=a.example, b.example"]
VALUES += ['SECRET_KEY=a=b,c"d#$e']
READ = """
import json, sys
from ebcli.operations import envvarops
values = json.loads(sys.argv[1])
added, removed = envvarops.create_environment_variables_list(values)
try:
    split = envvarops.sanitize_environment_variables_from_customer_input(",".join(values))
except Exception as error:
    split = type(error).__name__
print(json.dumps([{o["OptionName"]: o["Value"] for o in added}, removed, split]))
"""


@pytest.fixture(scope="module")
def eb() -> Path:
    """The Python of the environment that has ``eb``."""
    python = ROOT / ".tools" / "eb" / "bin" / "python"
    if not python.exists():
        missing("eb", ".ci/ensure eb")
    return python


def test_eb_setenv_keeps_commas_and_create_splits_at_them(eb: Path) -> None:
    done = subprocess.run(
        [eb, "-c", READ, json.dumps(VALUES)], capture_output=True, text=True, check=True
    )
    added, removed, split = json.loads(done.stdout)
    assert added == dict(value.split("=", 1) for value in VALUES)
    assert removed == []
    assert split == "InvalidSyntaxError"
