"""Builds a Spark session, on a cluster or on this machine."""

from __future__ import annotations

import os
import sys
import uuid
from functools import cache
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from recommender.errors import SetupError
from spark_jobs.java import check_java, check_python, does_not_start
from spark_jobs.java_stderr import held_back, java_stderr
from spark_jobs.job_archive import ROOT, ship_code
from spark_jobs.temporary_folders import temporary_folder

# The limit of macOS; that of Linux is slightly higher.
LONGEST_SOCKET = 103
# MLlib chains the iterations of a fit, and Java follows such chains recursively.
JAVA_STACK = "-Xss16m"


def build_session(name: str = "marquee") -> SparkSession:
    """A session on the cluster that spark-submit chose, else on all cores of this machine.

    Raises SetupError where Java is missing, too old, or too new for this Spark, and where workers
    would run another Python.
    """
    submitted = is_submitted()
    # Without this Spark's workers start the system's python3, which has none of our packages.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if not submitted:
        check_java()
        check_python(os.environ["PYSPARK_PYTHON"])
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        # Workers import the files themselves, beside which compiled kernels are kept.
        known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([str(ROOT), *filter(None, known)]))

    builder = (
        SparkSession.builder.appName(name)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "1000000")
        # Arrays of numbers hardly shrink, and workers read them at the speed of memory.
        .config("spark.rdd.compress", "false")
        .config("spark.broadcast.compress", "false")
        .config("spark.shuffle.compress", "false")
        .config("spark.python.unix.domain.socket.enabled", "true")
        # The solver gathers factors; als/solver.py checks that the driver's memory holds them.
        .config("spark.driver.maxResultSize", "0")
    )
    if not submitted:
        builder = (
            builder.master("local[*]")
            .config("spark.driver.memory", "4g")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", str(2 * (os.cpu_count() or 1)))
            .config("spark.local.dir", str(_scratch()))
            .config("spark.python.unix.domain.socket.enabled", _fits_sockets(_scratch()))
            .config(
                "spark.driver.extraJavaOptions",
                f'{JAVA_STACK} "-Djava.io.tmpdir={_scratch()}" {_quiet_logging()}',
            )
        )
    session = _start(builder)
    session.sparkContext.setLogLevel("ERROR")
    if submitted and ROOT.is_dir():
        ship_code(session.sparkContext)
    return session


def is_submitted() -> bool:
    """Return whether spark-submit started this process, perhaps for a cluster."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _start(builder: SparkSession.Builder) -> SparkSession:
    """Raises SetupError in one line, without what Java prints, where Spark does not start."""
    session = failure = None
    with java_stderr() as started:
        try:
            session = builder.getOrCreate()
        except (PySparkException, Py4JError) as error:
            failure = error
    if session is None:
        raise SetupError(does_not_start(f"{failure}\n{held_back(started)}")) from failure
    if started:
        started[0].release()
    return session


@cache
def _scratch() -> Path:
    """Return the folder for what Spark spills here; a killed Spark leaves files in it."""
    return temporary_folder()


def _fits_sockets(folder: Path) -> bool:
    """Return whether the names of Spark's Unix domain sockets in the folder are short enough."""
    return len(f"{folder}/.{uuid.UUID(int=0)}.sock") <= LONGEST_SOCKET


def _quiet_logging() -> str:
    """Java options that keep start-up chatter off the terminal; errors still show."""
    settings = Path(__file__).with_name("log4j2.properties")
    return f'"-Dlog4j2.configurationFile={settings}"' if settings.is_file() else ""
