"""The section ``pipeline`` of a configuration: where data comes from, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

from recommender.storage.s3 import is_address
from spark_jobs.datasets.obtain import ADDRESS, ARCHIVE_SHA256
from spark_jobs.protocols import PROTOCOLS

SAMPLE = "sample"
Text = Annotated[str, Meta(pattern=r"\S", title="text that is not blank")]
QUOTES = "hexadecimal digits (in quotes where they look like a number)"
Sha256 = Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$", title=f"64 {QUOTES}")]
Md5 = Annotated[str, Meta(pattern="^[0-9a-fA-F]{32}$", title=f"32 {QUOTES}")]
BUCKET = "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
S3_URL = Meta(pattern=f"^s3://{BUCKET}(/|$)", title="an S3 URL like s3://bucket/folder")
Seed = Annotated[int, Meta(ge=0)]


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """``address``: of a file (http, https), a folder or packed file in S3, a local file or folder,
    or "sample". ``sha256``, ``md5``: of the file as published."""

    address: Text = field(name="from")
    sha256: Sha256 | None = None
    md5: Md5 | None = None

    def __post_init__(self) -> None:
        if "://" in self.address and not self.is_remote:
            raise ValueError(f"{self.address!r} must begin with http://, https:// or s3://")
        if self.is_remote and self.file_name in ("", ".", ".."):
            raise ValueError(f"{self.address!r} names no file or folder")
        if (self.sha256 or self.md5) and (self.is_s3_folder or self.local_folder):
            checksum = "sha256" if self.sha256 else "md5"
            raise ValueError(f"{checksum} is of a file, and {self.address!r} is a folder")

    @property
    def is_s3(self) -> bool:
        return is_address(self.address)

    @property
    def is_remote(self) -> bool:
        return self.is_s3 or urlsplit(self.address).scheme in ("http", "https")

    @property
    def is_s3_folder(self) -> bool:
        return self.is_s3 and not self.address.endswith((".zip", ".gz"))

    @property
    def local_folder(self) -> Path | None:
        path = Path(self.address).expanduser()
        return path if not self.is_remote and path.is_dir() else None

    @property
    def file_name(self) -> str:
        return urlsplit(self.address).path.rstrip("/").rsplit("/", 1)[-1]


class Process(Struct, frozen=True, forbid_unknown_fields=True):
    """``upload``: where in S3 the processed data goes too."""

    upload: Annotated[str, S3_URL] | None = None


class Evaluate(Struct, frozen=True, forbid_unknown_fields=True):
    protocols: Annotated[
        tuple[str, ...], Meta(min_length=1, title=f"some of [{', '.join(PROTOCOLS)}]")
    ] = ("A", "B", "E")
    seeds: Annotated[
        tuple[Seed, ...], Meta(min_length=1, title="whole numbers such as [0, 1, 2]")
    ] = (0,)

    def __post_init__(self) -> None:
        if unknown := [name for name in self.protocols if name not in PROTOCOLS]:
            raise ValueError(
                f"protocols must be some of [{', '.join(PROTOCOLS)}], not {unknown[0]!r}"
            )


class Ingest(Struct, frozen=True, forbid_unknown_fields=True):
    """``ratings``: whether the database gets the data set's users and ratings too."""

    ratings: bool = False


class Publish(Struct, frozen=True, forbid_unknown_fields=True):
    """``to``: a place in S3 that an accepted release is copied to and promoted in."""

    to: Annotated[str, S3_URL] | None = None


class Pipeline(Struct, frozen=True, forbid_unknown_fields=True):
    """``folder``: where the stages keep their results. The other fields are named after stages."""

    folder: Text = "data/pipelines/movies"
    acquire: Annotated[
        tuple[Source, ...], Meta(min_length=1, title="a list of `- from: address` entries")
    ] = (Source(ADDRESS, sha256=ARCHIVE_SHA256),)
    process: Process = Process()
    evaluate: Evaluate = Evaluate()
    ingest: Ingest = Ingest()
    publish: Publish = Publish()

    def __post_init__(self) -> None:
        names = {source.file_name for source in self.acquire}
        folders = [x for x in self.acquire if x.local_folder or x.is_s3_folder]
        if len(self.acquire) > 1 and (folders or len(names) < len(self.acquire)):
            raise ValueError("several sources must be files with names of their own")
