"""Unpack what a person sends: a plain file, a zip, or gzip; never more than we asked for.

Nothing is unpacked whole: a file is read in pieces, and can be read again from its start.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
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
# The only members of a zip that are looked at, and folders that hold what the person deleted or
# liked, or what macOS adds.
READ = (".csv", ".json", ".tsv")
UNREAD_FOLDERS = frozenset(("__macosx", "deleted", "orphaned", "likes"))
PACKED = (".zip", ".gz", ".7z", ".rar", ".tar", ".tgz")
_ENCRYPTED = 1
# zipfile bounds what it unpacks of these alone.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What zipfile and the decompressors below it raise for bytes that are not a zip.
_NOT_A_ZIP = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(ValueError, OverflowError, MemoryError, RuntimeError),
)


class ImportProblem(Exception):
    """A file that cannot be read as ratings; the message is for the person who sent it."""


class UnknownKind(ImportProblem):
    """A table of no kind that we know; the person should also be told which those are."""


@dataclass(frozen=True)
class UploadedFile:
    """A file of an upload. ``read`` gives its bytes in pieces, unpacked, from the start."""

    name: str
    read: Callable[[], Iterator[bytes]]


def unpack(name: str, upload: BinaryIO) -> list[UploadedFile]:
    """List the files: the upload itself, or those of a zip or gzip that may be read.

    Raises ImportProblem where the upload is damaged, or a zip holds none. ``check_size`` is for
    those that are read.
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


def check_size(files: Iterable[UploadedFile]) -> None:
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
    chosen = [(path, member) for path, member in map(_path_of, members) if _is_read(path)]
    if not chosen:
        raise ImportProblem(_why_nothing([_path_of(member)[0] for member in members]))
    if any(member.flag_bits & _ENCRYPTED for _, member in chosen):
        raise ImportProblem("This zip is locked with a password. Send it without a password.")
    if any(member.compress_type not in METHODS for _, member in chosen):
        raise ImportProblem(
            "This zip is packed in a way that we do not read. Send the export as it was"
            " downloaded, or unpack it and send the files."
        )
    return [UploadedFile(str(path), partial(_read_member, archive, m)) for path, m in chosen]


def _path_of(member: zipfile.ZipInfo) -> tuple[PurePosixPath, zipfile.ZipInfo]:
    """Return the path of a member too; some programs for Windows write backslashes."""
    return PurePosixPath(member.filename.replace("\\", "/")), member


def _is_read(path: PurePosixPath) -> bool:
    folders = {folder.lower() for folder in path.parts[:-1]}
    is_shadow = path.name.startswith(".")
    return path.suffix.lower() in READ and not is_shadow and not folders & UNREAD_FOLDERS


def _why_nothing(paths: list[PurePosixPath]) -> str:
    names = [path.name.lower() for path in paths]
    if not names:
        return "This zip is empty. Download the export again and send it as it is."
    if "[content_types].xml" in names or "mimetype" in names:
        return "This is a workbook of a spreadsheet. Save the sheet as CSV and send that."
    if any(name.endswith(PACKED) for name in names):
        return "This zip holds another packed file. Unpack it, and send the one inside."
    return "This zip holds no ratings.csv, nor another file that we read. Send the export as it was\
 downloaded."


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with _zip_errors(), archive.open(member) as unpacked:
        while piece := unpacked.read(PIECE_BYTES):
            yield piece
