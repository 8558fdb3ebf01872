"""The built-in sample: MovieLens files, deterministic, with learnable preferences."""

import csv
import hashlib
import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from spark_jobs.datasets import sample
from spark_jobs.datasets.sample import Film, movielens_title, read_films, write_sample

RATINGS_SHA256 = "e3507abaeac4918173ca9d40593aa2d7021485f5fb02a53a2e0b142b25174924"
GENRES = (
    "Action Adventure Animation Children Comedy Crime Documentary Drama Fantasy Film-Noir Horror"
    " Musical Mystery Romance Sci-Fi Thriller War Western"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "sample"
    write_sample(folder)
    return folder


@pytest.fixture(scope="module")
def ratings(folder: Path) -> np.ndarray:
    """user, film, stars, seconds: one row per rating."""
    return np.loadtxt(folder / "ratings.csv", delimiter=",", skiprows=1)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_read_films_returns_distinct_sorted_films_of_every_genre():
    films = read_films()
    assert len(films) >= 400
    assert len({(film.title, film.year) for film in films}) == len(films)
    assert films == sorted(films, key=lambda film: (film.year, film.title))
    films_of = Counter(genre for film in films for genre in film.genres.split("|"))
    assert set(films_of) == set(GENRES.split())
    assert min(films_of.values()) >= 8


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("The Matrix", "Matrix, The (1999)"),
        ("A Separation", "Separation, A (1999)"),
        ("The Good, the Bad and the Ugly", "Good, the Bad and the Ugly, The (1999)"),
        ("La Haine", "La Haine (1999)"),
        ("Anora", "Anora (1999)"),
        ("M", "M (1999)"),
    ],
)
def test_movielens_title_formats_title_and_year(title: str, expected: str):
    assert movielens_title(Film(title, 1999, "Drama")) == expected


def test_sample_has_the_files_and_headers_of_movielens_latest(folder: Path):
    files = folder.glob("*.csv")
    assert {file.name: file.read_text(encoding="utf-8").split("\n")[0] for file in files} == {
        "movies.csv": "movieId,title,genres",
        "links.csv": "movieId,imdbId,tmdbId",
        "ratings.csv": "userId,movieId,rating,timestamp",
    }


def test_sample_is_marked_as_simulated(folder: Path):
    about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    assert about == {"name": "marquee-sample", "simulated": True}


def test_sample_lists_and_rates_every_film(folder: Path, ratings: np.ndarray):
    movies = {row["movieId"] for row in rows(folder / "movies.csv")}
    links = rows(folder / "links.csv")
    assert len(movies) == len(read_films())
    assert {row["movieId"] for row in links} == movies
    assert all(row["imdbId"] == row["tmdbId"] == "" for row in links)
    assert set(ratings[:, 1]) == {int(movie) for movie in movies}


def test_sample_users_rate_at_least_twenty_distinct_films(ratings: np.ndarray):
    assert len(np.unique(ratings[:, :2], axis=0)) == len(ratings) >= 50_000
    _, counts = np.unique(ratings[:, 0], return_counts=True)
    assert len(counts) == 600
    assert counts.min() >= 20


def test_sample_ratings_have_the_scale_and_distribution_of_movielens(ratings: np.ndarray):
    stars = ratings[:, 2]
    assert set(stars) == set(np.arange(1, 11) / 2)
    assert 3.4 < stars.mean() < 3.6
    assert np.mean(stars >= 3) > 0.75
    assert np.mean(stars < 2) < 0.08


def test_sample_ratings_are_later_than_the_release_year(ratings: np.ndarray):
    january = [datetime(film.year + 1, 1, 1, tzinfo=UTC).timestamp() for film in read_films()]
    assert np.all(ratings[:, 3] >= np.array(january)[ratings[:, 1].astype(int) - 1])


def test_sample_is_deterministic(folder: Path):
    digest = hashlib.sha256((folder / "ratings.csv").read_bytes()).hexdigest()
    assert digest == RATINGS_SHA256, "the sample has changed: if it should, note the new sum"


def test_interrupted_write_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sample, "simulate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / "sample")
    assert list(tmp_path.iterdir()) == []


def test_write_sample_keeps_an_existing_folder(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="exists already"):
        write_sample(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("genre", ["Comedy", "Horror", "Sci-Fi", "Western"])
def test_sample_users_rate_their_frequent_genres_higher(genre: str, ratings: np.ndarray):
    of_genre = np.array([genre in film.genres.split("|") for film in read_films()])
    user, stars = ratings[:, 0].astype(int), ratings[:, 2]
    in_genre = of_genre[ratings[:, 1].astype(int) - 1]
    share = np.bincount(user, in_genre) / np.maximum(np.bincount(user), 1)
    is_fan = share[user] > 2 * of_genre.mean()
    assert stars[in_genre & is_fan].mean() > stars[in_genre & ~is_fan].mean() + 0.3


def test_sample_module_imports_without_spark():
    script = "import sys; sys.modules['pyspark'] = None; import spark_jobs.datasets.sample"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[3])
