"""Checks the Java and the Python that Spark starts on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyspark

from recommender.errors import SetupError

JAVA_NEEDED = 17


# Of a Java that is too new, or lacks what Spark calls; the first line that has one says enough.
_REASON = re.compile(r"[^\n]*(?:Error|Exception)\b[^\n]*")
_OURS = "%d.%d" % sys.version_info[:2]  # noqa: UP031
MISMATCH = "PYTHON_VERSION_MISMATCH"


def check_python(program: str) -> None:
    """Raise SetupError if the workers' ``program`` is another Python than this one."""
    remedy = "unset PYSPARK_PYTHON, or let it name the Python of this environment"
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run(  # the Python that Spark takes  # noqa: S603  # nosec B603
            [program, "-c", code], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise SetupError(f"PYSPARK_PYTHON={program}: {error.strerror}; {remedy}") from error
    if (version := answer.stdout.strip()) != _OURS:
        found = f"Python {version}" if version else "not Python"
        raise SetupError(f"PYSPARK_PYTHON={program} is {found}, and this is {_OURS}; {remedy}")


def does_not_start(output: str) -> str:
    """Return in one line why Spark did not start, from its exception and what Java printed."""
    java = _java_version() or "this Java"
    lines = [line for line in _REASON.findall(output) if "JAVA_GATEWAY_EXITED" not in line]
    reason = f" ({' '.join(lines[0].split())[:200]})" if lines else ""
    return (
        f"Spark {pyspark.__version__} does not start on {java}{reason}; it runs on Java"
        f" {JAVA_NEEDED}: install that and let JAVA_HOME name it"
    )


def _java_version() -> str | None:
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if java is None:
        return None
    answer = subprocess.run(  # noqa: S603  # nosec B603
        [java, "-version"], capture_output=True, text=True, check=False
    )
    match = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return f"Java {match.group(1)}" if match else None


def check_java() -> None:
    """Raise SetupError, saying what to install, if Spark would find no suitable Java."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    remedy = f"install it (Debian, Ubuntu: apt-get install openjdk-{JAVA_NEEDED}-jre-headless)"
    if java is None or not Path(java).exists():
        raise SetupError(f"Spark needs Java {JAVA_NEEDED} or newer and found none; {remedy}")
    try:
        answer = subprocess.run(  # the Java that Spark takes  # noqa: S603  # nosec B603
            [java, "-version"], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise SetupError(f"{java} cannot be run ({error.strerror}); {remedy}") from error
    match = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    if not match or int(match.group(1)) < JAVA_NEEDED:
        which = match.group(1) if match else "of an unknown version"
        raise SetupError(f"{java} is Java {which}; Spark needs {JAVA_NEEDED} or newer; {remedy}")
