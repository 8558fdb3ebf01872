"""Freed memory is returned to the operating system, measured in a separate process."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc's, and /proc")

# Each piece is far below the size for which the C library uses mmap.
NEED_MUCH_FOR_A_MOMENT = """
import ctypes, mmap, tempfile, threading
from pathlib import Path
from app.observability.memory import give_back, share_heaps

THREADS, PIECES, BYTES = 8, 1000, 10_000
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.fopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE

def heaps():
    with tempfile.NamedTemporaryFile() as info_file:
        stream = libc.fopen(info_file.name.encode(), b"w")
        libc.malloc_info(0, stream)
        libc.fclose(stream)
        return info_file.read().count(b"<heap nr=")

def need(together):
    pieces = [libc.malloc(BYTES) for _ in range(PIECES)]
    for piece in pieces:
        ctypes.memset(piece, 1, BYTES)
    together.wait()
    for piece in pieces[:-1]:  # the last one stays, and keeps what lies below it
        libc.free(piece)

def need_much():
    together = threading.Barrier(THREADS)
    threads = [threading.Thread(target=need, args=[together]) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def seen(what_then: str) -> list[int]:
    command = [sys.executable, "-c", NEED_MUCH_FOR_A_MOMENT + what_then]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(number) for number in re.findall(r"\d+", done.stdout)]


def test_share_heaps_limits_threads_to_few_heaps() -> None:
    assert seen("need_much(); print(heaps())") > [2]
    assert seen("share_heaps(); need_much(); print(heaps())") == [2]


def test_freed_memory_is_returned_to_the_system() -> None:
    before, kept, given_back = seen(
        "print(resident()); need_much(); print(resident()); give_back(); print(resident())"
    )
    needed = 8 * 1000 * 10_000
    assert kept - before > needed / 2
    assert given_back - before < needed / 10
