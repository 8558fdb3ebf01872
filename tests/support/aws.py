"""AWS services on this machine: moto's server over real HTTP, and a proxy that injects faults."""

from __future__ import annotations

import http.client
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from tests.support.servers import PATIENCE, free_port, running


@contextmanager
def moto_server(
    log: Path, environ: Mapping[str, str] = MappingProxyType({}), module: str = "moto.server"
) -> Iterator[str]:
    """Run moto's server in its own process; yield its address once it responds.

    ``environ``: additional environment variables, such as ``MOTO_IAM_LOAD_MANAGED_POLICIES``.
    ``module``: the module to start, if moto needs extensions.
    """
    port = free_port()
    command = [sys.executable, "-m", module, "-H", "127.0.0.1", "-p", str(port)]
    with running(command, environ, port, "/moto-api/data.json", log) as address:
        yield address


def aws_environ(address: str) -> dict[str, str]:
    """Return the environment in which boto3 and AWS tools use the server at ``address``."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


# (method, path) → fault of this request: "" none, "error" 500, "hang" no response,
# "slow" a late response, "truncate" half of the body and then the end of the connection,
# "lie" half of the body, declared as complete.
Fault = Callable[[str, str], str]
SLOW_SECONDS = 1.0


class FaultProxy(ThreadingHTTPServer):
    """Relay requests to ``behind``, except those for which ``fault`` returns a fault.

    ``seen``: (method, path with query, status) of every relayed request.
    """

    daemon_threads = True

    def __init__(self, behind: str):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = urlsplit(behind).netloc
        self.fault: Fault = lambda _method, _path: ""
        self.seen: list[tuple[str, str, int]] = []
        self.closing = threading.Event()

    def break_next(self, method: str, fault: str, times: int) -> None:
        """Apply ``fault`` to the next ``times`` requests of a method, and to none after them."""
        left = [fault] * times
        self.fault = lambda asked, _path: left.pop() if asked == method and left else ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FaultProxy
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        body = self._body()
        fault = self.server.fault(self.command, self.path)
        if fault == "hang":
            self.server.closing.wait()
            self.close_connection = True
        elif fault == "error":
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            if fault == "slow":
                self.server.closing.wait(SLOW_SECONDS)
            self._answer(body, fault)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, body: bytes, fault: str) -> None:
        behind = http.client.HTTPConnection(self.server.behind, timeout=PATIENCE)
        headers = {k: v for k, v in self.headers.items() if k != "Expect"}
        behind.request(self.command, self.path, body, headers)
        answer = behind.getresponse()
        content = answer.read()
        behind.close()
        self.server.seen.append((self.command, self.path, answer.status))
        sent = content[: len(content) // 2] if fault in ("truncate", "lie") else content
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() == "content-length" and fault == "lie":
                self.send_header(name, str(len(sent)))
            elif name.lower() not in ("connection", "transfer-encoding", "server", "date"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)
        self.close_connection = fault == "truncate"

    def handle_expect_100(self) -> bool:
        return True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def fault_proxy(behind: str) -> Iterator[FaultProxy]:
    proxy = FaultProxy(behind)
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield proxy
    finally:
        proxy.closing.set()
        proxy.shutdown()
        thread.join()
        proxy.server_close()
