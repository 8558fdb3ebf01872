"""The data of the release in service, which a job takes where its command line names none."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from recommender.errors import DataError
from recommender.storage import s3
from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore
from spark_jobs.config.options import open_releases
from spark_jobs.config.own_catalogue import is_own, read_own
from spark_jobs.config.yaml_files import read_yaml
from spark_jobs.filesystem import is_address
from spark_jobs.session import is_submitted
from spark_jobs.training_set import tell

CHANGE = "give DATA=folder or CONFIG=catalogue.yaml (--data, --config)"


def take_data_in_service(options: argparse.Namespace) -> None:
    """Set ``--data``, or ``--config`` of a catalogue of one's own, to what the release in service
    was trained on, where neither names data.

    Else a site of other data would be retrained on the data to begin with. Raises DataError where
    the data is not there any more.
    """
    if options.data or (options.config and is_own(read_yaml(Path(options.config)))):
        return
    place = getattr(options, "releases", None) or os.environ.get("RELEASES", "releases")
    if s3.is_address(place) or not Path(place).is_dir():
        return
    # Where it cannot be read, whoever serves it says what is wrong.
    if release := open_releases(place).in_service():
        _take(options, release)


def check_is_in_service(config: str, store: ReleaseStore) -> None:
    """Raise DataError where the release in service is of other data than a file describes.

    A file that has moved, or tables that were read before by a pipeline, are the same data where
    name, noun and kind of feedback are.
    """
    values, release = read_yaml(Path(config)), store.in_service()
    if release is None or not is_own(values):
        return
    own, served = read_own(values, config).catalogue, release.catalogue
    paths = [Path(given["path"]).resolve() for given in release.inputs[:1] if "path" in given]
    described = own.name, own.noun.one, own.feedback
    if Path(config).resolve() in paths or described == (served.name, served.noun, served.feedback):
        return
    trained_on = ", ".join(given["path"] for given in release.inputs) or "other data"
    raise DataError(
        f"{config}: describes {own.name!r}, and release {release.version}, which is in service in"
        f" {store.place}, is of {served.name!r} ({trained_on}); give this catalogue its own"
        " RELEASES=folder, DATABASE_URL=sqlite:///file and PORT=number, or replace the other by"
        f" `make train CONFIG={config}`"
    )


def _take(options: argparse.Namespace, release: Release) -> None:
    # An input without titles is what people rated on the site: `--ratings` names it.
    inputs = [given["path"] for given in release.inputs if given.get("titles")]
    for path in inputs:
        if not (is_address(path) or is_submitted() or Path(path).exists()):
            raise DataError(
                f"{path}: not there; release {release.version} was trained on it: {CHANGE}"
            )
    if not inputs:
        return
    tell(f"The data of release {release.version}: {', '.join(inputs)}; for others {CHANGE}.")
    if Path(inputs[0]).is_file():
        options.config = inputs[0]
    else:
        options.data = inputs
