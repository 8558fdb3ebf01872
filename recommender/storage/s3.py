"""Objects in S3, by their address ``s3://bucket/key``: the one module that knows boto3.

boto3 is imported when S3 is first used. It finds by itself who we are (in production by the
machine's role) and, in ``AWS_ENDPOINT_URL``, another place than Amazon's. Every function raises
StorageError for what S3 refuses, and for an S3 that does not answer in time: nothing here hangs.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO, Any

from recommender.errors import ConfigError, NotStored, SetupError, StorageError

SCHEME = "s3://"
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 3.0, 5.0, 3
PART_BYTES = 8 * 1024**2  # larger files go up in parts of this size
PIECE_BYTES = 1024**2
RESERVE_BYTES = 100 * 1024**2  # what a download leaves free on a disk
_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)
_MISSING = {"404", "NoSuchKey"}
_REMEDIES = {
    "403": "may this role or key do that there?",
    "AccessDenied": "may this role or key do that there?",
    "404": "is the address right?",
    "NoSuchKey": "is the address right?",
    "NoSuchBucket": "create the bucket, or correct the address",
    "412": "it changed meanwhile; try again",
    "PreconditionFailed": "it changed meanwhile; try again",
}


def is_address(place: object) -> bool:
    return str(place).startswith(SCHEME)


def split(address: str) -> tuple[str, str]:
    """Bucket and key, which is empty for the bucket itself. Raises ConfigError."""
    parts = _ADDRESS.fullmatch(address)
    if parts is None:
        raise ConfigError(f"{address!r} is no place in S3; it looks like s3://bucket/folder")
    return parts[1], (parts[2] or "").strip("/")


def join(address: str, name: str) -> str:
    return f"{address.rstrip('/')}/{name}"


@cache
def client() -> Any:
    """The one client of this process. Threads may share it."""
    from boto3.session import Session
    from botocore.config import Config

    patience = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    return Session().client("s3", config=patience)


def read(address: str, unlike: str | None = None) -> tuple[bytes, str] | None:
    """A small object and its ETag; None while its ETag is still ``unlike``, which costs nothing.

    Raises NotStored.
    """
    bucket, key = split(address)
    condition = {"IfNoneMatch": unlike} if unlike else {}
    with _said(address) as known:
        try:
            answer = client().get_object(Bucket=bucket, Key=key, **condition)
        except known.refused as error:
            if _code(error) in ("304", "NotModified"):
                return None
            raise
        return answer["Body"].read(), answer["ETag"]


def replace(address: str, content: bytes, expected: str | None) -> None:
    """Write a small object in place of the one whose ETag is ``expected``; None: of none.

    Raises StorageError where another is there by now.
    """
    bucket, key = split(address)
    condition = {"IfMatch": expected} if expected else {"IfNoneMatch": "*"}
    with _said(address):
        client().put_object(Bucket=bucket, Key=key, Body=content, **condition)


def listing(address: str) -> dict[str, int]:
    """Size in bytes of every object below a folder, by its name there (``a.csv``, ``b/c.csv``)."""
    bucket, key = split(address)
    folder = f"{key}/" if key else ""
    with _said(address):
        pages = client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
        found = [object_ for page in pages for object_ in page.get("Contents", ())]
    sizes = {object_["Key"].removeprefix(folder): object_["Size"] for object_ in found}
    return {name: size for name, size in sizes.items() if name and not name.endswith("/")}


def check_writable(address: str) -> None:
    """Raises StorageError where nothing could be uploaded below a folder. Leaves nothing there."""
    bucket, key = split(address)
    with _said(address):
        asked = {"Bucket": bucket, "Key": f"{key}/.writable".lstrip("/")}
        begun = client().create_multipart_upload(**asked)
        client().abort_multipart_upload(**asked, UploadId=begun["UploadId"])


def upload(path: Path, address: str) -> None:
    """Upload a file; a large one in parts, several at a time. It is there whole or not at all."""
    bucket, key = split(address)
    with _said(address):
        from boto3.s3.transfer import TransferConfig

        parts = TransferConfig(
            multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4
        )
        client().upload_file(str(path), bucket, key, Config=parts)


def download(address: str, path: Path) -> None:
    """Download an object as the file ``path``, whole or not at all. Raises NotStored.

    Where a connection breaks it goes on from there; so does a later call, while the object is the
    same. One process at a time may download the same file.
    """
    bucket, key = split(address)
    with _said(address):
        about = client().head_object(Bucket=bucket, Key=key)
        size, tag = about["ContentLength"], about["ETag"]
        unfinished = path.with_name(f".{path.name}.{re.sub(r'[^0-9a-f-]', '', tag)}.unfinished")
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{glob.escape(path.name)}.*.unfinished"):
            if left != unfinished or left.stat().st_size > size:  # of another object by that name
                left.unlink()
        with unfinished.open("ab") as file:
            _complete(file, size, {"Bucket": bucket, "Key": key, "IfMatch": tag})
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)


def upload_folder(folder: Path, address: str, last: str) -> None:
    """Upload every file of a folder, the one named ``last`` after all others."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in sorted(files, key=lambda path: path == folder / last):
        upload(path, join(address, path.relative_to(folder).as_posix()))


def download_folder(address: str, folder: Path) -> None:
    """Download what ``folder`` has not, or has not in the right size. Raises NotStored for nothing.

    Raises StorageError, with nothing written, for names that lead out of the folder and where the
    disk would be filled.
    """
    sizes = listing(address)
    if not sizes:
        raise NotStored(f"{address}: there is nothing; {_REMEDIES['404']}")
    if wrong := [name for name in sizes if not _is_inside(name)]:
        raise StorageError(f"{address}: holds {wrong[0]!r}, which no file can be called; remove it")
    missing = [name for name, size in sizes.items() if _size(folder / name) != size]
    there = next(path for path in (folder, *folder.parents) if path.exists())
    wanted, free = sum(sizes[name] for name in missing), shutil.disk_usage(there).free
    if wanted + RESERVE_BYTES > free:
        raise StorageError(
            f"{address}: needs {wanted / 1e6:,.0f} MB in {folder}, where {free / 1e6:,.0f} MB are"
            f" free and {RESERVE_BYTES / 1e6:,.0f} MB must stay so; make room"
        )
    for name in missing:
        download(join(address, name), folder / name)


def _complete(file: IO[bytes], size: int, wanted: dict[str, str]) -> None:
    """Append what ``file`` lacks of ``size`` bytes."""
    for _ in range(ATTEMPTS):
        if file.tell() == size:
            return
        rest = client().get_object(**wanted, Range=f"bytes={file.tell()}-")
        with suppress(*_known().broken):
            for piece in rest["Body"].iter_chunks(PIECE_BYTES):
                file.write(piece)
    if file.tell() != size:
        raise ConnectionError(f"the connection broke before all {size:,} bytes came")


def _is_inside(name: str) -> bool:
    """Whether a key can be a file below a folder: no way up, no root, nothing unprintable."""
    parts = PurePosixPath(name).parts
    return (
        name == "/".join(parts)
        and not name.startswith("/")
        and not {".", ".."} & set(parts)
        and "\\" not in name
        and name.isprintable()
    )


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


class _Known:
    """boto3's exceptions: ``refused`` by S3, ``broken`` on the way, ``upload``, ``every`` one."""

    def __init__(self) -> None:
        try:
            from boto3.exceptions import Boto3Error, S3UploadFailedError
        except ModuleNotFoundError as error:
            raise SetupError("S3 needs boto3, which is not here: pip install boto3") from error
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
        from botocore.exceptions import IncompleteReadError as CutShort
        from urllib3.exceptions import HTTPError

        self.refused = ClientError
        self.upload = S3UploadFailedError
        self.broken = (HTTPClientError, CutShort, HTTPError)
        self.every = (ClientError, BotoCoreError, Boto3Error, HTTPError, OSError)


_known = cache(_Known)


@contextmanager
def _said(address: str) -> Iterator[_Known]:
    """Says boto3's errors, and those of the disk, in ours."""
    known = _known()
    try:
        yield known
    except known.every as error:
        # An upload's error is boto3's, and what S3 said is its context.
        code = _code(error.__context__ if isinstance(error, known.upload) else error)
        remedy = _REMEDIES.get(code, "is S3 reachable, and are there credentials?")
        if isinstance(error, OSError) and error.errno:
            remedy = "is there room, and permission to write?"
        kind = NotStored if code in _MISSING else StorageError
        raise kind(f"{address}: {error or type(error).__name__}; {remedy}") from error


def _code(error: BaseException | None) -> str:
    """What S3 calls its refusal; nothing for other errors."""
    return str(error.response["Error"]["Code"]) if isinstance(error, _known().refused) else ""
