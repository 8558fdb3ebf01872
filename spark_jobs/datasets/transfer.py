"""Copies data sets to and from S3: checked, and complete or not at all.

    python -m spark_jobs.datasets.transfer FOLDER s3://bucket/folder
    python -m spark_jobs.datasets.transfer s3://bucket/folder FOLDER

The sha256 of every file is uploaded last, as ``SHA256SUMS``; without it an upload is incomplete.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from recommender.errors import ConfigError, DataError, MarqueeError
from recommender.storage import s3
from spark_jobs.datasets.fetch import checksum
from spark_jobs.job_parser import JobParser

SUMS = "SHA256SUMS"  # as sha256sum writes and checks them


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    source, destination = options.source, options.destination
    try:
        if s3.is_address(source) == s3.is_address(destination):
            raise ConfigError("give a folder and a place in S3, or a place in S3 and a folder")
        if s3.is_address(source):
            sums = download(source, Path(destination))
        else:
            sums = upload(Path(source), destination)
    except MarqueeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(sums)} files of {source} are in {destination}, whole.")
    return 0


def upload(folder: Path, address: str) -> dict[str, str]:
    """Upload a folder; return the sha256 by file name. Raises DataError if empty, StorageError."""
    sums = _sums(folder)
    if not sums:
        raise DataError(f"{folder}: holds no files; give the folder of a data set")
    for name in sums:
        s3.upload(folder / name, s3.join(address, name))
    with tempfile.TemporaryDirectory() as temporary:
        lines = [f"{sha256}  {name}\n" for name, sha256 in sums.items()]
        written = Path(temporary, SUMS)
        written.write_text("".join(lines), encoding="utf-8")
        s3.upload(written, s3.join(address, SUMS))
    return sums


def download(address: str, folder: Path) -> dict[str, str]:
    """Download into a new ``folder``, atomically; return the sha256 by file name.

    Resumes an interrupted download. Raises DataError for an incomplete or changed upload,
    StorageError.
    """
    if folder.exists():
        raise DataError(f"{folder}: exists; remove it, or name another folder")
    unfinished = folder.absolute().with_name(f".{folder.name}.unfinished")
    s3.download_folder(address, unfinished)
    try:
        sums = _read_sums(unfinished, address)
        found = _sums(unfinished)
        if wrong := [name for name in sorted({*sums, *found}) if sums.get(name) != found.get(name)]:
            raise DataError(
                f"{s3.join(address, wrong[0])}: is not what {SUMS} says; upload the data set again"
            )
    except DataError:
        shutil.rmtree(unfinished)
        raise
    (unfinished / SUMS).unlink()
    unfinished.rename(folder)
    return sums


def _read_sums(folder: Path, address: str) -> dict[str, str]:
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        pairs = [line.split("  ", 1) for line in lines]
        return {name: sha256 for sha256, name in pairs}
    except FileNotFoundError as error:
        raise DataError(f"{address}: has no {SUMS}; upload the data set again") from error
    except ValueError as error:
        raise DataError(
            f"{s3.join(address, SUMS)}: cannot be read ({error}); upload the data set again"
        ) from error


def _sums(folder: Path) -> dict[str, str]:
    """The sha256 of every file, but for ``SUMS``."""
    sums = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / SUMS:
            sums[path.relative_to(folder).as_posix()] = checksum(path, "sha256")
    return sums


def _parser() -> argparse.ArgumentParser:
    parser = JobParser(
        "spark_jobs.datasets.transfer",
        "Upload a data set to S3, or download one, checked.",
        ("~/ml-25m s3://bucket/ml-25m", "s3://bucket/ml-25m ~/ml-25m"),
    )
    parser.add_argument("source", help="a folder, or s3://bucket/folder")
    parser.add_argument("destination", help="s3://bucket/folder, or a new folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
