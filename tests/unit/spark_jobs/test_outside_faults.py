"""Faults outside of Marquee are told apart, each in one line, without a Java trace."""

from __future__ import annotations

import hashlib
import io
import os
import ssl
import subprocess
import sys
import threading
import urllib.error
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from itertools import zip_longest
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from recommender.errors import DataError, SetupError
from spark_jobs.command import command
from spark_jobs.datasets import obtain as obtaining
from spark_jobs.datasets.obtain import obtain
from spark_jobs.java import check_python
from spark_jobs.java_stderr import LineFilter, held_back, java_stderr
from tests.support.site import ROOT

NEWER_JAVA = """#!/bin/sh
case "$*" in
*-version*) echo 'openjdk version "99" 2040-01-01' >&2; exit 0 ;;
esac
echo 'Exception in thread "main" java.lang.UnsupportedOperationException: getSubject' >&2
echo '	at java.base/javax.security.auth.Subject.getSubject(Subject.java:277)' >&2
exit 1
"""
TRACES = {
    "flush": """PySpark daemon failed to flush the output to the worker process:
Traceback (most recent call last):
  File "/x/pyspark/daemon.py", line 95, in worker
    outfile.flush()
BrokenPipeError: [Errno 32] Broken pipe

""",
    "manager": """Traceback (most recent call last):
  File "/x/pyspark/daemon.py", line 257, in manager
    code = worker(sock, authenticated)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^
ConnectionResetError: [Errno 104] Connection reset by peer

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/x/pyspark/daemon.py", line 270, in manager
    outfile.flush()
BrokenPipeError: [Errno 32] Broken pipe
""",
}
# Two workers whose lines are mixed.
TRACES["mixed"] = "".join(
    f"{one}\n{other}\n"
    for one, other in zip_longest(
        TRACES["flush"].splitlines(), TRACES["manager"].splitlines()[:5], fillvalue=""
    )
)
OTHERS = (
    'Traceback (most recent call last):\n  File "x/pyspark/daemon.py"\nMemoryError\n\nmore\n',
    'Traceback (most recent call last):\n  File "ours.py"\nBrokenPipeError: [Errno 32]\n',
    "one line\n\n",
    "no end",
    'Traceback (most recent call last):\n  File "ours.py"\n',
)


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("name", TRACES)
def test_broken_pipe_of_sparks_daemon_is_removed_however_it_arrives(name: str, size: int) -> None:
    text = f"before\n{TRACES[name]}after\n".encode()
    lines = LineFilter()
    pieces = [lines.feed(text[at : at + size]) for at in range(0, len(text), size)]
    assert b"".join(pieces) + lines.end() == b"before\nafter\n"


@pytest.mark.parametrize("text", OTHERS)
def test_everything_else_is_kept(text: str) -> None:
    lines = LineFilter()
    assert lines.feed(text.encode()) + lines.end() == text.encode()


def test_output_of_java_is_shown_after_a_start_without_the_warning(
    capfd: pytest.CaptureFixture[str],
) -> None:
    script = "echo WARNING: Using incubator modules: x >&2; echo kept >&2; printf end >&2"
    with java_stderr() as started:
        subprocess.run(["sh", "-c", script], check=True)
    assert started
    started[0].release()
    started[1].join()
    assert capfd.readouterr().err == "kept\nend"


def test_output_of_java_is_held_back_when_it_does_not_start(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with java_stderr() as started:
        subprocess.run(["sh", "-c", "echo trace >&2"], check=True)
    assert held_back(started) == "trace\n"
    assert capfd.readouterr().err == ""


def run_train(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    (folder / "data").mkdir()
    (folder / "data" / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,5,1\n")
    (folder / "data" / "movies.csv").write_text("movieId,title,genres\n1,One (1999),Drama\n")
    return subprocess.run(
        [sys.executable, "-m", "spark_jobs.train", "--data", folder / "data"],
        cwd=ROOT,
        env={**os.environ, "RELEASES": str(folder / "releases"), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_java_that_is_too_new_is_one_line_and_status_2(tmp_path: Path) -> None:
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(NEWER_JAVA)
    java.chmod(0o755)
    done = run_train(tmp_path, JAVA_HOME=str(tmp_path / "jdk"))
    assert done.returncode == 2
    lines = (done.stdout + done.stderr).splitlines()
    [error] = [line for line in lines if "error: " in line]
    assert "does not start on Java 99 (" in error
    assert "getSubject" in error
    assert "it runs on Java 17" in error
    assert not [line for line in lines if line.startswith(("\tat", "Traceback", "Exception"))]


def test_worker_with_another_python_is_one_line_and_status_2(tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\necho 3.8\n")
    other.chmod(0o755)
    done = run_train(tmp_path, PYSPARK_PYTHON=str(other))
    assert done.returncode == 2
    lines = (done.stdout + done.stderr).splitlines()
    [error] = [line for line in lines if "error: " in line]
    assert f"PYSPARK_PYTHON={other} is Python 3.8, and this is 3." in error
    assert not [line for line in lines if line.startswith(("\tat", "Traceback"))]


def test_check_python_names_a_program_that_is_missing(tmp_path: Path) -> None:
    check_python(sys.executable)
    with pytest.raises(SetupError, match=r"No such file or directory; unset PYSPARK_PYTHON"):
        check_python(str(tmp_path / "python"))


def test_mismatch_on_a_cluster_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    from pyspark.errors import PySparkRuntimeError

    @command
    def job(_arguments: object) -> int:
        raise PySparkRuntimeError("[PYTHON_VERSION_MISMATCH] Python in worker\n\tat org.apache")

    assert job([]) == 2
    output = "".join(capsys.readouterr())
    assert output.count("\n") == 1
    assert "the cluster's workers run another Python" in output


class Handler(BaseHTTPRequestHandler):
    content = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    served = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {}))
    thread = threading.Thread(target=served.serve_forever, args=(0.05,))
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


def expired(folder: Path) -> ssl.SSLContext:
    """Return a context with a certificate for 127.0.0.1 that has expired, and trust it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "files")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now - timedelta(days=1))
        .add_extension(address, False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(
        certificate.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem")
    return context


def test_expired_certificate_is_not_no_network(
    tmp_path: Path, server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.socket = expired(tmp_path).wrap_socket(server.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    output: list[str] = []
    address = f"https://127.0.0.1:{server.server_port}/ml-latest-small.zip"
    folder = obtain(tmp_path / "data", output.append, address)
    assert folder == tmp_path / "data" / "sample"
    assert "127.0.0.1 answers, but its certificate is at fault (certificate has" in output[1]
    assert "the network is there" in output[1]
    assert "Set MOVIELENS_URL" in output[1]


def mirror_of(server: ThreadingHTTPServer, content: bytes) -> str:
    server.RequestHandlerClass.content = content  # type: ignore[attr-defined]
    return f"http://127.0.0.1:{server.server_port}/copy.zip"


def test_mirror_is_used_when_its_archive_is_the_published_one(
    tmp_path: Path, server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed, files = io.BytesIO(), {name: name.encode() for name in obtaining.FILES}
    with zipfile.ZipFile(packed, "w") as target:
        for name, content in files.items():
            target.writestr(f"ml-latest-small/{name}", content)
    monkeypatch.setenv("MOVIELENS_URL", mirror_of(server, packed.getvalue()))
    pinned = {n: hashlib.sha256(files[n]).hexdigest() for n in obtaining.CHECKSUMS}
    monkeypatch.setattr(obtaining, "CHECKSUMS", pinned)
    with pytest.raises(DataError, match=r"^MOVIELENS_URL=.* is not the published archive"):
        obtain(tmp_path, lambda _line: None)
    assert list(tmp_path.iterdir()) == []
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    monkeypatch.setattr(obtaining, "ARCHIVE_SHA256", digest)
    assert obtain(tmp_path, lambda _line: None) == tmp_path / "ml-latest-small"


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/x.zip", "nowhere", "ftp:x"])
def test_mirror_that_does_not_answer_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("MOVIELENS_URL", address)
    with pytest.raises(DataError, match=r"^MOVIELENS_URL="):
        obtain(tmp_path, lambda _line: None)


def test_no_network_is_still_no_network() -> None:
    error = urllib.error.URLError(OSError("Name or service not known"))
    assert "cannot be downloaded here" in obtaining._advice("https://x.example", error.reason)
