"""Send HTTP requests over persistent connections, in its own process; print JSON.

    python -m benchmarks.sender < JOB.json

Closed loop (no ``rate``): each connection sends the next request after the response. Open loop:
requests are due at a fixed rate, regardless of earlier ones, and latency counts from the time when
the request was due, so that requests delayed by a stalled server are included.

wrk and hey do not replace it: neither sends many addresses at a fixed total rate and reports each
request, which the latencies during a swap need.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import count

import numpy as np

# Seconds to start all threads.
START = 0.2


@dataclass(frozen=True)
class Job:
    """``requests``: raw, sent in turn, repeatedly. ``rate``: requests per second."""

    port: int
    requests: Sequence[str]
    connections: int
    seconds: float
    rate: float | None = None


@dataclass
class Outcome:
    """``due``: when each request was due or sent, on the clock that all processes share (seconds);
    ``took``: seconds until the response was read. ``processor``: processor seconds of the sender.
    """

    began: float
    due: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    processor: float = 0.0

    def milliseconds(self, percent: float) -> float:
        return 1000 * float(np.percentile(self.took, percent))

    @property
    def a_second(self) -> float:
        ended = max(due + took for due, took in zip(self.due, self.took, strict=True))
        return len(self.took) / (ended - self.began)


class Connection:
    """A local connection, opened for the first request and reopened if the server closed it.

    It is not opened earlier, because a gunicorn thread would wait for its first request.
    """

    def __init__(self, port: int):
        self._port = port
        self._socket: socket.socket | None = None

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket:
            self._socket.close()

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; return status and body."""
        if self._socket:
            try:
                return _ask(self._socket, request)
            except ConnectionError:
                self._socket.close()
        self._socket = self._open()
        return _ask(self._socket, request)

    def _open(self) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened


def _ask(connection: socket.socket, request: bytes) -> tuple[int, bytes]:
    connection.sendall(request)
    answer = _more(connection)
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += _more(connection)
    head, body = answer[:end], answer[end + 4 :]
    start = head.lower().index(b"content-length:") + 15
    length = int(head[start:].split(b"\r\n", 1)[0])
    while len(body) < length:
        body += _more(connection)
    return int(head[9:12]), body


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(1 << 18)
    if not received:
        raise ConnectionResetError("the server closed the connection")
    return received


def send(job: Job, stopped: threading.Event | None = None) -> Outcome:
    """Send for ``job.seconds``, or until ``stopped``, and wait for pending responses."""
    requests = [request.encode() for request in job.requests]
    outcome = Outcome(time.monotonic() + START)
    numbers, statuses = count(), Counter[str]()

    def one_connection() -> None:
        with Connection(job.port) as connection:
            send_what_is_due(connection)

    def send_what_is_due(connection: Connection) -> None:
        _sleep_until(outcome.began)
        for number in numbers:
            due = outcome.began + number / job.rate if job.rate else time.monotonic()
            if due >= outcome.began + job.seconds or (stopped and stopped.is_set()):
                return
            _sleep_until(due)
            status, _ = connection.ask(requests[number % len(requests)])
            took = time.monotonic() - due
            outcome.due.append(due)
            outcome.took.append(took)
            statuses[str(status)] += 1

    threads = [threading.Thread(target=one_connection) for _ in range(job.connections)]
    before = time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcome.processor = time.process_time() - before
    outcome.statuses = dict(statuses)
    return outcome


def _sleep_until(moment: float) -> None:
    if (left := moment - time.monotonic()) > 0:
        time.sleep(left)


def main() -> None:
    # Short switch interval: a thread records the time as soon as its response arrives.
    sys.setswitchinterval(0.0005)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    json.dump(asdict(send(Job(**json.load(sys.stdin)), stopped)), sys.stdout)


if __name__ == "__main__":
    main()
