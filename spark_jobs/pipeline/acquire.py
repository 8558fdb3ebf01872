"""The first stage of the pipeline: data as published, downloaded, checked and unpacked."""

from __future__ import annotations

import hashlib
import shutil
from glob import glob
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from recommender.errors import DataError
from recommender.storage import s3
from spark_jobs.config.pipeline import SAMPLE, Source
from spark_jobs.datasets import fetch
from spark_jobs.datasets.catalogue_source.description import OwnCatalogue
from spark_jobs.datasets.sample import write_sample
from spark_jobs.filesystem import is_address
from spark_jobs.pipeline.work import Made, Work, list_files, replace_folder
from spark_jobs.training_set import tell


def acquired_from(work: Work) -> Any:
    """The configured sources, and the files of local ones: a new file there is acquired."""
    if work.settings.own:
        return [(str(file), _state_of(file)) for file in own_files(work.settings.own)]
    sources = work.settings.pipeline.acquire
    return [(asdict(source), _state_of(Path(source.address).expanduser())) for source in sources]


def own_files(own: OwnCatalogue) -> list[Path]:
    """The files of this machine that a catalogue is read from. What changes in a database or in S3
    is not seen: there ``--again`` reads it again."""
    paths = [path for table in (own.ratings, own.items) for path in table.paths]
    places = (own.folder / Path(path).expanduser() for path in paths if not is_address(path))
    found: set[Path] = set()
    for place in places:
        if place.is_dir():
            found.update(place / name for name in list_files(place))
        else:
            found.update(Path(name) for name in glob(str(place)) if Path(name).is_file())
    return sorted(found)


def _state_of(place: Path) -> Any:
    if place.is_file():
        return fetch.checksum(place, "sha256")
    return list_files(place) if place.is_dir() else None


def acquire(work: Work) -> Made:
    """The data as published, unpacked below ``raw``; a local folder, or what a file describes, is
    read where it is."""
    if own := work.settings.own:
        files = own_files(own)
        tables = f"{own.ratings.shown} and {own.items.shown}"
        return Made(f"read where they are: {tables}", files, {"folder": own.path})
    sources = work.settings.pipeline.acquire
    for source in sources:
        _check_exists(source)
    raw = sources[0].local_folder or _fetch(sources, work.folder)
    data = _innermost(raw)
    files = [data / name for name in list_files(data)]
    if not files:
        raise DataError(f"{data}: is empty; give a folder that holds a ratings data set")
    size = sum(file.stat().st_size for file in files)
    return Made(f"{len(files)} files, {size / 1e6:,.1f} MB in {data}", files, {"folder": str(data)})


def _check_exists(source: Source) -> None:
    """Raise DataError for a local source that is not there, before others are downloaded."""
    path = Path(source.address).expanduser()
    if not (source.is_remote or source.address == SAMPLE or path.is_file() or path.is_dir()):
        raise DataError(f"{source.address}: no such file or folder; correct `from`")


def _innermost(folder: Path) -> Path:
    """Where the files are: archives have their files in a folder that names the data set."""
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return _innermost(inside[0]) if len(inside) == 1 and inside[0].is_dir() else folder


def _fetch(sources: tuple[Source, ...], folder: Path) -> Path:
    """Copy every source to a folder ``raw``; after a failure finished downloads remain."""
    downloads, unfinished = folder / "downloads", folder / "raw.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    target = unfinished / folder.name  # which names a data set that comes without a folder
    target.mkdir(parents=True)
    downloads.mkdir(exist_ok=True)
    for source in sources:
        if source.address == SAMPLE:
            write_sample(target / SAMPLE)
        elif source.is_s3_folder:
            downloaded = _place(source, downloads)
            s3.download_folder(source.address, downloaded)
            downloaded.rename(target / downloaded.name)
        else:
            _fetch_file(source, downloads, target)
    replace_folder(unfinished, folder / "raw")
    shutil.rmtree(downloads)
    return folder / "raw"


def _fetch_file(source: Source, downloads: Path, folder: Path) -> None:
    file = Path(source.address).expanduser()
    if source.is_remote:
        file = _place(source, downloads)
        if not file.is_file():
            _download(source, file)
    try:
        _check(source, file)
        _unpack(file, folder)
    except DataError:
        if source.is_remote:
            file.unlink()
        raise


def _place(source: Source, downloads: Path) -> Path:
    """The path of a download, in a folder of its own: other addresses may end in the same name."""
    apart = downloads / hashlib.sha256(source.address.encode()).hexdigest()[:8]
    apart.mkdir(exist_ok=True)
    return apart / source.file_name


def _download(source: Source, file: Path) -> None:
    tell(f"Downloading {source.address}")
    if source.is_s3:
        s3.download(source.address, file)
        return
    try:
        fetch.download(source.address, file, tell)
    except fetch.NETWORK_ERRORS as error:
        raise DataError(
            f"{source.address}: cannot be downloaded ({getattr(error, 'reason', error)});"
            " try again, which goes on from what has come, or name another source"
        ) from error


def _check(source: Source, file: Path) -> None:
    for kind, expected in (("sha256", source.sha256), ("md5", source.md5)):
        if expected and (actual := fetch.checksum(file, kind)) != expected.lower():
            raise DataError(
                f"{source.address}: its {kind} is {actual}, not {expected}; try again, or correct"
                " the configuration if a new edition was published"
            )


def _unpack(file: Path, folder: Path) -> None:
    if file.suffix == ".zip":
        fetch.unpack(file, folder)
    elif file.suffix == ".gz":
        fetch.unpack_gzip(file, folder / file.stem)
    else:
        shutil.copyfile(file, folder / file.name)
