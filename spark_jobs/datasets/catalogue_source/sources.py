"""Opens the tables of a catalogue as frames, by Spark's own readers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from recommender.errors import DataError
from recommender.storage import s3
from spark_jobs.datasets.catalogue_source.description import FromEnvironment, Option, Table
from spark_jobs.filesystem import exactly, is_address, on_one_machine, reason_of
from spark_jobs.temporary_folders import temporary_folder

ARROW_ROWS = "spark.sql.execution.arrow.maxRecordsPerBatch"
# Quotation marks are doubled, as RFC 4180, spreadsheets and pandas do; Spark expects backslashes.
CSV_OPTIONS: Mapping[str, Option] = {"header": True, "escape": '"'}
JDBC_OPTIONS: Mapping[str, Option] = {"preferTimestampNTZ": True, "fetchsize": 10_000}
# Java finds a driver that was given to Spark by the name of its class alone.
DRIVERS = {
    "postgresql": "org.postgresql.Driver",
    "mysql": "com.mysql.cj.jdbc.Driver",
    "mariadb": "org.mariadb.jdbc.Driver",
    "sqlserver": "com.microsoft.sqlserver.jdbc.SQLServerDriver",
    "oracle": "oracle.jdbc.OracleDriver",
}
REMEDIES = {
    "jdbc": "check url, table, user and password, and give Spark the database's driver:"
    " --packages, or its jar by --jars",
    "avro": "give Spark its Avro package: --packages org.apache.spark:spark-avro_2.13:VERSION",
}
LONGEST_REASON = 300
# Of Spark 3.5 and 4.
MISSING = re.compile(
    r"\[PATH_NOT_FOUND\] Path does not exist: (.+?)\.?(?: SQLSTATE.*)?$", re.MULTILINE
)


def session_of(spark: SparkSession, timezone: str) -> SparkSession:
    """Return a session in which times that name no time zone are of ``timezone``."""
    session = spark.newSession()
    session.conf.set("spark.sql.session.timeZone", timezone)
    session.conf.set(ARROW_ROWS, spark.conf.get(ARROW_ROWS) or "")
    # What cannot be read is null, and counted, on every version of Spark.
    session.conf.set("spark.sql.ansi.enabled", "false")
    return session


def open_table(
    session: SparkSession, table: Table, folder: Path, defaults: Mapping[str, Option]
) -> DataFrame:
    """Open a table without reading its rows. ``folder``: of relative paths. ``defaults``: options
    of the format that the table's own replace.

    Raises DataError where Spark cannot open it, ConfigError for a variable that is not set.
    """
    beside = {"csv": CSV_OPTIONS, "jdbc": JDBC_OPTIONS}.get(table.kind, {})
    options = {**beside, **defaults, **_connection(table), **table.options}
    reader = session.read.format(table.kind)
    for name, value in options.items():
        where = f"{table.shown}, {name}"
        read = value.read(where) if isinstance(value, FromEnvironment) else value
        reader = reader.option(name, read)
    with readable(table):
        if table.kind == "jdbc":
            return reader.load()
        return reader.load([_place(session, path, folder) for path in table.paths])


def _connection(table: Table) -> dict[str, Option]:
    named = {"url": table.url, "dbtable": table.table, "query": table.query, "user": table.user}
    named["driver"] = DRIVERS.get(table.url.removeprefix("jdbc:").split(":")[0], "")
    options = {name: value for name, value in named.items() if value}
    if table.password:
        options["password"] = table.password
    return options


@contextmanager
def readable(table: Table) -> Iterator[None]:
    """Raise DataError in place of what Spark raises where it cannot read a table."""
    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        if missing := MISSING.search(str(error)):
            raise DataError(
                f"{table.shown}: there is nothing at {missing[1]}; correct `path`, which starts at"
                " the configuration's folder, or put the file there"
            ) from None
        remedy = REMEDIES.get(table.kind, "check the path and the format")
        raise DataError(
            f"{table.shown}: Spark cannot read it ({_reason(error, table)}); {remedy}"
        ) from None  # whose text may hold a password


def _reason(error: Exception, table: Table) -> str:
    """Return the innermost cause in one line, without secrets."""
    # PySpark has no public way to the causes of what Java raised; seen to work with 3.5 and 4.
    while cause := getattr(error, "_cause", None):
        error = cause
    text = str(getattr(error, "java_exception", None) or error)
    causes: list[str] = re.findall(r"(?:Caused by: |Exception: )([^\n]+)", text)
    reason = causes[-1] if causes else reason_of(error)
    if reason.strip() in DRIVERS.values():
        reason = f"Java has no class {reason.strip()}"
    for value in (table.password, *table.options.values()):
        if isinstance(value, FromEnvironment):
            reason = reason.replace(value.read(table.shown), f"${value.env}")
    return reason[:LONGEST_REASON].strip()


def _place(session: SparkSession, path: str, folder: Path) -> str:
    """Return where Spark finds a path of the file: below its folder, in S3, or anywhere."""
    if s3.is_address(path) and on_one_machine(session.sparkContext):
        return _copy_from_s3(path)
    if is_address(path):
        return path
    if (folder / Path(path).expanduser()).exists():
        return exactly(str((folder / Path(path).expanduser()).absolute()))
    return path if Path(path).is_absolute() else f"{exactly(str(folder.absolute()))}/{path}"


def _copy_from_s3(address: str) -> str:
    """Copy a file or folder that Spark cannot read by itself; it lives as long as the process."""
    name = address.rstrip("/").rsplit("/", 1)[-1]
    copy = temporary_folder() / name
    fetch: Callable[[str, Path], Any] = s3.download if "." in name else s3.download_folder
    fetch(address, copy)
    return exactly(str(copy))
