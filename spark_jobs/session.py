"""The one door to Spark: building a session, and moving frames to Python as Arrow."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
import zipfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from recommender.errors import SetupError
from recommender.storage.atomic_files import lock, remove_stale

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark import RDD, SparkContext
    from pyspark.sql import DataFrame, SparkSession

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("recommender", "spark_jobs")
JAVA_NEEDED = 17
SHIPPED = "marquee-jobs.zip"
TEMPORARY = "marquee-job-"
# Of macOS; Linux takes a few letters more.
LONGEST_SOCKET = 103
# MLlib chains the iterations of a fit, and Java follows such chains recursively.
JAVA_STACK = "-Xss16m"


def build_session(name: str = "marquee") -> SparkSession:
    """A session on the cluster that spark-submit chose, else on all cores of this machine.

    Raises SetupError where Java is missing or too old.
    """
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    # Without this Spark's workers start the system's python3, which has none of our packages.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if not submitted:
        check_java()
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        # Workers import the files themselves, beside which compiled kernels are kept.
        known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([str(ROOT), *filter(None, known)]))

    from pyspark.sql import SparkSession

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
        # The solver gathers factors; als.py checks that the driver's memory holds them.
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
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    if submitted and ROOT.is_dir():
        _ship_code(session)
    return session


def arrow_batches(frame: DataFrame, schema: pa.Schema) -> RDD[pa.RecordBatch]:
    """The frame's rows as Arrow record batches of ``schema``, on the workers.

    ``DataFrame.mapInArrow`` would do the same but insists on pandas, and returns to a frame.
    """
    import pyarrow as pa
    from pyspark import RDD
    from pyspark.serializers import NoOpSerializer

    packed: RDD[bytes] = RDD(
        frame._jdf.toArrowBatchRdd().toJavaRDD(), frame.sparkSession.sparkContext, NoOpSerializer()
    )
    return packed.map(lambda batch: pa.ipc.read_record_batch(pa.py_buffer(batch), schema))


def check_java() -> None:
    """Raises SetupError, saying what to install, where Spark would find no Java it can use."""
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
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    if not found or int(found.group(1)) < JAVA_NEEDED:
        which = found.group(1) if found else "of an unknown version"
        raise SetupError(f"{java} is Java {which}; Spark needs {JAVA_NEEDED} or newer; {remedy}")


def pack_code(target: Path) -> None:
    """Zip the packages that Spark's workers import, for ``--py-files``."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for package in PACKAGES:
            for path in sorted((ROOT / package).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    packed.write(path, path.relative_to(ROOT))


def on_one_machine(context: SparkContext) -> bool:
    """Whether driver and workers share this machine's files."""
    return str(context.master).startswith("local")


def temporary_folder() -> Path:
    """A folder that lives as long as the process; those of jobs that were killed go."""
    remove_stale(Path(tempfile.gettempdir()), f"{TEMPORARY}*")
    folder = Path(tempfile.mkdtemp(prefix=TEMPORARY))
    lock(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _scratch() -> Path:
    """Where Spark on this machine keeps what it spills; killed, it leaves that there."""
    return temporary_folder()


def _fits_sockets(folder: Path) -> bool:
    """Whether Unix domain sockets that Spark makes there have names of a length they may have."""
    return len(f"{folder}/.{uuid.UUID(int=0)}.sock") <= LONGEST_SOCKET


def _ship_code(session: SparkSession) -> None:
    """Workers import this code too, wherever the job was started from."""
    if any(path.endswith(f"/{SHIPPED}") for path in session.sparkContext.listFiles):
        return
    # Executors fetch the file from this path when they start, so it lives as long as the process.
    shipped = temporary_folder() / SHIPPED
    pack_code(shipped)
    session.sparkContext.addPyFile(str(shipped))


def _quiet_logging() -> str:
    """Java options that keep start-up chatter off the terminal; errors still show."""
    settings = Path(__file__).with_name("log4j2.properties")
    return f'"-Dlog4j2.configurationFile={settings}"' if settings.is_file() else ""


if __name__ == "__main__":
    pack_code(Path(sys.argv[1]))
