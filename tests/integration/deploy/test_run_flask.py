"""`.platform/run_flask.py`: flask with an environment's settings, whatever characters they hold."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.site import ROOT

SETTINGS = {
    "MAIL_FROM": "Marquee <marquee@marquee.example>",
    "SECRET_KEY": "a b'c\"d#e$HOME,f: g=h`i`\\j|k;&*",
    "HOSTS": "  one.example two.example ",
    "TMDB_API_KEY": "ü\nsecond line",
    "EMPTY": "",
}
# Prints its arguments, its folder and the settings as it got them.
FLASK = f"""#!{sys.executable}
import json, os, sys
settings = {{name: os.environ.get(name) for name in {list(SETTINGS)}}}
print(json.dumps([sys.argv[1:], os.getcwd(), settings, os.environ["PATH"]]))
"""
SUDO = f"#!{sys.executable}\nimport sys\nassert sys.argv[1:] == {{command}}\nprint({{printed!r}})\n"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script on an instance whose ``/var/app`` is a temporary folder."""
    script = tmp_path / "current" / ".platform" / "run_flask.py"
    script.parent.mkdir(parents=True)
    text = (ROOT / ".platform" / "run_flask.py").read_text()
    script.write_text(text.replace("/var/app", str(tmp_path)))
    command = ["/opt/elasticbeanstalk/bin/get-config", "environment"]
    programs = {
        "bin/sudo": SUDO.format(command=command, printed=json.dumps(SETTINGS)),
        "venv/staging-LQM1lest/bin/flask": FLASK,
    }
    for name, program in programs.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(program)
        (tmp_path / name).chmod(0o755)
    return script


def test_run_flask_passes_settings_and_arguments_unchanged(script: Path, tmp_path: Path) -> None:
    path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
    done = subprocess.run(
        [sys.executable, script, "set-role", "Ann O'Hara", "owner"],
        env={"PATH": path, "MAIL_FROM": "of the shell"},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [
        ["set-role", "Ann O'Hara", "owner"],
        str(tmp_path / "current"),
        SETTINGS,
        path,
    ]
