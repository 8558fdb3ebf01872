"""A Spark standalone cluster on this machine, and the environment that jobs are submitted from."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyspark

from tests.support.java_options import BRISK
from tests.support.servers import free_port

PYSPARK = Path(pyspark.__file__).parent
PATIENCE = 240.0
SMALL = (
    *("--conf", "spark.sql.shuffle.partitions=2", "--conf", "spark.ui.enabled=false"),
    *("--conf", f"spark.executor.extraJavaOptions={BRISK}"),
)


@dataclass(frozen=True)
class Cluster:
    """A running cluster: the ``folder`` of its workers, and the address of its ``master``."""

    folder: Path
    master: str


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a person who activated the virtual environment of the tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    java = {"JAVA_HOME": os.environ["JAVA_HOME"]} if "JAVA_HOME" in os.environ else {}
    brisk = {"SPARK_SUBMIT_OPTS": BRISK, "SPARK_DAEMON_JAVA_OPTS": BRISK}
    return {"PATH": path, "HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", **brisk, **java}


@contextmanager
def standalone_cluster(folder: Path, environ: Mapping[str, str], workers: int = 1) -> Iterator[str]:
    """Yield the address of a master whose workers have two cores in total.

    They run in ``folder`` with the variables ``environ``.
    """
    port, page = free_port(), free_port()
    master = f"spark://127.0.0.1:{port}"
    started: list[subprocess.Popen[bytes]] = []

    def start(role: str, *arguments: str) -> None:
        command = [PYSPARK / "bin" / "spark-class", f"org.apache.spark.deploy.{role}", *arguments]
        with (folder / f"{role}.log").open("a") as log:
            started.append(
                subprocess.Popen(
                    [*command, "--host", "127.0.0.1"],
                    cwd=folder,
                    env=dict(environ),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )

    try:
        start("master.Master", "--port", str(port), "--webui-port", str(page))
        limits = ("--cores", str(2 // workers), "--memory", "1g", "--work-dir", f"{folder}/work")
        for _ in range(workers):
            start("worker.Worker", "--webui-port", str(free_port()), *limits, master)
        wait_for_workers(f"http://127.0.0.1:{page}/json/", workers, started)
        yield master
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(timeout=PATIENCE)


def executors(folder: Path) -> set[int]:
    """Return the processes in which the workers of a cluster in ``folder`` run jobs."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # the process has ended
            if (process / "cwd").readlink().is_relative_to(folder / "work"):
                command = (process / "cmdline").read_bytes()
                found |= (
                    {int(process.name)} if b"CoarseGrainedExecutorBackend" in command else set()
                )
    return found


def wait_for_workers(page: str, count: int, started: list[subprocess.Popen[bytes]]) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and all(process.poll() is None for process in started):
        try:
            with direct.open(page, timeout=5) as answer:
                if f'"aliveworkers" : {count}'.encode() in answer.read():
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.2)
    raise AssertionError("the cluster did not start")
