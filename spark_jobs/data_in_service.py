"""The data of the release in service, which a job takes where its command line names none."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from recommender.errors import DataError
from recommender.storage import s3
from recommender.storage.release import Release
from spark_jobs.config.options import open_releases
from spark_jobs.config.own_catalogue import is_own
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
