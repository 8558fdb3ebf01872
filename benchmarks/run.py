"""Run the requested parts, and write their results to RESULTS.md and RESULTS.json.

    PARTS="fitting serving" SIZES="1m 10m 25m" REPEATS=3 python -m benchmarks.run

Serving uses the factors fitted at the largest size. Ratios compare figures of one run only, because
speed differs between machines and from hour to hour.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks import results
from benchmarks.fitting import fitting
from benchmarks.generate import SIZES
from benchmarks.serving import serving

HERE = Path(__file__).parent
PARTS = {"fitting": fitting, "serving": serving}


def main(folder: Path = HERE) -> None:
    sizes, parts = _asked("SIZES", "1m 10m 25m", SIZES), _asked("PARTS", " ".join(PARTS), PARTS)
    for part in parts:
        with tempfile.TemporaryDirectory(prefix="marquee-bench-") as scratch:
            section = PARTS[part](Path(scratch), sizes)
        results.write(folder, part, section)
        print("\n".join(section.lines))


def _asked(name: str, default: str, known: Mapping[str, object]) -> list[str]:
    asked = os.environ.get(name, default).split()
    if unknown := set(asked) - set(known):
        sys.exit(f"{name}: {unknown.pop()!r} is none of {', '.join(known)}")
    return asked


if __name__ == "__main__":
    main()
