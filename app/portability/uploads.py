"""Unpack what a person sends: a plain file, a zip, or gzip; never more than we asked for.

Nothing is unpacked whole: a file is read in pieces, and can be read again from its start.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
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
# What a Letterboxd export holds that we use; the rest of the zip is not looked at.
WANTED = ("ratings.csv", "watchlist.csv")
# zipfile bounds what it unpacks of these alone.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What the reader of zips and the unpackers below it say of bytes that are none.
_NO_ZIP = (
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
    if _is_zip(upload):
        files = _zipped_files(upload)
    else:
        read = _read_gzip if start == b"\x1f\x8b" else _read_plain
        files = [UploadedFile(PurePosixPath(name or "file").name, partial(read, upload))]
    _check_size(files)
    return files


def _is_zip(upload: BinaryIO) -> bool:
    try:
        return zipfile.is_zipfile(upload)
    except _NO_ZIP as error:  # of one that says to go on in another file
        raise _damaged_zip() from error


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
        except zlib.error as error:
            raise _damaged() from error
        if not packed and not piece:
            raise _damaged()
        yield piece
    if unpacker.unused_data or upload.read(1):
        raise ImportProblem("This gzip file holds more than one file. Send each by itself.")


def _damaged() -> ImportProblem:
    return ImportProblem("This file is damaged. Download it again and send it.")


class _ZipSource:
    """An upload as zipfile reads it, but for a list of files that is longer than any of ours."""

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
    try:
        archive = zipfile.ZipFile(_ZipSource(upload))
    except _NO_ZIP as error:
        raise _damaged_zip() from error
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
    """At the top, or in the one folder that some programs pack around everything; what lies
    deeper is what the person deleted there."""
    named = [m for m in members if PurePosixPath(m.filename).name in WANTED]
    depths = [len(PurePosixPath(m.filename).parts) for m in named]
    chosen = [m for m, depth in zip(named, depths, strict=True) if depth == min(depths)]
    if len({PurePosixPath(m.filename).name for m in chosen}) < len(chosen):
        raise ImportProblem("This zip holds more than one export. Send one at a time.")
    return chosen


def _only_csv(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Another service's zip: taken where it holds one CSV file."""
    csv_files = [m for m in members if m.filename.lower().endswith(".csv")]
    if len(csv_files) != 1:
        raise ImportProblem("This zip holds no ratings.csv. Send the export as it was downloaded.")
    return csv_files


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(member) as unpacked:
            while piece := unpacked.read(PIECE_BYTES):
                yield piece
    except _NO_ZIP as error:
        raise _damaged_zip() from error


def _damaged_zip() -> ImportProblem:
    return ImportProblem(
        "This zip is damaged or locked. Download the export again and send it as it is."
    )
