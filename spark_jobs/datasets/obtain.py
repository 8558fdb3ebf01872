"""Provides default data: MovieLens latest-small, else the built-in sample."""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from recommender.errors import DataError
from spark_jobs.datasets.fetch import NETWORK_ERRORS, Tell, checksum, download, unpack
from spark_jobs.datasets.sample import write_sample

ADDRESS = "https://files.grouplens.org/datasets/movielens/ml-latest-small.zip"
ARCHIVE_SHA256 = "696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436"
CHECKSUMS = {
    "ratings.csv": "aa289ca83157595d0df6aea1be6a4ded676ddc4385472e8313a8ed9805352646",
    "movies.csv": "5a5f32dd9bb3797b8e728a1b98958789d2b13f294a69fdfbc5727f8a9611aa07",
}
FILES = (*CHECKSUMS, "links.csv", "README.txt")
MIRROR = "MOVIELENS_URL"
REMEDY = "try again, or give a folder: make run DATA=folder"


def obtain(data: Path, tell: Tell, address: str = ADDRESS) -> Path:
    """Return a folder below ``data`` to train on: an earlier download, a new one, or the sample.

    ``tell`` receives lines for the terminal. MOVIELENS_URL in the environment names a mirror, whose
    archive must be the one that GroupLens published, byte for byte. Raises DataError if the
    download differs, or a mirror does not answer.
    """
    mirror = os.environ.get(MIRROR)
    address = mirror or address
    published = data / "ml-latest-small"
    if published.is_dir():
        return published
    tell(f"Downloading MovieLens latest-small from {address}")
    data.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{published.name}-", dir=data) as scratch:
        archive = Path(scratch) / f"{published.name}.zip"
        try:
            download(address, archive, tell)
        except NETWORK_ERRORS as error:
            reason = getattr(error, "reason", error)
            if mirror:
                raise DataError(f"{MIRROR}={mirror} cannot be downloaded ({reason})") from error
            tell(_advice(address, reason))
            return _sample(data, tell)
        except ValueError as error:
            raise DataError(f"{MIRROR}={mirror} is not the address of a file") from error
        if mirror and checksum(archive, "sha256") != ARCHIVE_SHA256:
            raise DataError(
                f"{MIRROR}={mirror} is not the published archive (its sha256 is not"
                f" {ARCHIVE_SHA256}); {REMEDY}"
            )
        _unpack(archive, published)
    tell(licence((published / "README.txt").read_text(encoding="utf-8")))
    return published


def _advice(address: str, reason: object) -> str:
    """Say why a download failed: a certificate at fault is not a network that is missing."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        host = urlsplit(address).hostname
        return (
            f"{host} answers, but its certificate is at fault ({reason.verify_message}): the"
            " network is there; the publisher has to renew it. Set MOVIELENS_URL to another copy"
            " of the archive, which is checked, or give a folder: make run DATA=folder."
        )
    return f"It cannot be downloaded here ({reason})."


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack the data set into ``folder`` atomically, and check it. Raises DataError."""
    unpacked = archive.parent / "unpacked"
    try:
        unpack(archive, unpacked)
    except DataError as error:
        raise DataError(
            f"the download is not MovieLens latest-small ({error}); {REMEDY}"
        ) from error
    whole = archive.parent / "whole"
    whole.mkdir()
    for name in FILES:
        file = unpacked / folder.name / name
        if not file.is_file():
            raise DataError(f"the download is not MovieLens latest-small (no {name}); {REMEDY}")
        if name in CHECKSUMS and checksum(file, "sha256") != CHECKSUMS[name]:
            raise DataError(
                f"the downloaded {name} is not the published one (its sha256 differs); {REMEDY}"
            )
        file.rename(whole / name)
    whole.rename(folder)


def licence(readme: str) -> str:
    """The usage licence as it stands in the data set's README."""
    match = re.search(
        r"^Usage License\n=+\n(.*?)\n\n[^\n]+\n=+\n", readme, re.DOTALL | re.MULTILINE
    )
    return "MovieLens: usage licence\n" + (match.group(1).strip() if match else readme.strip())


def _sample(data: Path, tell: Tell) -> Path:
    folder = data / "sample"
    if not folder.is_dir():
        write_sample(folder)
    tell("Using the built-in sample: real titles, SIMULATED people and ratings.")
    return folder
