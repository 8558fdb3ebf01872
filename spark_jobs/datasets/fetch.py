"""Downloads published files: resumes interrupted downloads, checks, and unpacks safely."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import lzma
import stat
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from recommender.errors import DataError

TIMEOUT = 20.0
CHUNK = 1 << 18
# Ratings shrink to a quarter, lines of JSON to a twentieth; what unpacks to more than this many
# times its size, and is not small, is made to fill the disk.
MOST_TIMES = 100
SMALL = 10_000_000
NETWORK_ERRORS = (OSError, http.client.HTTPException)

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Answer:
    """A file's bytes from ``start`` on. ``size``: of the whole file, where the server says it.
    ``mark``: what changes when the file does, where the server says that."""

    stream: IO[bytes]
    start: int
    size: int | None
    mark: str | None


def download(address: str, target: Path, tell: Tell) -> None:
    """Download a file to ``target``, resuming an interrupted attempt.

    The partial file, and the server's ETag and size, are kept beside it. A file that has changed
    starts over. Raises OSError or HTTPException if an attempt receives nothing more.
    """
    part = target.with_name(f"{target.name}.part")
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _go_on(address, part)
            break
        except NETWORK_ERRORS:
            come = part.stat().st_size if part.exists() else 0
            if come <= before:
                raise
            tell(f"{address} broke off after {come:,} bytes; going on from there")
    part.replace(target)
    _notes(part).unlink()


def _go_on(address: str, part: Path) -> None:
    come = part.stat().st_size if part.exists() else 0
    noted = _read_notes(part, address) if come else {}
    if noted and come == noted["size"]:
        return
    answer = _open(address, come if noted else 0, noted.get("mark"))
    with closing(answer.stream), part.open("ab") as file:
        file.truncate(answer.start)
        notes = {"address": address, "mark": answer.mark, "size": answer.size}
        _notes(part).write_text(json.dumps(notes), encoding="utf-8")
        while chunk := answer.stream.read(CHUNK):
            file.write(chunk)
    come = part.stat().st_size
    if answer.size is not None and come != answer.size:
        raise ConnectionError(f"it broke off after {come:,} of {answer.size:,} bytes")


def _notes(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_notes(part: Path, address: str) -> dict:
    """Read the notes on a partial download; nothing if it cannot be resumed."""
    try:
        noted = json.loads(_notes(part).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return noted if noted["address"] == address and noted["mark"] else {}


def _open(address: str, start: int, mark: str | None) -> Answer:
    """Open the file from ``start`` on if it still has this ``mark``, else from its beginning."""
    request = urllib.request.Request(address)  # the caller names it  # noqa: S310
    if start and mark:
        request.add_header("Range", f"bytes={start}-")
        request.add_header("If-Range", mark)
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310  # nosec B310
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not start:
            raise
        error.close()
        return _open(address, 0, None)  # the file has become shorter
    version = _mark(answer.headers)
    length = answer.headers.get("Content-Length")
    size = int(length) if length and length.isdecimal() else None
    if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
        return Answer(answer, 0, size, version)
    expected = f"bytes {start}-"
    if version != mark or not answer.headers.get("Content-Range", "").startswith(expected):
        answer.close()
        return _open(address, 0, None)  # a server that ignores If-Range, and the file changed
    return Answer(answer, start, None if size is None else start + size, version)


def _mark(headers: http.client.HTTPMessage) -> str | None:
    """Return a value for If-Range: a strong ETag, else Last-Modified."""
    etag = headers.get("ETag")
    return etag if etag and etag.startswith('"') else headers.get("Last-Modified")


def checksum(file: Path, kind: str) -> str:
    """Hexadecimal. ``kind``: sha256 or md5."""
    with file.open("rb") as content:
        made = hashlib.file_digest(content, lambda: hashlib.new(kind, usedforsecurity=False))
    return made.hexdigest()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip archive into ``folder``, which may be incomplete after an error.

    Raises DataError for an archive that is damaged, writes elsewhere, or unpacks to far too much.
    """
    room = max(SMALL, MOST_TIMES * archive.stat().st_size)
    try:
        with zipfile.ZipFile(archive) as packed:
            for member in packed.infolist():
                if not member.is_dir():
                    target = _inside(folder, member)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with packed.open(member) as source:
                        room -= _copy(source, target, room)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, *_DAMAGE) as error:
        raise DataError(f"{archive.name} cannot be unpacked: {error}") from error


def unpack_gzip(file: Path, target: Path) -> None:
    """Raises DataError as ``unpack`` does."""
    try:
        with gzip.open(file) as source:
            _copy(source, target, max(SMALL, MOST_TIMES * file.stat().st_size))
    except (gzip.BadGzipFile, *_DAMAGE) as error:
        raise DataError(f"{file.name} cannot be unpacked: {error}") from error


_DAMAGE = (zlib.error, lzma.LZMAError, EOFError)


def _inside(folder: Path, member: zipfile.ZipInfo) -> Path:
    """Where a member goes, which is below ``folder``. Raises BadZipFile for one that is not."""
    name = PurePosixPath(member.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
        raise zipfile.BadZipFile(f"{member.filename!r} would be written outside its folder")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise zipfile.BadZipFile(f"{member.filename!r} is a link")
    return folder / name


def _copy(source: IO[bytes] | gzip.GzipFile, target: Path, room: int) -> int:
    """How many bytes. Raises DataError where they are more than ``room``."""
    copied = 0
    with target.open("wb") as file:
        while chunk := source.read(CHUNK):
            copied += len(chunk)
            if copied > room:
                raise DataError(
                    f"{target.name} unpacks to more than {MOST_TIMES} times the size of its"
                    " archive; unpack it yourself if that is meant"
                )
            file.write(chunk)
    return copied
