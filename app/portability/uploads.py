"""Unpack what a person sends: a plain file, a zip, or gzip; never more than we asked for.

Nothing is unpacked whole: a file is read in pieces, and can be read again from its start.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO

from app.http import request_budget

LARGEST_UNPACKED = 60_000_000
MOST_MEMBERS = 2_000
# Of a zip's list of its files, which zipfile reads whole: 250 bytes for each of them.
LARGEST_DIRECTORY = 500_000
PIECE_BYTES = 65_536
# What we use of a Letterboxd export; the rest of the zip is not read.
WANTED = ("ratings.csv", "watchlist.csv")
# zipfile bounds what it unpacks of these alone.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What zipfile and the decompressors below it raise for bytes that are not a zip.
_NOT_A_ZIP = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(ValueError, OverflowError, MemoryError, RuntimeError),
)


class ImportProblem(Exception):
    """A file that cannot be read as ratings; the message is for the person who sent it."""


@dataclass(frozen=True)
class UploadedFile:
    """A file of an upload. ``read`` gives its bytes in pieces, unpacked, from the start."""

    name: str
    read: Callable[[], Iterator[bytes]]


def unpack(name: str, upload: BinaryIO) -> list[UploadedFile]:
    """List the wanted files: the upload itself, or what a zip or gzip holds.

    Raises ImportProblem where the upload is damaged or too large once unpacked.
    """
    upload.seek(0)
    start = upload.read(2)
    with _zip_errors():
        is_zip = zipfile.is_zipfile(upload)
    if is_zip:
        files = _zipped_files(upload)
    else:
        read = _read_gzip if start == b"\x1f\x8b" else _read_plain
        files = [UploadedFile(PurePosixPath(name or "file").name, partial(read, upload))]
    _check_size(files)
    return files


@contextmanager
def _zip_errors() -> Iterator[None]:
    """Turn errors of zipfile into an ImportProblem."""
    try:
        yield
    except _NOT_A_ZIP as error:
        raise ImportProblem(
            "This zip is damaged or locked. Download the export again and send it as it is."
        ) from error


def _check_size(files: list[UploadedFile]) -> None:
    """Raise ImportProblem where the files are too large together, whatever their headers say."""
    room = LARGEST_UNPACKED
    for file in files:
        for piece in file.read():
            request_budget.check()
            room -= len(piece)
            if room < 0:
                raise ImportProblem(
                    f"Unpacked, this file is larger than {LARGEST_UNPACKED // 1_000_000} MB."
                    " A person's ratings are much smaller: is it the right one?"
                )


def _read_plain(upload: BinaryIO) -> Iterator[bytes]:
    upload.seek(0)
    while piece := upload.read(PIECE_BYTES):
        yield piece


def _read_gzip(upload: BinaryIO) -> Iterator[bytes]:
    upload.seek(0)
    unpacker = zlib.decompressobj(wbits=31)
    while not unpacker.eof:
        packed = unpacker.unconsumed_tail or upload.read(PIECE_BYTES)
        try:
            piece = unpacker.decompress(packed, PIECE_BYTES)
            if not packed and not piece:
                raise zlib.error("incomplete")
        except zlib.error as error:
            raise ImportProblem("This file is damaged. Download it again and send it.") from error
        yield piece
    if unpacker.unused_data or upload.read(1):
        raise ImportProblem("This gzip file holds more than one file. Send each by itself.")


class _ZipSource:
    """Gives zipfile an upload, unless it asks for a list of files that is too long."""

    def __init__(self, upload: BinaryIO) -> None:
        self._upload = upload
        self.seek = upload.seek
        self.tell = upload.tell
        self.seekable = upload.seekable

    def read(self, size: int | None = -1, /) -> bytes:
        request_budget.check()
        if size is not None and size > LARGEST_DIRECTORY:
            raise ImportProblem("This zip holds too many files; that is no export.")
        return self._upload.read(-1 if size is None else size)


def _zipped_files(upload: BinaryIO) -> list[UploadedFile]:
    with _zip_errors():
        archive = zipfile.ZipFile(_ZipSource(upload))
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise ImportProblem(f"This zip holds {len(members):,} files; that is no export.")
    chosen = _wanted(members) or _only_csv(members)
    if any(member.compress_type not in METHODS for member in chosen):
        raise ImportProblem(
            "This zip is packed in a way that we do not read. Send the export as it was"
            " downloaded, or unpack it and send the files."
        )
    return [UploadedFile(m.filename, partial(_read_member, archive, m)) for m in chosen]


def _wanted(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Return the members called as in WANTED from the highest folder that has any.

    Some programs pack everything in one folder; deeper folders hold what the person deleted.
    """
    paths = {m.filename: PurePosixPath(m.filename) for m in members}
    named = [m for m in members if paths[m.filename].name in WANTED]
    top = min((len(paths[m.filename].parts) for m in named), default=0)
    chosen = [m for m in named if len(paths[m.filename].parts) == top]
    if len({paths[m.filename].name for m in chosen}) < len(chosen):
        raise ImportProblem("This zip holds more than one export. Send one at a time.")
    return chosen


def _only_csv(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Return the one CSV file of another service's zip."""
    csv_files = [m for m in members if m.filename.lower().endswith(".csv")]
    if len(csv_files) != 1:
        raise ImportProblem("This zip holds no ratings.csv. Send the export as it was downloaded.")
    return csv_files


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with _zip_errors(), archive.open(member) as unpacked:
        while piece := unpacked.read(PIECE_BYTES):
            yield piece
