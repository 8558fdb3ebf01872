"""The published Steam files: valid and invalid data, and a release fitted on them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from recommender.catalogue import CatalogueItem
from recommender.errors import DataError
from recommender.formats.steam import BadLine, Owned, game_of, is_steam, library_of
from spark_jobs.datasets import library_batches, steam
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.datasets.steam import read_steam
from tests.support.steam_files import GAME, LIBRARIES, MANY, folder_of, library


def pairs(dataset: Dataset) -> dict[tuple[int, int], float]:
    """Return hours by (user, item); for a repeated pair those of the later line."""
    found = dataset.ratings.rows.collect()
    rows = [row for some in found for row in zip(*(a.tolist() for a in some), strict=True)]
    return {(u, i): hours for u, i, hours, line in sorted(rows, key=lambda row: row[3])}


def test_library_of_converts_minutes_to_hours() -> None:
    read = library_of(library("ann", _10=90, _20=0).encode())
    assert (read.user, read.bad) == ("ann", [])
    assert read.games == [Owned(10, "Game 10", 1.5), Owned(20, "Game 20", 0.0)]


def test_game_of_reads_year_genres_and_tags() -> None:
    line = "{u'id': u'7', u'title': u'A &amp; B', u'release_date': u'Fall 2016', u'price': 4.99,"
    line += " u'genres': [u'Design &amp; Illustration', u'Indie'], u'tags': [u'2D', u'Co-op']}"
    assert game_of(line.encode()) == CatalogueItem(
        7, "A & B", 2016, ("Design & Illustration", "Indie"), description="2D, Co-op"
    )
    assert game_of(b"{'id': '7', 'app_name': 'Only This'}") == CatalogueItem(7, "Only This")


BAD_LINES = {
    "cut_off": ("{'user_id': 'ann', 'items': [", "not a Python literal"),
    "json_null": ('{"user_id": null, "items": []}', "not a Python literal"),
    "a_call": ("__import__('os').abort()", "not a Python literal"),
    "a_list": ("['user_id', 'items']", "not a Python dict"),
    "no_user": ("{'items': []}", "no user_id"),
    "no_items": ("{'user_id': 'ann'}", "no list of items"),
    "nested_too_deep": ("[" * 100_000, "not a Python literal"),
    "far_too_long": (f"{{'user_id': '{'x' * 4_000_000}'}}", "longer than"),
    "no_text": (b"\xff\xfe{}", "not a Python literal"),
    "a_null_byte": (b"{'user_id': '\x00'}\x00", "not a Python literal"),
}


@pytest.mark.parametrize(("line", "problem"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_library_of_rejects_an_invalid_line(line: str | bytes, problem: str) -> None:
    with pytest.raises(BadLine, match=problem):
        library_of(line if isinstance(line, bytes) else line.encode())


ODD_GAMES = {
    "negative": (-5, "playtime_forever is -5, out of range"),
    "text": ("long", "playtime_forever is 'long', not a number"),
    "infinite": (float("1e999"), "playtime_forever is inf"),
    "true": (True, "playtime_forever is 'True', not a number"),
}


@pytest.mark.parametrize(("minutes", "problem"), ODD_GAMES.values(), ids=ODD_GAMES.keys())
def test_library_of_skips_an_invalid_game(minutes: object, problem: str) -> None:
    line = library("ann", _10=minutes, _20=60).replace("inf", "1e999")
    read = library_of(line.encode())
    assert [game.app_id for game in read.games] == [20]
    assert problem in read.bad[0]


def test_library_of_skips_invalid_game_ids() -> None:
    for app_id in ("x", "", "-1", "4294967296", "٣"):
        assert library_of(library("ann", **{f"_{app_id}": 1}).encode()).games == []


def test_is_steam_recognises_file_names() -> None:
    assert is_steam(["steam_games.json.gz", "australian_users_items.json.gz"])
    assert not is_steam(["ratings.csv", "movies.csv", "users_items.txt"])


def test_read_steam_numbers_users_by_their_first_line(spark: SparkSession, tmp_path: Path) -> None:
    lines = [library("ann", _400=60, _10=30), library("bob", _10=0), library("ann", _10=120)]
    dataset = read_steam(spark, folder_of(tmp_path / "s", [*lines, *MANY]))
    found = pairs(dataset)
    assert {pair: h for pair, h in found.items() if pair[0] <= 3} == {
        (1, 400): 1.0,
        (1, 10): 2.0,
        (2, 10): 0.0,
    }
    assert (dataset.feedback, dataset.layout, dataset.rows) == ("implicit", "Steam", 304)
    assert dataset.findings.counts[steam.TWICE] == 1
    assert dataset.findings.examples[steam.TWICE] == ["line 3"]


def test_read_steam_names_unlisted_games_from_the_libraries(
    spark: SparkSession, tmp_path: Path
) -> None:
    dataset = read_steam(spark, folder_of(tmp_path / "s", [library("ann", _10=1), *MANY]))
    assert dataset.items == [CatalogueItem(10, "Game 10"), CatalogueItem(400, "Portal", 2007)]
    assert dataset.findings.examples[steam.UNLISTED] == ["10 'Game 10'"]


def test_read_steam_counts_findings_with_examples(spark: SparkSession, tmp_path: Path) -> None:
    odd = ["not a literal", library("eve", _400=-1), library("nobody")]
    games = [repr(GAME), repr(GAME), "{}", *(repr({**GAME, "id": str(n)}) for n in range(500, 700))]
    findings = read_steam(spark, folder_of(tmp_path / "s", [*odd, *MANY], games)).findings
    assert findings.counts == {
        steam.LISTED_TWICE: 1,
        steam.UNREADABLE: 2,
        steam.ODD_GAMES: 1,
        library_batches.NO_GAMES: 1,
    }
    assert findings.examples[steam.UNREADABLE] == [
        "steam_games, line 3: 'None' is not the id of a game",
        "line 1: not a Python literal (SyntaxError)",
    ]
    assert findings.examples[library_batches.NO_GAMES] == ["line 3: 'nobody'"]


def test_read_steam_fails_when_over_1_percent_of_lines_are_bad(
    spark: SparkSession, tmp_path: Path
) -> None:
    enough = folder_of(tmp_path / "enough", ["bad"] * 3 + MANY[:297])
    assert read_steam(spark, enough).findings.counts == {steam.UNREADABLE: 3}
    with pytest.raises(DataError, match=r"4 bad of 301 lines, which is more than 1%: 4 lines that"):
        read_steam(spark, folder_of(tmp_path / "much", ["bad"] * 4 + MANY[:297]))


def test_read_steam_reads_a_truncated_file_up_to_its_end(
    spark: SparkSession, tmp_path: Path
) -> None:
    folder = folder_of(
        tmp_path / "s", [library(f"p{n * 7919 % 10_007}", _400=n) for n in range(9000)]
    )
    path = Path(folder) / LIBRARIES
    path.write_bytes(path.read_bytes()[:-2000])
    dataset = read_steam(spark, folder)
    assert 1000 < dataset.rows < 9000
    assert dataset.findings.counts[steam.CUT_SHORT] == 1
    assert f"line {dataset.rows + 1}" in dataset.findings.examples[steam.CUT_SHORT][0]


def test_read_steam_says_why_files_are_unusable(spark: SparkSession, tmp_path: Path) -> None:
    folder = Path(folder_of(tmp_path / "s", [library("nobody")]))
    with pytest.raises(DataError, match="nobody has a game"):
        read_steam(spark, str(folder))
    (folder / LIBRARIES).write_bytes(gzip.compress(b""))
    with pytest.raises(DataError, match="is empty"):
        read_steam(spark, str(folder))
    (folder / "other_users_items.json.gz").touch()
    with pytest.raises(DataError, match="one file of libraries and one catalogue"):
        read_steam(spark, str(folder))


def test_read_steam_is_equal_on_a_cluster_and_on_one_machine(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path / "s", [library("ann", _10=30), *MANY, library("ann", _10=60)])
    here = read_steam(spark, folder)
    monkeypatch.setattr("spark_jobs.datasets.steam.local_file", lambda *_: None)
    there = read_steam(spark, folder)
    assert pairs(there) == pairs(here)
    assert (there.findings, there.items) == (here.findings, here.items)


def test_read_steam_accepts_blank_lines_and_plain_files(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "users_items.json").write_text(f"\n{library('ann', _400=60)}\n\n")
    (tmp_path / "steam_games.json").write_text(f"\n{GAME!r}\n\n")
    assert pairs(read_steam(spark, str(tmp_path))) == {(2, 400): 1.0}


def test_train_fits_a_release_on_hours(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two tastes: users with even ids own even games, others odd ones."""
    from recommender.model import Model
    from recommender.parity import check_parity
    from recommender.storage.release_store import ReleaseStore
    from spark_jobs import train

    rng = np.random.default_rng(0)
    lines = [
        library(
            f"p{n}",
            **{
                f"_{2 * g + n % 2 + 10}": int(rng.integers(0, 900)) for g in rng.permutation(12)[:6]
            },
        )
        for n in range(120)
    ]
    games = [repr({**GAME, "id": str(n), "title": f"Game {n}"}) for n in range(10, 34)]
    folder = folder_of(tmp_path / "s", [*lines, "bad"], games)
    releases, sizes = tmp_path / "releases", ["--ranking-rank", "4"]
    status = train.main(["--data", folder, "--releases", str(releases), *sizes])
    assert status == 0, capsys.readouterr().err
    store = ReleaseStore(releases)
    release = store.read(store.current().version)
    assert (release.catalogue.feedback, release.catalogue.noun) == ("implicit", "game")
    assert release.rating is None
    assert release.inputs[0]["findings"][0]["count"] == 1
    assert "1 lines that cannot be read: line 121" in capsys.readouterr().err
    assert check_parity(release).holds
    model = Model(release)
    even = {row.item_id % 2 for row in model.recommend(model.fold_in({10: 50.0, 12: 3.0}), 5)}
    assert even == {0}
    report = (store.folder / release.version / "report" / "index.html").read_text()
    assert "Hours played" in report
    assert "lines that cannot be read" in report
    assert {"catalogue AUC", "recall@10"} < release.metrics.keys()
    assert "RMSE" not in release.metrics
    # The site also exports hours for games.
    exported = tmp_path / "exported"
    exported.mkdir()
    (exported / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n500,10,123.5,1700000000\n"
    )
    options = ["--ratings", str(exported), "--promote", "always", *sizes]
    assert train.main(["--data", folder, "--releases", str(releases), *options]) == 0
    again = store.read(store.current().version)
    assert again.catalogue.max_user_id == 500
    manifest = json.loads((store.folder / again.version / "release.json").read_text())
    assert manifest["catalogue"]["users"] == 121


LONG_HEX = "0x" + "f" * 5000


@pytest.mark.parametrize(
    "game",
    [
        f"{{'item_id': {LONG_HEX}}}",
        f"{{'item_id': '{'0' * 5000}'}}",
        "{'item_id': '00000000000000000000009999999999'}",
        "{'item_id': ['1']}",
        "{'item_id': 1.0}",
        f"{{'item_id': '1', 'playtime_forever': {LONG_HEX}}}",
        f"{{'item_id': '1', 'playtime_forever': -{'9' * 400}}}",
        "{'item_id': '1', 'playtime_forever': [60]}",
    ],
)
def test_library_of_rejects_numbers_out_of_range(game: str) -> None:
    read = library_of(f"{{'user_id': 'ann', 'items': [{game}]}}".encode())
    assert (read.games, len(read.bad)) == ([], 1)
    assert len(read.bad[0]) < 100


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("'\\ud800 Fortress'", "? Fortress"),
        ("'Spa\\0ce'", "Space"),
        (LONG_HEX, "Game 1"),
        ("[]", "Game 1"),
    ],
)
def test_library_of_cleans_names_for_storage(name: str, kept: str) -> None:
    read = library_of(
        f"{{'user_id': 'ann', 'items': [{{'item_id': '1', 'item_name': {name}}}]}}".encode()
    )
    assert [game.name for game in read.games] == [kept]


def test_game_of_cleans_title_and_genres_for_storage() -> None:
    game = game_of(b"{'id': 1, 'title': '\\ud800 A', 'genres': ['\\ud800'], 'tags': ['b\\0']}")
    assert (game.title, game.genres, game.description) == ("? A", ("?",), "b")
