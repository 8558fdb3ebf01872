"""What the commands of the jobs share."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from recommender.errors import DataError, MarqueeError
from spark_jobs.config.configuration import Config
from spark_jobs.datasets.obtain import obtain
from spark_jobs.filesystem import is_address
from spark_jobs.java import MISMATCH
from spark_jobs.session import is_submitted
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
        except (PySparkException, Py4JError) as error:
            if MISMATCH not in str(error):
                raise
            tell(
                "error: the cluster's workers run another Python than this job; send this one with"
                " `make cluster-env` and --archives, or set spark.pyspark.python"
            )
            return 2

    return checked


def data_folders(named: list[str] | None, settings: Config) -> list[str]:
    """Return the folders that ``--data`` names, else the file that describes a catalogue, else a
    folder to begin with. Raises DataError."""
    check_folders(named or [])
    if named:
        return named
    return [settings.own.path] if settings.own else [str(obtain(Path("data"), tell))]


def check_folders(folders: Iterable[str]) -> None:
    """Raise DataError for a folder that is not on this machine, before Spark starts.

    Addresses are not checked; nor are folders under spark-submit, which may be in HDFS.
    """
    if is_submitted():
        return
    for folder in folders:
        if is_address(folder):
            continue
        if not Path(folder).exists():
            raise DataError(f"{folder}: no such folder; give one that holds a ratings data set")
        if not Path(folder).is_dir():
            raise DataError(f"{folder}: is a file; give the folder that holds the data set")


def command_line(module: str, arguments: Sequence[str] | None) -> str:
    """Return what runs the same again; no ``arguments``: those of this process."""
    given = sys.argv[1:] if arguments is None else arguments
    return shlex.join(["python", "-m", module, *given])
