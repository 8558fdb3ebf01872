"""The best titles for everyone in a data set, as Parquet: for mail-outs and analysis.

    spark-submit --py-files dist/jobs.zip spark_jobs/recommend.py --data FOLDER \\
        --releases FOLDER --out FOLDER

Everyone is folded into the release in service with their ratings of the data set, and gets what the
site would show them. One row a person: ``user_id``, and ``recommendations``, best first, each with
``item_id``, ``title`` and ``score``, and of films with ``movie_id``, as the REST API calls it.
Where the catalogue has keys of its own, ``user_key`` and ``item_key`` stand beside the ids; a user
whose key the release does not know yet has no ``user_id``.

Exit status 0: written. 2: bad input, nothing was written.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    # spark-submit puts this file's folder on the path; imports start one above.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, SparkSession

from recommender.errors import ConfigError, DataError
from recommender.keys import NO_KEYS, Keys
from recommender.model import NO_STARS, Model, Person
from spark_jobs.als import solver
from spark_jobs.als.packing import NothingToPack, build_blocks
from spark_jobs.als.rating_blocks import Block, BlockedRatings
from spark_jobs.array_cache import joined
from spark_jobs.command import command, data_folders
from spark_jobs.config.configuration import Config, load_config
from spark_jobs.config.options import add_dataset_options, add_releases_option, open_releases
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.job_parser import JobParser
from spark_jobs.output_folder import OutputFolder
from spark_jobs.session import build_session
from spark_jobs.training_set import read_inputs

MOVIE = "movie"
Row = tuple[Any, ...]


@command
def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.n < 1:
        raise ConfigError(f"--n {options.n}: give at least 1")
    settings = load_config(options)
    folders = _folders(options.data, settings)
    out = OutputFolder(options.out, options.overwrite)
    store = open_releases(options.releases)
    model = Model(store.read(options.version or store.current().version))
    if settings.own and not model.release.keys:
        raise ConfigError(
            f"release {model.version} has no keys, so it is of another catalogue than"
            f" {settings.own.path}; train one with --config, or name another --version"
        )
    spark = build_session("marquee recommend")
    out.check(spark)
    datasets = read_inputs(spark, settings, folders, known=model.release.keys or NO_KEYS)
    stars = read_stars(datasets, model)
    keys = datasets[0].keys.users if datasets[0].keys else None
    out.write(recommend_all(spark, stars, model, options.n, titles_by_row(model), keys))
    print(
        f"The best {options.n} titles for each of {len(stars.users.ids):,} people are in"
        f" {options.out}, by release {model.version}."
    )
    return 0


def _folders(named: list[str] | None, settings: Config) -> list[str]:
    if not (named or settings.own):
        raise ConfigError("--data: name a folder, or with --config a file that describes tables")
    return data_folders(named, settings)


def read_stars(datasets: Sequence[Dataset], model: Model) -> BlockedRatings:
    """The ratings of those titles that the model knows. Raises DataError where there are none."""
    try:
        stars = build_blocks(
            joined([data.ratings for data in datasets]), model.items.index.item_ids
        )
    except NothingToPack as error:
        raise DataError(
            f"{datasets[0].path}: no rating is of a title that release {model.version} knows;"
            " give the data it was trained on"
        ) from error
    for data in datasets:
        data.ratings.unpersist()
    return stars


def titles_by_row(model: Model) -> list[str]:
    """Return the title of each item that the model knows. Raises ReleaseError."""
    titles = {item.item_id: item.title for item in model.release.items()}
    return [titles.get(item_id, "") for item_id in model.items.index.item_ids.tolist()]


def schema(model: Model) -> str:
    """Return the columns of recommendations by this model."""
    keyed = model.release.keys is not None
    beside = "movie_id: bigint, " if model.catalogue.noun == MOVIE else ""
    beside += "item_key: string, " if keyed else ""
    item = f"item_id: bigint, {beside}title: string, score: double"
    user = f"user_id bigint, {'user_key string, ' if keyed else ''}"
    return f"{user}recommendations array<struct<{item}>>"


def recommend_all(
    spark: SparkSession,
    stars: BlockedRatings,
    model: Model,
    n: int,
    titles: Sequence[str],
    keys: Keys | None = None,
) -> DataFrame:
    """The ``n`` best items that each user has not rated, of ``schema``; fewer where there are no
    more. ``stars``: of items that the model knows. ``titles``: by row of the model. ``keys``: of
    the users, where the catalogue has keys."""
    rows = model.items.index.rows(stars.items.ids)
    shared = spark.sparkContext.broadcast((model, stars.users.ids, rows, titles, keys))
    films = model.catalogue.noun == MOVIE

    def recommend(block: Block) -> Iterator[Row]:
        model, user_ids, rows, titles, keys = shared.value
        release_keys = model.release.keys
        block = block._replace(columns=rows[block.columns])
        ranking = model.release.ranking
        preferences = block.with_values(model.feedback.preference(block.wide_values))
        factors = np.array(model.release.arrays.ranking_factors)
        vectors = solver.solve_rows(preferences, factors, ranking)
        for row, vector in enumerate(vectors):
            piece = slice(block.starts[row], block.starts[row + 1])
            rated = block.columns[piece].astype(np.int64)
            neighbour_scores = model.neighbour_scores(rated, preferences.values[piece])
            person = Person(vector, *NO_STARS, rated, neighbour_scores)
            best_rows, scores = model.best(person, n, rated)
            item_ids = model.items.index.item_ids[best_rows].tolist()
            columns = [item_ids, item_ids] if films else [item_ids]
            if release_keys:
                columns.append([release_keys.items.key_of(item_id) for item_id in item_ids])
            columns.append([titles[item_row] for item_row in best_rows.tolist()])
            listed = list(zip(*columns, scores.tolist(), strict=True))
            user_id = int(user_ids[block.first_row + row])
            if release_keys is None:
                yield user_id, listed
            else:
                user_key = keys.key_of(user_id) if keys else release_keys.users.key_of(user_id)
                known = release_keys.users.key_of(user_id) is not None
                yield user_id if known else None, user_key, listed

    recommended = stars.users.blocks.rows.flatMap(recommend)
    return spark.createDataFrame(recommended, schema(model), verifySchema=False)


def _parser() -> argparse.ArgumentParser:
    parser = JobParser(
        "spark_jobs.recommend",
        "Write the best titles for everyone in a data set, as Parquet.",
        ("--data ~/ml-25m --out best", "--data ~/ml-25m --n 50 --out best --overwrite"),
    )
    parser.add_argument(
        "--data",
        action="append",
        metavar="FOLDER",
        help="a data set's folder; give it again to add inputs, of which later ones win",
    )
    add_dataset_options(parser)
    add_releases_option(parser)
    parser.add_argument("--version", help="of the release (default: the one in service)")
    parser.add_argument("--n", type=int, default=20, help="titles a person (default: %(default)s)")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="a new folder")
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the folder if an earlier run wrote it, once the new one is complete",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
