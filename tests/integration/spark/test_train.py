"""Training from files to a release in service, and its errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import asdict, replace
from pyspark.sql import SparkSession

from recommender.model import Model
from recommender.params import NeighbourhoodParams, RankingParams, RatingParams
from recommender.parity import Parity, check_parity
from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore
from spark_jobs import command, train
from tests.support.datasets import (
    MOVIES_HEADER,
    QUICK,
    RATINGS_HEADER,
    Rating,
    two_tastes,
    write_csv,
    write_files,
    write_two_tastes,
)
from tests.support.training import Run, run

STAGES_BEFORE_WRITING = [
    *("reading and checking", "one rating for each pair"),
    *("fitting the ranking model", "fitting the neighbourhood"),
    *("fitting biases", "fitting the rating model"),
]

# --- on MovieLens latest-small ---


@pytest.fixture(scope="module")
def release(trained_store: ReleaseStore) -> Release:
    return trained_store.read(trained_store.current().version)


@pytest.fixture(scope="module")
def manifest(release: Release) -> dict[str, Any]:
    assert release.folder
    return json.loads((release.folder / "release.json").read_text(encoding="utf-8"))


def test_train_publishes_and_promotes_one_release(trained_store: ReleaseStore) -> None:
    current = trained_store.current()
    assert trained_store.versions() == [current.version]
    assert current.previous is None
    assert {path.name for path in trained_store.folder.iterdir()} == {
        current.version,
        "current.json",
    }


def test_manifest_describes_the_training_data(manifest: dict[str, Any], movielens: Path) -> None:
    assert manifest["catalogue"] == {
        **{"name": "ml-latest-small", "noun": "movie", "feedback": "explicit"},
        **{"rating_min": 0.5, "rating_max": 5.0, "rating_step": 0.5},
        **{"ratings": 100_836, "users": 610, "items": 9_742, "max_user_id": 610},
        "simulated": False,
    }
    assert manifest["inputs"] == [
        {"path": str(movielens), "layout": "CSV", "rows": 100_836, "titles": 9_742}
    ]


def test_manifest_has_parameters_and_durations(
    manifest: dict[str, Any],
) -> None:
    typical = manifest["ranking"]["typical_count"]
    configured = RankingParams(regularization=0.3, regularization_exponent=0.5)
    chosen = manifest["metrics"]["weights"]
    popularity, weight = chosen["ranking.popularity_weight"], chosen["neighbourhood.weight"]
    measured = replace(configured, typical_count=typical, popularity_weight=popularity)
    assert manifest["ranking"] == asdict(measured)
    liked = 81_763  # ratings above 2.5 stars
    assert typical == pytest.approx(liked / (610 * 9_724) ** 0.5, rel=1e-6)
    mean_rating = manifest["rating"].pop("mean_rating")
    assert mean_rating == pytest.approx(3.5016, abs=1e-4)
    assert manifest["rating"] == asdict(RatingParams())
    assert manifest["neighbourhood"] == asdict(NeighbourhoodParams(weight=weight))
    assert list(manifest["seconds"]) == STAGES_BEFORE_WRITING
    assert all(seconds > 0 for seconds in manifest["seconds"].values())


def test_release_statistics_equal_the_ratings_file(release: Release, movielens: Path) -> None:
    table = np.loadtxt(movielens / "ratings.csv", delimiter=",", skiprows=1)
    ids, rows = np.unique(table[:, 1].astype(int), return_inverse=True)
    counts = np.bincount(rows)
    assert release.arrays.item_ids.tolist() == ids.tolist()
    assert release.arrays.item_counts.tolist() == counts.tolist()
    means = np.bincount(rows, weights=table[:, 2]) / counts
    assert np.allclose(release.arrays.item_means, means, atol=1e-6)


def test_catalogue_includes_items_without_ratings(release: Release) -> None:
    items = {item.item_id: item for item in release.items()}
    assert len(items) == 9_742
    assert len(release.arrays.item_ids) == 9_724
    assert (items[2571].title, items[2571].year) == ("The Matrix", 1999)


def test_fold_in_of_training_users_equals_the_trained_vectors(release: Release) -> None:
    parity = check_parity(release)
    assert parity.users >= 100
    assert parity.ranking <= 1e-4
    assert parity.rating <= 1e-4
    assert parity.neighbourhood <= 1e-4
    sample = release.parity_sample()
    assert np.abs(sample.ranking_vectors).max() > 0.1
    assert np.abs(sample.neighbour_sums).max() > 0.1
    assert np.abs(sample.rating_vectors).max() > 0.1


MATRIX, STAR_WARS, EMPIRE, JEDI = 2571, 260, 1196, 1210
TOY_STORY, ALADDIN, LION_KING = 1, 588, 364


@pytest.mark.parametrize(
    ("liked", "theirs"),
    [
        ((MATRIX, STAR_WARS, EMPIRE), {"Sci-Fi", "Adventure"}),
        ((TOY_STORY, ALADDIN, LION_KING), {"Animation", "Children"}),
    ],
    ids=["science fiction", "animation"],
)
def test_model_recommends_fans_more_items_of_their_genre(
    release: Release, liked: tuple[int, ...], theirs: set[str]
) -> None:
    model = Model(release)
    genres = {item.item_id: set(item.genres) for item in release.items()}

    def listed(ratings: dict[int, float]) -> tuple[list[int], int]:
        top = [row.item_id for row in model.recommend(model.fold_in(ratings), 30)]
        return top, sum(bool(genres[item] & theirs) for item in top)

    fans, fitting = listed(dict.fromkeys(liked, 5.0))
    assert fitting >= listed({})[1] + 3
    assert not set(liked) & set(fans)
    assert MATRIX not in liked or JEDI in fans[:3]


def test_predicted_ratings_follow_taste_and_quality(release: Release) -> None:
    model = Model(release)
    shawshank, battlefield_earth = 318, 3593
    stars = model.estimate(model.fold_in({MATRIX: 5.0}), [shawshank, battlefield_earth])
    assert stars[shawshank] > 4
    assert stars[battlefield_earth] < 3


# --- on a few ratings ---


def of_user(release: Release, user: int) -> dict[int, float]:
    """Return the training ratings of a user, from the parity sample (which has all users here)."""
    sample = release.parity_sample()
    ratings = dict(sample.users())
    return ratings[sample.user_ids.tolist().index(user)]


@pytest.fixture(scope="module")
def merged(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two inputs; the second has user 1 again, a new user, and unlisted items."""
    folder = tmp_path_factory.mktemp("merged")
    write_two_tastes(folder / "first", people=10, films=8)
    before, after = 0, 10**9
    again: list[Rating] = [(1, 3, 2.5, after), (1, 2, 4.5, before), (40, 3, 3.0, after)]
    unlisted: list[Rating] = [(40, 98, 5.0, after), (41, 99, 5.0, after)]
    titles = {1: "Film One (2001)", 21: "Unrated (2002)"}
    write_csv(folder / "second", again + unlisted, titles)
    inputs = ("--data", str(folder / "first"), "--data", str(folder / "second"))
    return run(folder, *inputs, *QUICK, "--ranking-alpha", "7.5", "--seed", "3")


def test_train_keeps_the_newer_rating_of_a_pair_in_two_inputs(merged: Run) -> None:
    first = {item: stars for user, item, stars, _ in two_tastes(10, 8) if user == 1}
    assert (first[3], first[2]) == (5.0, 1.0)
    assert of_user(merged.release, 1) == {**first, 3: 2.5}


def test_train_keeps_the_later_metadata_of_an_item_in_two_inputs(merged: Run) -> None:
    titles = {item.item_id: (item.title, item.year) for item in merged.release.items()}
    assert titles[1] == ("Film One", 2001)
    assert titles[2] == ("Film 2", 2000)
    assert len(titles) == 9


def test_train_skips_and_reports_ratings_of_unlisted_items(merged: Run) -> None:
    assert "2 ratings of titles that no catalogue lists were left out.\n" in merged.err
    assert merged.release.arrays.item_ids.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert of_user(merged.release, 40) == {3: 3.0}


def test_manifest_counts_kept_ratings_and_names_both_inputs(merged: Run) -> None:
    facts = merged.release.catalogue
    rows = len(two_tastes(10, 8))
    assert [entry["rows"] for entry in merged.release.inputs] == [rows, 5]
    assert (facts.name, facts.ratings, facts.users) == ("first + second", rows + 1, 11)
    assert (facts.items, facts.max_user_id, facts.simulated) == (9, 40, False)
    assert f"{merged.release.version} is in service: {rows + 1} ratings by 11 people" in merged.out


def test_manifest_has_the_options_of_the_command_line(merged: Run) -> None:
    release = merged.release
    ranking = release.ranking
    assert (ranking.rank, ranking.iterations, ranking.alpha) == (4, 3, 7.5)
    assert release.rating == RatingParams(rank=4, iterations=3, bias_sweeps=1)


def test_train_warm_starts_from_the_current_release(spark: SparkSession, tmp_path: Path) -> None:
    data = ("--data", str(write_two_tastes(tmp_path / "ml")), *QUICK)
    cold = run(tmp_path, *data, "--warm-start")
    assert "no release to start from" in cold.err
    before = cold.release.arrays.ranking_factors
    warm = run(tmp_path, *data, "--warm-start", "--ranking-iterations", "1", "--rating-rank", "3")
    assert (
        "the rating model of rank 3 starts from scratch: the release in service has rank 4"
        in warm.err
    )
    after = warm.release.arrays.ranking_factors
    assert np.sum(before * after) > 0.95 * np.linalg.norm(before) * np.linalg.norm(after)


def test_train_rejects_a_warm_start_with_mllib(tmp_path: Path) -> None:
    ended = run(tmp_path, "--warm-start", "--solver", "mllib")
    assert ended.status == 2
    assert "--warm-start needs --solver als" in ended.err


def test_train_fits_with_mllib_and_default_parameters(spark: SparkSession, tmp_path: Path) -> None:
    data = ("--data", str(write_two_tastes(tmp_path / "ml")))
    ended = run(tmp_path, *data, "--solver", "mllib", *QUICK)
    assert ended.status == 0
    assert ended.release.ranking.regularization_exponent == 1  # the only one that MLlib supports
    assert check_parity(ended.release).holds


def test_parity_is_that_of_single_precision_after_few_iterations(
    spark: SparkSession, tmp_path: Path
) -> None:
    films = range(1, 31)
    ratings = [(u, i, 0.5 + (u * i + i // 4) % 10 / 2, 0) for u in range(1, 61) for i in films]
    write_csv(tmp_path / "ml", ratings, {i: f"Film {i}" for i in films})
    parity = check_parity(run(tmp_path, "--data", str(tmp_path / "ml"), *QUICK).release)
    assert max(parity.ranking, parity.rating) < 1e-5


def files(release: Release) -> dict[str, bytes]:
    assert release.folder
    return {path.name: path.read_bytes() for path in release.folder.glob("*.np?")}


def test_train_writes_the_same_bytes_for_the_same_inputs_and_seed(
    spark: SparkSession, tmp_path: Path
) -> None:
    data = ("--data", str(write_two_tastes(tmp_path / "ml", people=60)), *QUICK)
    first, again, other = (
        files(run(tmp_path, *data, "--seed", seed).release) for seed in ("1", "1", "2")
    )
    assert {"ranking_factors.npy", "rating_factors.npy", "item_bias.npy", "parity.npz"} < set(first)
    assert first == again
    assert first["ranking_factors.npy"] != other["ranking_factors.npy"]


def test_rating_factors_include_ranking_factors_and_item_features(merged: Run) -> None:
    arrays, params = merged.release.arrays, merged.release.rating
    # Four learned, four of the ranking model; popularity, Drama and one decade.
    assert arrays.rating_factors.shape == (8, 4 + 4 + 3)
    shares = arrays.item_counts / arrays.item_counts.sum()
    taste, description = arrays.rating_factors[:, 4:8], arrays.rating_factors[:, 8:]
    for beside, weight in ((taste, params.taste_weight), (description, params.description_weight)):
        assert shares @ beside == pytest.approx(np.zeros(beside.shape[1]), abs=1e-6)
        assert shares @ (beside**2).sum(axis=1) == pytest.approx(weight**2)


def test_rating_factors_exclude_parts_with_weight_0(spark: SparkSession, tmp_path: Path) -> None:
    data = ("--data", str(write_two_tastes(tmp_path / "ml")), *QUICK)
    plain = ("--rating-taste-weight", "0", "--rating-description-weight", "0")
    assert run(tmp_path, *data, *plain).release.arrays.rating_factors.shape == (20, 4)


def test_model_separates_users_of_two_tastes(merged: Run) -> None:
    model = Model(merged.release)
    stars = model.estimate(model.fold_in({1: 5.0, 2: 1.0}), [5, 6])
    assert stars[5] > stars[6]


def test_train_succeeds_at_a_high_rank_when_a_user_likes_nothing(
    spark: SparkSession, tmp_path: Path
) -> None:
    """Two items are liked, by all users but one, whose λ·n₊ is 0."""
    films = range(1, 11)
    ratings = [(u, i, 5.0 if i == 1 + u % 2 else 1.0, 0) for u in range(1, 11) for i in films]
    nothing = [(11, i, 0.5, 0) for i in films]
    write_csv(tmp_path / "ml", ratings + nothing, {i: f"Film {i}" for i in films})
    ended = run(tmp_path, "--data", str(tmp_path / "ml"), *QUICK, "--ranking-rank", "8")
    assert ended.status == 0
    parity = check_parity(ended.release)
    assert parity.users == 11
    assert parity.holds


# --- errors ---


def malformed(folder: Path) -> list[str]:
    write_two_tastes(folder)
    with (folder / "ratings.csv").open("a") as ratings:
        ratings.write("1,1,five,0\n")
    return ["--data", str(folder)]


def missing_column(folder: Path) -> list[str]:
    write_files(folder, {"ratings.csv": "userId,movieId,timestamp\n", "movies.csv": MOVIES_HEADER})
    return ["--data", str(folder)]


def no_known_title(folder: Path) -> list[str]:
    write_files(folder, {"ratings.csv": RATINGS_HEADER + "1,1,5,0\n", "movies.csv": MOVIES_HEADER})
    return ["--data", str(folder)]


def nothing_liked(folder: Path) -> list[str]:
    write_csv(folder, [(1, 1, 2.0, 0), (2, 1, 1.0, 0)], {1: "Film (2000)"})
    return ["--data", str(folder), "--ranking-rank", "1", "--rating-rank", "1"]


Rows = list[tuple[int, int, float, int]]
ODD: dict[str, Rows] = {
    "one title": [(user, 1, 4.0, 0) for user in range(1, 6)],
    "one rating each": [(user, user, 4.0, 0) for user in range(1, 6)],
    "all equal": [(user, item, 5.0, 0) for user in range(1, 6) for item in range(1, 5)],
    "a title that everybody has": [(u, i, 4.5, 0) for u in range(1, 6) for i in {1, u}],
}


@pytest.mark.parametrize("rows", ODD.values(), ids=ODD)
@pytest.mark.parametrize("solver", ["als", "mllib"])
def test_odd_ratings_make_a_release_whose_scores_are_finite(
    tmp_path: Path, rows: Rows, solver: str
) -> None:
    write_csv(tmp_path, rows, {item: f"Film {item} (2000)" for item in range(1, 6)})
    small = ("--ranking-rank", "1", "--rating-rank", "1")
    trained = run(tmp_path, "--data", str(tmp_path), *small, "--solver", solver)
    assert trained.status == 0, trained.err
    assert check_parity(trained.release).neighbourhood <= Parity.TOLERANCE
    model = Model(trained.release)
    assert np.isfinite(model.scores(model.fold_in({1: 5.0}))).all()


@pytest.mark.parametrize("neighbours", ["0", "3"])
def test_neighbourhood_has_as_many_neighbours_as_asked_for(tmp_path: Path, neighbours: str) -> None:
    data = ["--data", str(write_two_tastes(tmp_path)), *QUICK]
    release = run(tmp_path, *data, "--neighbourhood-neighbours", neighbours).release
    assert check_parity(release).holds
    if neighbours == "0":
        assert (release.neighbourhood, release.neighbours) == (None, None)
    else:
        assert release.neighbours is not None
        targets = np.bincount(release.neighbours.neighbour_rows)
        assert targets.max() == 3


def unknown_parameter(folder: Path) -> list[str]:
    write_files(folder, {"mine.yaml": "ranking:\n  rnk: 8\n"})
    return ["--config", str(folder / "mine.yaml"), "--data", str(folder)]


def with_options(*options: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        return ["--data", str(write_two_tastes(folder)), *options]

    return make


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (malformed, "ratings.csv, line 402: the rating is not a number"),
        (missing_column, "ratings.csv, line 1: column 'rating' is missing"),
        (lambda folder: ["--data", str(folder)], "no such folder"),
        (lambda folder: ["--data", "s3://bucket/ratings"], "s3://bucket/ratings"),
        (no_known_title, "no rating is of a title in the catalogue"),
        (nothing_liked, "no rating is above the neutral 2.5; give a lower --ranking-neutral"),
        (with_options("--ranking-rank", "21"), "20 titles; give a rank of 20 or less"),
        (with_options(*QUICK, "--rating-rank", "31"), "30 people or 20 titles; give a rank"),
        (
            with_options(*QUICK, "--ranking-neutral", "5"),
            "neutral must be below the best rating, 5",
        ),
        (with_options("--ranking-rank", "0"), "rank must be a whole number of at least 1"),
        (with_options("--config", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        (unknown_parameter, "mine.yaml, ranking: unknown parameter 'rnk'"),
    ],
    ids=[
        *("a malformed line", "a missing column", "an absent folder", "no such file system"),
        *("titles of another data set", "nothing liked"),
        *("more factors than titles", "more factors than people", "neutral at the best"),
        *("an option out of range", "an absent configuration", "an unknown parameter"),
    ],
)
@pytest.mark.usefixtures("spark")
def test_train_exits_with_status_2_and_one_line_when_input_is_bad(
    tmp_path: Path, make: Callable[[Path], list[str]], expected: str
) -> None:
    ended = run(tmp_path, *make(tmp_path / "ml"))
    assert ended.status == 2
    errors = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert ended.err.endswith(errors[0] + "\n")
    assert expected in errors[0]
    assert "Traceback" not in ended.err
    assert not ended.releases.exists()


def test_failed_train_keeps_the_current_release(tmp_path: Path) -> None:
    write_files(tmp_path / "releases", {"current.json": "as it was"})
    ended = run(tmp_path, "--data", str(tmp_path / "nowhere"))
    assert ended.status == 2
    left = {path.name: path.read_text() for path in ended.releases.iterdir()}
    assert left == {"current.json": "as it was"}


def test_train_rejects_a_releases_url_other_than_s3_before_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELEASES", "https://bucket/releases")
    assert train.main(["--data", str(tmp_path / "nowhere")]) == 2
    expected = "error: RELEASES=https://bucket/releases: must be a folder; give its path,"
    expected += " or s3://bucket/folder\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("releases", ["occupied", "occupied/below"])
def test_train_prints_one_line_when_releases_cannot_be_written(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], releases: str
) -> None:
    write_files(tmp_path, {"occupied": "by a file"})
    data = str(write_two_tastes(tmp_path / "ml"))
    assert train.main(["--data", data, "--releases", str(tmp_path / releases), *QUICK]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert str(tmp_path / releases) in last


def test_train_says_how_to_install_java_when_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = run(tmp_path, "--data", str(tmp_path))
    assert ended.status == 2
    assert ended.err.startswith("error: Spark needs Java 17 or newer and found none; install it")
    assert ended.err.count("\n") == 1


def test_train_reads_what_obtain_returns_without_data_option(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "obtain", lambda data, tell: tmp_path / data / "found")
    ended = run(tmp_path)
    assert ended.err == (
        f"error: {tmp_path}/data/found: no such folder; give one that holds a ratings data set\n"
    )
