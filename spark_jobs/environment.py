"""Packs what a cluster's nodes need to run the jobs, for ``spark-submit --archives``.

    python -m spark_jobs.environment dist/environment.tar.gz

This Python itself, its standard library, and requirements-spark.txt without pyspark, which the
cluster has. A node then needs neither Python nor packages, only the same architecture and a C
library no older than that of the machine that packed it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROVIDED = "pyspark"  # by the cluster, in its own version
# pip's and Debian's own packages, and what no job imports.
LEFT_OUT = (
    *("site-packages", "dist-packages", "__pycache__", "config-*"),
    *("test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3"),
)
# Spark calls it by a path of the node's own, so everything is found beside it. Spark's own
# PYTHONPATH goes first.
PYTHON = """#!/bin/sh
here=$(cd "$(dirname "$0")/.." && pwd)
export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}$here/packages"
exec "$here/bin/interpreter" "$@"
"""


def pack_environment(target: Path) -> None:
    """Write ``target`` (.tar.gz) atomically."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        folder = Path(temporary, "environment")
        _copy_python(folder)
        _install(folder)
        packed = Path(temporary, target.name)
        with tarfile.open(packed, "w:gz", compresslevel=3) as archive:
            archive.add(folder, ".")
        packed.replace(target)


def requirements() -> str:
    """Return what nodes need of requirements-spark.txt, with the hashes of the files."""
    text = (ROOT / "requirements-spark.txt").read_text(encoding="utf-8")
    packages = re.findall(r"^[A-Za-z0-9].*(?:\n +.*)*", text, re.MULTILINE)
    return "".join(f"{package}\n" for package in packages if not package.startswith(PROVIDED))


def _copy_python(folder: Path) -> None:
    (folder / "bin").mkdir(parents=True)
    (folder / "lib").mkdir()
    # An environment's own is a link to it.
    shutil.copy2(Path(sys.executable).resolve(), folder / "bin" / "interpreter")
    stdlib = Path(sysconfig.get_path("stdlib"))
    place = folder / stdlib.relative_to(sys.base_prefix)
    shutil.copytree(
        stdlib, place, ignore=shutil.ignore_patterns(*LEFT_OUT), ignore_dangling_symlinks=True
    )
    library = Path(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME"))
    if sysconfig.get_config_var("Py_ENABLE_SHARED") and library.exists():
        shutil.copy2(library, folder / "lib")
    start = folder / "bin" / "python"
    start.write_text(PYTHON, encoding="utf-8")
    start.chmod(0o755)


def _install(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    target = ["--target", str(folder / "packages")]
    wanted = folder / "requirements.txt"
    wanted.write_text(requirements(), encoding="utf-8")
    command = [*pip, *target, "-r", str(wanted)]
    subprocess.run(command, check=True)  # our own command  # noqa: S603  # nosec B603


if __name__ == "__main__":
    pack_environment(Path(sys.argv[1]))
