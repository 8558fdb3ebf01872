"""Checks the Java that Spark starts on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from recommender.errors import SetupError

JAVA_NEEDED = 17


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
