"""What Java prints on this process's standard error, without lines that nobody can act on.

These are a warning about incubator modules, which no option turns off, and the traces of Spark's
Python workers whose task has ended before they: Java closes their socket, and they find a broken
pipe (pyspark/daemon.py, in ``worker`` and in ``manager``). While Spark starts everything is held
back: of a start that fails one line is enough.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread

STDERR = 2
INCUBATOR_WARNING = b"WARNING: Using incubator modules"
TRACE = b"Traceback (most recent call last):"
BEGINNINGS = (b"PySpark daemon failed to flush the output", TRACE)
# Within a trace, beside indented lines.
LINKS = (b"During handling of the above", b"The above exception was")
INSIDE = (b" ", TRACE, *LINKS)
BROKEN_PIPES = (b"BrokenPipeError", b"ConnectionResetError")
AFTERWARDS = (b" ", *LINKS, *BROKEN_PIPES)
# Seconds that the last lines of a Java that has ended may take.
PATIENCE = 3.0


class LineFilter:
    """Removes such lines from a stream that comes in pieces."""

    def __init__(self) -> None:
        self._unfinished = b""
        self._trace: list[bytes] = []
        self._dropped = False

    def feed(self, chunk: bytes) -> bytes:
        *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
        return b"".join(line + b"\n" for given in lines for line in self._shown(given))

    def end(self) -> bytes:
        """Return what is left."""
        rest = [*self._trace, self._unfinished] if self._unfinished else self._trace
        return b"\n".join(rest) + (b"" if self._unfinished or not rest else b"\n")

    def _shown(self, line: bytes) -> list[bytes]:
        if not self._trace:
            # What follows is between the traces of one error and the error before it, or the rest
            # of another worker's trace, whose lines came between those of the first.
            if self._dropped and (not line.strip() or line.startswith(AFTERWARDS)):
                return []
            self._dropped = False
            if line.startswith(BEGINNINGS):
                self._trace = [line]
                return []
            return [] if line.startswith(INCUBATOR_WARNING) else [line]
        self._trace.append(line)
        if not line.strip() or line.startswith(INSIDE):
            return []
        trace, self._trace = self._trace, []
        is_of_spark = any(b"pyspark" in text for text in trace)
        self._dropped = is_of_spark and line.startswith(BROKEN_PIPES)
        return [] if self._dropped else trace


class Output:
    """Lines on their way from Java to our standard error; held back until ``release``."""

    def __init__(self, writer: int):
        self._writer = writer
        self._held: list[bytes] | None = []
        self._ended = False
        self._lock = Lock()

    def write(self, text: bytes) -> None:
        with self._lock:
            if self._held is None:
                os.write(self._writer, text)
            else:
                self._held.append(text)

    def end(self) -> None:
        """Close standard error, or leave that to who releases what is held back."""
        with self._lock:
            self._ended = True
            if self._held is None:
                os.close(self._writer)

    def release(self) -> None:
        """Write what was held back, and from now on each line at once."""
        with self._lock:
            held, self._held = self._held or [], None
            if text := b"".join(held):
                os.write(self._writer, text)
            if self._ended:
                os.close(self._writer)

    def drop(self) -> str:
        """Return what was held back; write nothing of it, nor what still comes."""
        with self._lock:
            held, self._held = self._held or [], []
            return b"".join(held).decode(errors="replace")


@contextmanager
def java_stderr() -> Iterator[tuple[Output, Thread] | None]:
    """Filter what a Java that is started meanwhile prints. None if stderr is closed.

    A pipe is Java's stderr as long as it runs; the thread copies it to ours.
    """
    try:
        stderr = os.dup(STDERR)
    except OSError:
        yield None
        return
    reader, writer = os.pipe()
    os.dup2(writer, STDERR)
    os.close(writer)
    output = Output(os.dup(stderr))
    thread = Thread(target=_copy_lines, args=(reader, output), daemon=True)
    thread.start()
    try:
        yield output, thread
    finally:
        os.dup2(stderr, STDERR)
        os.close(stderr)


def held_back(started: tuple[Output, Thread] | None) -> str:
    """Return what a Java printed that did not start, once it has ended."""
    if started is None:
        return ""
    output, thread = started
    thread.join(PATIENCE)
    return output.drop()


def _copy_lines(reader: int, output: Output) -> None:
    """Copy lines until the last process that writes them has ended."""
    # Not by a file object, whose lock could be held when the interpreter ends.
    lines = LineFilter()
    with suppress(OSError):  # the terminal is gone
        while chunk := os.read(reader, 65536):
            output.write(lines.feed(chunk))
        output.write(lines.end())
    os.close(reader)
    output.end()
