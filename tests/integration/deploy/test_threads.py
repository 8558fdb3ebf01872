"""Threads of a worker: only ours, none of the BLAS library."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.site import settings

ROOT = Path(__file__).resolve().parents[3]
MULTIPLY = """
import os
import application
import numpy as np
np.ones((2000, 2000)) @ np.ones((2000, 2000))
print(len(os.listdir("/proc/self/task")), os.environ["OPENBLAS_NUM_THREADS"])
"""


def test_entry_point_limits_blas_to_the_calling_thread(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if "BLAS" not in name}
    output = subprocess.run(
        [sys.executable, "-c", MULTIPLY],
        cwd=ROOT,
        env={**environ, **settings(tmp_path / "site.db", tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert output.stdout.split() == ["1", "1"]
