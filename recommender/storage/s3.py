"""Objects in S3, by their address ``s3://bucket/key``: the one module that knows boto3.

boto3 is imported when S3 is first used. It finds credentials (in production the machine's role)
and, in ``AWS_ENDPOINT_URL``, an endpoint other than Amazon's by itself. Every function raises
StorageError where S3 is unreachable, denies access or does not answer in time: nothing hangs.
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
PIECE_BYTES = 1024**2
RESERVE_BYTES = 100 * 1024**2  # what a download leaves free on a disk
_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)
# By HTTP status.
_NOT_MODIFIED, _MISSING = 304, 404
_REMEDIES = {
    403: "may this role or key do that there?",
    _MISSING: "is the address right?",
    412: "it changed meanwhile; try again",
}


def is_address(place: object) -> bool:
    return str(place).startswith(SCHEME)


def split(address: str) -> tuple[str, str]:
    """Bucket and key, which is empty for the bucket itself. Raises ConfigError."""
    parts = _ADDRESS.fullmatch(address)
    if parts is None:
        raise ConfigError(f"{address!r} is not an S3 URL; it looks like s3://bucket/folder")
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
    """Return a small object and its ETag; None, without a transfer, while that is ``unlike``.

    Raises NotStored.
    """
    bucket, key = split(address)
    condition = {"IfNoneMatch": unlike} if unlike else {}
    with _storage_errors(address):
        from botocore.exceptions import ClientError

        try:
            answer = client().get_object(Bucket=bucket, Key=key, **condition)
        except ClientError as error:
            if _response(error)[0] == _NOT_MODIFIED:
                return None
            raise
        return answer["Body"].read(), answer["ETag"]


def replace(address: str, content: bytes, expected: str | None) -> None:
    """Replace the small object whose ETag is ``expected``; None: write it where there is none.

    Raises StorageError where another one is stored by now.
    """
    bucket, key = split(address)
    condition = {"IfMatch": expected} if expected else {"IfNoneMatch": "*"}
    with _storage_errors(address):
        client().put_object(Bucket=bucket, Key=key, Body=content, **condition)


def listing(address: str) -> dict[str, int]:
    """Sizes in bytes of the objects below a folder, by name in it (``a.csv``, ``b/c.csv``)."""
    bucket, key = split(address)
    folder = f"{key}/" if key else ""
    with _storage_errors(address):
        pages = client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
        objects = [object_ for page in pages for object_ in page.get("Contents", ())]
    sizes = {object_["Key"].removeprefix(folder): object_["Size"] for object_ in objects}
    return {name: size for name, size in sizes.items() if name and not name.endswith("/")}


def check_writable(address: str) -> None:
    """Raises StorageError where nothing can be uploaded below a folder. Writes nothing."""
    bucket, key = split(address)
    with _storage_errors(address):
        target = {"Bucket": bucket, "Key": f"{key}/.writable".lstrip("/")}
        begun = client().create_multipart_upload(**target)
        client().abort_multipart_upload(**target, UploadId=begun["UploadId"])


def upload(path: Path, address: str) -> None:
    """Upload a file whole or not at all: boto3 sends a large one in parts, several at a time."""
    bucket, key = split(address)
    with _storage_errors(address):
        client().upload_file(str(path), bucket, key)


def download(address: str, path: Path) -> None:
    """Download an object as the file ``path``, whole or not at all. Raises NotStored.

    Resumes where a connection broke; so does a later call, while the object is the same. One
    process at a time may download the same file.
    """
    bucket, key = split(address)
    with _storage_errors(address):
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
    """Download what ``folder`` lacks, or has in another size. Raises NotStored for no objects.

    Raises StorageError, with nothing written, for names that lead out of the folder and where the
    disk would be filled.
    """
    sizes = listing(address)
    if not sizes:
        raise NotStored(f"{address}: there is nothing; {_REMEDIES[_MISSING]}")
    if wrong := [name for name in sizes if not _is_inside(name)]:
        raise StorageError(f"{address}: holds {wrong[0]!r}, which no file can be called; remove it")
    files = {name: folder / name for name in sizes}
    missing = [n for n, f in files.items() if not f.is_file() or f.stat().st_size != sizes[n]]
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    needed, free = sum(sizes[name] for name in missing), shutil.disk_usage(existing).free
    if needed + RESERVE_BYTES > free:
        raise StorageError(
            f"{address}: needs {needed / 1e6:,.0f} MB in {folder}, where {free / 1e6:,.0f} MB are"
            f" free and {RESERVE_BYTES / 1e6:,.0f} MB must stay so; make room"
        )
    for name in missing:
        download(join(address, name), files[name])


def _complete(file: IO[bytes], size: int, wanted: dict[str, str]) -> None:
    """Append what ``file`` lacks of ``size`` bytes."""
    from botocore.exceptions import HTTPClientError, IncompleteReadError
    from urllib3.exceptions import HTTPError

    for _ in range(ATTEMPTS):
        if file.tell() == size:
            return
        rest = client().get_object(**wanted, Range=f"bytes={file.tell()}-")
        with suppress(HTTPClientError, IncompleteReadError, HTTPError):
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


@contextmanager
def _storage_errors(address: str) -> Iterator[None]:
    """Raise StorageError or NotStored, with a remedy, in place of boto3's and the disk's errors."""
    try:
        from boto3.exceptions import Boto3Error
    except ModuleNotFoundError as error:
        raise SetupError("S3 needs boto3, which is not here: pip install boto3") from error
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (ClientError, BotoCoreError, Boto3Error, HTTPError, OSError) as error:
        # An upload's error is boto3's own, and S3's response is that of its context.
        status, code = max(_response(error), _response(error.__context__))
        remedy = _REMEDIES.get(status, "is S3 reachable, and are there credentials?")
        if code == "NoSuchBucket":
            status, remedy = 0, "create the bucket, or correct the address"
        elif isinstance(error, OSError) and error.errno:
            remedy = "is there room, and permission to write?"
        kind = NotStored if status == _MISSING else StorageError
        raise kind(f"{address}: {error or type(error).__name__}; {remedy}") from error


def _response(error: BaseException | None) -> tuple[int, str]:
    """The HTTP status and error code that S3 responded with; (0, "") for other errors."""
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        return 0, ""
    return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
