"""What a person sends: text out of a plain file, a zip, or gzip; never more than we asked for."""

from __future__ import annotations

import codecs
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

LARGEST_FILE = 30_000_000
LARGEST_UNPACKED = 60_000_000
MOST_MEMBERS = 2_000
# What a Letterboxd export holds that we use; the rest of the zip is not looked at.
WANTED = ("ratings.csv", "watchlist.csv")
# What the reader of zips and the unpackers below it say of bytes that are none.
_NO_ZIP = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(ValueError, OverflowError, MemoryError, RuntimeError),
)


class ImportProblem(Exception):
    """A file that cannot be read as ratings; the message is for the person who sent it."""


def texts(name: str, content: bytes) -> dict[str, str]:
    """The text of each wanted file, by name: the file itself, or what a zip holds.

    Raises ImportProblem where the content is too large, packed too tightly, or no text.
    """
    if zipfile.is_zipfile(io.BytesIO(content)):
        return _from_zip(content)
    if content[:2] == b"\x1f\x8b":
        content = _gunzip(content)
    return {PurePosixPath(name or "file").name: decode(content)}


def decode(content: bytes) -> str:
    """Text in UTF-8 or UTF-16; else in Windows-1252, as older exports are."""
    text = _text(content)
    if "\0" in text:
        raise ImportProblem("This is not a text file. Send the export as it was downloaded.")
    return text


def _text(content: bytes) -> str:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return _decode(content, encoding)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return _decode(content, "cp1252")


def _decode(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ImportProblem(
            "We could not make out the letters in this file. Save it as UTF-8 and send it again."
        ) from error


def _from_zip(content: bytes) -> dict[str, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > MOST_MEMBERS:
                raise ImportProblem(f"This zip holds {len(members):,} files; that is no export.")
            chosen = _wanted(members) or _only_csv(members)
            return {m.filename: decode(content) for m, content in _unpack(archive, chosen)}
    except _NO_ZIP as error:
        raise ImportProblem(
            "This zip is damaged or locked. Download the export again and send it as it is."
        ) from error


def _wanted(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """At the top, or in the one folder that some programs pack around everything; what lies
    deeper is what the person deleted there."""
    named = [m for m in members if PurePosixPath(m.filename).name in WANTED]
    depths = [len(PurePosixPath(m.filename).parts) for m in named]
    return [m for m, depth in zip(named, depths, strict=True) if depth == min(depths)]


def _only_csv(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Another service's zip: taken where it holds one CSV file."""
    found = [m for m in members if m.filename.lower().endswith(".csv")]
    if len(found) != 1:
        raise ImportProblem("This zip holds no ratings.csv. Send the export as it was downloaded.")
    return found


def _unpack(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]
) -> Iterator[tuple[zipfile.ZipInfo, bytes]]:
    """What the headers say of sizes may be a lie, so what comes out of all of them is counted."""
    room = LARGEST_UNPACKED
    for member in members:
        with archive.open(member) as packed:
            content = packed.read(room + 1)
        room -= len(_not_too_large(content, room))
        yield member, content


def _gunzip(content: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(content, LARGEST_UNPACKED + 1)
    except zlib.error as error:
        raise ImportProblem("This file is damaged. Download it again and send it.") from error
    return _not_too_large(unpacked)


def _not_too_large(content: bytes, room: int = LARGEST_UNPACKED) -> bytes:
    if len(content) > room:
        raise ImportProblem(
            f"Unpacked, this file is larger than {LARGEST_UNPACKED // 1_000_000} MB."
            " A person's ratings are much smaller: is it the right one?"
        )
    return content
