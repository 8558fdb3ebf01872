"""The built-in sample: real films, simulated people, in the files of MovieLens latest.

For a machine without a network, and for tests. The films are `sample_films.csv`; the ratings come
from a small model of an audience, and the same bytes are written everywhere. Logarithms and the
products of BLAS differ in the last bit between machines, and numpy's normal numbers between its
versions: so everything random is made of uniform numbers by sums, products and square roots.

    python -m spark_jobs.datasets.sample FOLDER
"""

import argparse
import csv
import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SEED = 2090  # of some thousands, one by which films that everybody knows are well known here too
PEOPLE = 600
LEAST_RATINGS = 20
MOST_RATINGS = 300
YEAR = 365 * 24 * 60 * 60  # seconds
LAST_VISIT = int(np.datetime64("2025-09-01", "s").astype(np.int64))


class Film(NamedTuple):
    title: str
    year: int
    genres: str


class SimulatedRatings(NamedTuple):
    """One row per rating, by user and then by film; `timestamp` in seconds since 1970."""

    user_id: Integers
    item_id: Integers
    stars: Floats
    timestamp: Integers


def read_films() -> list[Film]:
    """The films of the sample, by year and title; film number n has the id n + 1."""
    text = files("spark_jobs.datasets").joinpath("sample_films.csv").read_text(encoding="utf-8")
    return [
        Film(row["title"], int(row["year"]), row["genres"])
        for row in csv.DictReader(text.splitlines())
    ]


def movielens_title(film: Film) -> str:
    """The title as MovieLens writes it: `Matrix, The (1999)`."""
    first, _, rest = film.title.partition(" ")
    title = f"{rest}, {first}" if rest and first in {"The", "A", "An"} else film.title
    return f"{title} ({film.year})"


def simulate(films: list[Film]) -> SimulatedRatings:
    """What simulated people rated, and when: the same on every machine for the same films."""
    random = Generator(PCG64(SEED))
    years = np.array([film.year for film in films])
    released = (years - 1970 + 1).astype("datetime64[Y]").astype("datetime64[s]").astype(np.int64)
    last_visit = LAST_VISIT - whole(10 * YEAR * np.square(random.random(PEOPLE)))
    quality = bell(random, len(films))
    liking = (
        genre_liking(random, films)
        + 0.6 * era_liking(random, years)
        + 0.5 * hidden_liking(random, len(films))
    )

    # People watch what is well known and what they expect to like, if it came out in their time.
    appeal = 0.8 * fame(random, quality, years) + liking + 0.7 * bell(random, *liking.shape)
    appeal[released > last_visit[:, None]] = -np.inf
    counts = activity(random)
    user_rows, item_rows = np.nonzero(most_appealing(appeal, counts))

    stars = to_stars(random, 0.5 * quality + 0.7 * liking)[user_rows, item_rows]
    each_persons = np.split(released[item_rows], np.cumsum(counts)[:-1])
    times = [
        visits(random, theirs, last) for theirs, last in zip(each_persons, last_visit, strict=True)
    ]
    return SimulatedRatings(user_rows + 1, item_rows + 1, stars, np.concatenate(times))


def bell(random: Generator, *shape: int) -> Floats:
    """Nearly normal numbers, mean 0 and variance 1: twelve uniform ones added up, less six."""
    total = np.zeros(shape)
    for _ in range(12):
        total += random.random(shape)
    return total - 6


def whole(numbers: Floats) -> Integers:
    return np.floor(numbers).astype(np.int64)


def inner(people: Floats, films: Floats) -> Floats:
    """`people @ films.T`, summed in a fixed order."""
    total = np.zeros((len(people), len(films)))
    for person_factor, film_factor in zip(people.T, films.T, strict=True):
        total += person_factor[:, None] * film_factor
    return total


def genre_liking(random: Generator, films: list[Film]) -> Floats:
    """A mild opinion of every genre, and a love of about two: (people, films)."""
    genres = sorted({genre for film in films for genre in film.genres.split("|")})
    has = np.array([[genre in film.genres.split("|") for genre in genres] for film in films])
    taste = 0.4 * bell(random, PEOPLE, len(genres))
    taste += 2.5 * (random.random(taste.shape) < 2 / len(genres))
    return inner(taste, has / np.sqrt(has.sum(axis=1, keepdims=True)))


def era_liking(random: Generator, years: Integers) -> Floats:
    """From 1 in a person's favourite year down to -1 fifty years away: (people, films)."""
    favourite = 1930 + 95 * random.random((2, PEOPLE)).max(axis=0)
    liking: Floats = np.maximum(1 - np.abs(years - favourite[:, None]) / 25, -1)
    return liking


def hidden_liking(random: Generator, films: int) -> Floats:
    """What no label on the film explains: (people, films)."""
    return 0.5 * inner(bell(random, PEOPLE, 4), bell(random, films, 4))


def fame(random: Generator, quality: Floats, years: Integers) -> Floats:
    """Log of a power law of rank; good films and recent ones tend to be better known."""
    known = bell(random, len(years)) + 0.5 * quality + (years - 1970) / 25
    rank = np.argsort(np.argsort(-known, kind="stable"), kind="stable")
    log_rank: Floats = np.log(rank + 10.0)
    return -np.round(log_rank, 6)


def activity(random: Generator) -> Integers:
    """How many films each person rates: a Pareto law with exponent 2."""
    wanted = LEAST_RATINGS + 110 * (1 / np.sqrt(1 - random.random(PEOPLE)) - 1)
    return np.minimum(whole(wanted), MOST_RATINGS)


def most_appealing(appeal: Floats, counts: Integers) -> NDArray[np.bool_]:
    """True for the counts[u] films that appeal most to person u: (people, films)."""
    order = np.argsort(-appeal, axis=1, kind="stable")
    return np.argsort(order, axis=1, kind="stable") < counts[:, None]


def to_stars(random: Generator, enjoyment: Floats) -> Floats:
    """Stars from 0.5 to 5: everyone has a mean and a spread, and some never give half stars."""
    mean = 2.85 + 0.3 * bell(random, PEOPLE, 1)
    spread = 0.8 + 0.4 * random.random((PEOPLE, 1))
    step = np.where(random.random((PEOPLE, 1)) < 0.35, 1.0, 0.5)
    joy = enjoyment + 0.7 * bell(random, *enjoyment.shape)
    felt = mean + spread * (joy - 0.1 * joy * joy)  # disappointment weighs more than delight
    stars: Floats = np.clip(np.floor(felt / step + 0.5) * step, step, 5)
    return stars


def visits(random: Generator, released: Integers, last: int) -> Integers:
    """When one person rated these films: in sessions over some years, each film once it was out."""
    sessions = 1 + len(released) // 12
    years = 1 + 5 * random.random()
    starts = np.sort(last - whole(years * YEAR * random.random(sessions)))
    starts[-1] = last
    earliest = np.searchsorted(starts, released)
    session = earliest + whole((sessions - earliest) * random.random(len(released)))
    order = np.argsort(session, kind="stable")
    times = np.empty_like(released)
    times[order] = starts[session[order]] + np.cumsum(10 + whole(50 * random.random(len(order))))
    return times


def write_rows(path: Path, header: str, rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)


def write_sample(folder: Path) -> None:
    """Write `movies.csv`, `links.csv`, `ratings.csv` and `dataset.json` to a new folder.

    They are written beside it first, so that the folder is whole or absent.
    Raises FileExistsError when there is something at `folder` already.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} exists already; remove it or name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    films = read_films()
    with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        draft = Path(scratch) / folder.name
        draft.mkdir()
        movies = [(n, movielens_title(film), film.genres) for n, film in enumerate(films, 1)]
        write_rows(draft / "movies.csv", "movieId,title,genres", movies)
        write_rows(draft / "links.csv", "movieId,imdbId,tmdbId", [(n, "", "") for n, *_ in movies])
        ratings = zip(*(column.tolist() for column in simulate(films)), strict=True)
        write_rows(draft / "ratings.csv", "userId,movieId,rating,timestamp", ratings)
        about = {"name": "marquee-sample", "simulated": True}
        (draft / "dataset.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
        draft.rename(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the built-in sample of simulated ratings.")
    parser.add_argument("folder", type=Path, help="a folder that does not exist yet")
    try:
        write_sample(parser.parse_args().folder)
    except FileExistsError as error:
        parser.error(str(error))
