"""What the commands of the jobs share."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path

from recommender.errors import MarqueeError
from spark_jobs.datasets.obtain import obtain
from spark_jobs.training_set import tell

Main = Callable[[Sequence[str] | None], int]


def command(main: Main) -> Callable[..., int]:
    """Decorate a command: print a MarqueeError on one line, and return exit status 2."""

    @wraps(main)
    def checked(arguments: Sequence[str] | None = None) -> int:
        try:
            return main(arguments)
        except MarqueeError as error:
            tell(f"error: {error}")
            return 2

    return checked


def data_folders(named: list[str] | None) -> list[str]:
    """Return the folders that ``--data`` names, else one to begin with. Raises DataError."""
    return named or [str(obtain(Path("data"), tell))]


def command_line(module: str, arguments: Sequence[str] | None) -> str:
    """Return what runs the same again; no ``arguments``: those of this process."""
    given = sys.argv[1:] if arguments is None else arguments
    return shlex.join(["python", "-m", module, *given])
