"""Finds something to train on: MovieLens latest-small, else the built-in sample."""

from __future__ import annotations

import hashlib
import http.client
import io
import re
import shutil
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from recommender.errors import DataError
from spark_jobs.datasets.sample import write_sample

ADDRESS = "https://files.grouplens.org/datasets/movielens/ml-latest-small.zip"
CHECKSUMS = {
    "ratings.csv": "aa289ca83157595d0df6aea1be6a4ded676ddc4385472e8313a8ed9805352646",
    "movies.csv": "5a5f32dd9bb3797b8e728a1b98958789d2b13f294a69fdfbc5727f8a9611aa07",
}
FILES = (*CHECKSUMS, "links.csv", "README.txt")
TIMEOUT = 20.0
LARGEST_ARCHIVE = 50_000_000

Tell = Callable[[str], None]


def obtain(data: Path, tell: Tell, address: str = ADDRESS) -> Path:
    """The folder below ``data`` to train on: what is there already, a download, or the sample.

    ``tell`` receives lines for the terminal. Raises DataError for a download that is not what
    GroupLens published.
    """
    published = data / "ml-latest-small"
    if published.is_dir():
        return published
    tell(f"Downloading MovieLens latest-small from {address}")
    try:
        archive = _fetch(address)
    except (OSError, http.client.HTTPException) as error:
        tell(f"It cannot be downloaded here ({getattr(error, 'reason', error)}).")
        return _sample(data, tell)
    unpack(archive, published)
    tell(licence((published / "README.txt").read_text(encoding="utf-8")))
    return published


def unpack(archive: bytes, folder: Path) -> None:
    """Unpack the data set into ``folder``, whole and checked or not at all. Raises DataError."""
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            for name in FILES:
                content = packed.read(f"{folder.name}/{name}")
                _check(name, content)
                (unfinished / name).write_bytes(content)
        unfinished.rename(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise DataError(
            f"the downloaded archive is not MovieLens latest-small ({error});"
            " try again, or give a folder: make run DATA=folder"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def licence(readme: str) -> str:
    """The usage licence as it stands in the data set's README."""
    found = re.search(
        r"^Usage License\n=+\n(.*?)\n\n[^\n]+\n=+\n", readme, re.DOTALL | re.MULTILINE
    )
    return "MovieLens: usage licence\n" + (found.group(1).strip() if found else readme.strip())


def _fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:  # noqa: S310 - fixed address
        return bytes(answer.read(LARGEST_ARCHIVE))


def _check(name: str, content: bytes) -> None:
    expected = CHECKSUMS.get(name)
    if expected and hashlib.sha256(content).hexdigest() != expected:
        raise DataError(
            f"the downloaded {name} is not the published one (its sha256 differs);"
            " try again, or give a folder: make run DATA=folder"
        )


def _sample(data: Path, tell: Tell) -> Path:
    folder = data / "sample"
    if not folder.is_dir():
        write_sample(folder)
    tell("Using the built-in sample: real titles, SIMULATED people and ratings.")
    return folder
