"""The file that describes a catalogue of one's own, and the first one that a program writes."""

from __future__ import annotations

import argparse
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import yaml

import spark_jobs
from recommender.errors import ConfigError, DataError
from recommender.feedback import COUNTS, HAVING, SCALES, Scale
from spark_jobs.config.configuration import Config, load_config
from spark_jobs.config.options import add_options, as_options
from spark_jobs.datasets import read
from spark_jobs.datasets.catalogue_source.batches import Values
from spark_jobs.datasets.catalogue_source.guess import Sketch, as_yaml, guess
from spark_jobs.datasets.catalogue_source.scale import scale_of, valid_values

BOOKS: dict[str, Any] = {
    "catalogue": {
        "name": "The village library",
        "noun": "book",
        "feedback": "explicit",
        "scale": {"min": 1, "max": 10},
    },
    "ratings": {
        "path": "loans.csv.gz",
        "columns": {"user": "reader_no", "item": "isbn", "value": "stars", "time": "day"},
    },
    "items": {"path": "books.parquet", "columns": {"item": "isbn", "title": "title"}},
}
PLAYS = {"name": "Radio", "noun": "artist", "feedback": "implicit", "measure": {"one": "play"}}
NO_VALUE = {"user": "reader_no", "item": "isbn"}
JDBC = {"path": None, "format": "jdbc", "url": "jdbc:postgresql://db/shop", "table": "loans"}


def load(folder: Path, *arguments: str, **sections: Any) -> Config:
    values = {name: dict(section) for name, section in BOOKS.items()}
    for name, changes in sections.items():
        changed = {**values.get(name, {}), **changes}
        values[name] = {key: value for key, value in changed.items() if value is not None}
    path = folder / "catalogue.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    parser = argparse.ArgumentParser()
    add_options(parser)
    return load_config(parser.parse_args(["--config", str(path), *arguments]))


def test_load_config_takes_defaults_of_the_feedback(tmp_path: Path) -> None:
    books = load(tmp_path, model={"min_ratings": 3, "recommend_again": True})
    assert books.recommend_again
    assert (books.noun, books.feedback, books.dataset) == ("book", "explicit", "catalogue")
    assert (books.ranking.regularization, books.ranking.min_ratings) == (0.3, 3)
    assert books.gate.floors == {}
    assert set(books.gate.margins) == {"RMSE", "PR-AUC", "NDCG@10"}
    assert books.pipeline.folder == "data/pipelines/the-village-library"
    radio = load(tmp_path, catalogue={**PLAYS, "scale": None})
    assert (radio.feedback, radio.ranking.alpha) == ("implicit", 60.0)
    assert set(radio.gate.margins) == {"catalogue AUC", "recall@10"}
    assert radio.pipeline.evaluate.protocols == ("B", "D", "E")


def test_load_config_keeps_the_files_own_parameters_and_options_win(tmp_path: Path) -> None:
    settings = load(
        tmp_path, "--ranking-rank", "8", ranking={"rank": 16, "alpha": 7}, gate={"people": 9}
    )
    assert (settings.ranking.rank, settings.ranking.alpha) == (8, 7)
    assert (settings.gate.people, settings.gate.floors) == (9, {})
    path = str(tmp_path / "catalogue.yaml")
    assert as_options(settings)[:4] == ["--config", path, "--seed", "1"]


def test_load_config_finds_formats_by_endings(tmp_path: Path) -> None:
    own = load(tmp_path).own
    assert own
    assert (own.ratings.kind, own.items.kind) == ("csv", "parquet")
    assert (own.ratings.shown, own.folder) == ("loans.csv.gz", tmp_path)


SCALES_READ: dict[str, tuple[dict[str, Any], dict[str, Any], Values, Scale]] = {
    "points": ({}, {}, Values(1, 10, 0.5, 0.5), Scale(0.5, 5, 0.5)),
    "from 0": ({"scale": {"min": 0, "max": 100, "step": 10}}, {}, Values(0, 100, 0.05, 0.5),
               Scale(0.5, 5, 0.5)),
    "plays": ({**PLAYS, "scale": None}, {}, Values(0, 1e9), COUNTS),
    "hours": ({**PLAYS, "scale": None, "measure": None}, {}, Values(0, 100_000),
              SCALES["implicit"]),
    "having": ({**PLAYS, "scale": None, "measure": None}, NO_VALUE, Values(0, 1), HAVING),
}  # fmt: skip


@pytest.mark.parametrize(
    ("words", "columns", "valid", "scale"), SCALES_READ.values(), ids=SCALES_READ
)
def test_scale_follows_the_file(
    tmp_path: Path, words: dict[str, Any], columns: dict[str, Any], valid: Values, scale: Scale
) -> None:
    own = load(tmp_path, catalogue=words, ratings={"columns": columns} if columns else {}).own
    assert own
    assert (valid_values(own), scale_of(own)) == (valid, scale)


AGGREGATES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "stars": ({}, {}, "newest"),
    "stars, highest": ({}, {"aggregate": "max"}, "max"),
    "plays": ({**PLAYS, "scale": None}, {}, "sum"),
    "rows": ({**PLAYS, "scale": None}, {"columns": NO_VALUE}, "count"),
    "having": ({**PLAYS, "scale": None, "measure": None}, {"columns": NO_VALUE}, "max"),
}


@pytest.mark.parametrize(("words", "table", "expected"), AGGREGATES.values(), ids=AGGREGATES)
def test_aggregate_follows_the_file(
    tmp_path: Path, words: dict[str, Any], table: dict[str, Any], expected: str
) -> None:
    own = load(tmp_path, catalogue=words, ratings=table).own
    assert own
    assert own.aggregate == expected


BAD = {
    "catalogue: feedback must be explicit or implicit, not 'likes'": {
        "catalogue": {"feedback": "likes"}
    },
    "catalogue: explicit feedback needs a scale": {"catalogue": {"scale": None}},
    "catalogue: a scale is of explicit feedback alone": {"catalogue": {"feedback": "implicit"}},
    "catalogue, scale: min (5) must be below max (1)": {
        "catalogue": {"scale": {"min": 5, "max": 1}}
    },
    "catalogue, noun: one is missing": {"catalogue": {"noun": {"many": "books"}}},
    "ratings, columns: unknown parameter 'items'; known are user, item, value, time": {
        "ratings": {"columns": {"user": "u", "items": "i"}}
    },
    "ratings, columns: explicit feedback needs a `value` column": {
        "ratings": {"columns": NO_VALUE}
    },
    "ratings: without a `value` column rows are counted; leave out aggregate sum": {
        "catalogue": {**PLAYS, "scale": None},
        "ratings": {"columns": NO_VALUE, "aggregate": "sum"},
    },
    "ratings: path is missing: of a file, a folder, or a pattern": {"ratings": {"path": None}},
    "ratings: format must be said: one of parquet, csv, json": {"ratings": {"path": "loans"}},
    "ratings: format must be parquet, csv, json, orc, avro, jdbc, not 'xlsx'": {
        "ratings": {"format": "xlsx"}
    },
    "ratings: timezone must be a name such as Europe/Berlin, not 'Mars'": {
        "ratings": {"timezone": "Mars"}
    },
    "ratings: most_per_user must be a whole number of at least 1, not 0": {
        "ratings": {"most_per_user": 0}
    },
    "ratings: format jdbc needs a url, and a table or a query": {
        "ratings": {**JDBC, "table": None}
    },
    "ratings: url must not hold a user or a password": {
        "ratings": {**JDBC, "url": "jdbc:postgresql://db/shop?user=a&password=topsecret"}
    },
    "ratings: password must be {env: NAME}": {"ratings": {**JDBC, "password": "topsecret"}},
    "items, columns: title is missing": {"items": {"columns": {"item": "isbn"}}},
    "items, columns, genres: sep is missing": {
        "items": {"columns": {"item": "i", "title": "t", "genres": {"column": "g"}}}
    },
    "items, columns, link: template must be a web address with {key} in it": {
        "items": {"columns": {"item": "i", "title": "t", "link": {"template": "https://x.org"}}}
    },
    "items: facts: two have the label 'price'": {
        "items": {"facts": [{"column": "a", "label": "Price"}, {"column": "b", "label": "price"}]}
    },
    "items: facts: two have the column 'a_b'": {
        "items": {"facts": [{"column": "a b", "label": "x"}, {"column": "A-B", "label": "z"}]}
    },
    "items: facts: there are 13, and at most 12 may be": {
        "items": {"facts": [{"column": f"c{n}", "label": f"l{n}"} for n in range(13)]}
    },
    "items, facts, entry 1: column '€' has no letter or digit": {
        "items": {"facts": [{"column": "€", "label": "Price"}]}
    },
    "items, facts, entry 1: label must be one line of at most 40 characters, not ' '": {
        "items": {"facts": [{"column": "price", "label": " "}]}
    },
    "items, facts, entry 1: a unit is of numbers alone": {
        "items": {"facts": [{"column": "p", "label": "P", "unit": "€", "kind": "text"}]}
    },
    "items, facts, entry 1: kind must be number or text, not 'price'": {
        "items": {"facts": [{"column": "p", "label": "P", "kind": "price"}]}
    },
    "pipeline, ingest: ratings must be false, because the site has no Spark": {
        "pipeline": {"ingest": {"ratings": True}}
    },
    "model: unknown parameter 'rank'; known are min_ratings": {"model": {"rank": 4}},
    "unknown parameter 'itemz'": {"itemz": {}},
}  # fmt: skip


@pytest.mark.parametrize(("message", "sections"), BAD.items(), ids=range(len(BAD)))
def test_load_config_names_what_is_wrong(
    tmp_path: Path, message: str, sections: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, **sections)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "catalogue.yaml"))
    assert "topsecret" not in str(caught.value)


def test_load_config_rejects_dataset_beside_a_description(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--dataset: .* describes a catalogue itself"):
        load(tmp_path, "--dataset", "steam")


def film_club(*_: object) -> str:
    return "read by another package"


def test_find_reader_finds_those_of_other_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    value = f"{__name__}:film_club"
    others = [EntryPoint("film-club", value, read.GROUP), EntryPoint("gone", "no:x", read.GROUP)]
    monkeypatch.setattr(read, "entry_points", lambda group: others if group == read.GROUP else [])
    assert read.reader_names() == ("movielens", "steam", "film-club", "gone")
    assert read.find_reader("film-club") is film_club
    with pytest.raises(ConfigError, match=r"'gone': its reader no:x cannot be loaded"):
        read.find_reader("gone")
    with pytest.raises(ConfigError, match=r"'x': there is no such reader; known are movielens, st"):
        read.find_reader("x")
    parser = argparse.ArgumentParser()
    add_options(parser)
    settings = load_config(parser.parse_args(["--dataset", "film-club"]))
    assert (settings.dataset, settings.ranking.rank) == ("film-club", 128)


RATINGS = Sketch(
    "ratings.csv.gz", {"book_id": ["1", "2", "3"], "user_id": ["314", "439"], "rating": ["5", "3"]}
)
ITEMS = Sketch(
    "books.csv",
    {
        "id": ["1", "2", "3", "4"],
        "book_id": ["2767052", "3", "41865", "2"],
        "title": ["The Hunger Games", "Heidi", "Emma", "Momo"],
        "authors": ["Suzanne Collins", "Johanna Spyri, Someone Else", "Jane Austen", "Ende"],
        "image_url": ["https://books.example/1.jpg"],
    },
    sep=";",
)


def test_guess_matches_keys_and_not_names() -> None:
    found = guess([ITEMS, RATINGS])
    assert found.rating_columns == {"user": "user_id", "item": "book_id", "value": "rating"}
    assert found.item_columns["item"] == "id"
    assert "key" not in found.unsure


def test_as_yaml_writes_a_file_that_can_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text(as_yaml(guess([RATINGS, ITEMS]), "my books", [1, 5, 3]), encoding="utf-8")
    parser = argparse.ArgumentParser()
    add_options(parser)
    own = load_config(parser.parse_args(["--config", str(path)])).own
    assert own
    assert (own.catalogue.name, own.catalogue.noun.one) == ("my books", "book")
    assert own.catalogue.scale
    assert (own.catalogue.scale.min, own.catalogue.scale.max) == (1, 5)
    assert own.items.columns.creators == own.items.columns.creators.__class__("authors", ", ")
    assert own.items.options == {"sep": ";"}
    assert own.items.columns.image == "image_url"
    assert "# ?" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("column", ["played_on", "lentAt", "Loan date", "created_at"])
def test_guess_finds_times_by_the_ending_of_a_name(column: str) -> None:
    ratings = Sketch("r.csv", {**RATINGS.columns, "season": ["1"], column: ["2026-01-01"]})
    assert guess([ratings, ITEMS]).rating_columns["time"] == column


@pytest.mark.parametrize("column", ["season", "condition", "play_time", "format"])
def test_guess_takes_no_other_column_for_a_time(column: str) -> None:
    ratings = Sketch("r.csv", {**RATINGS.columns, column: ["1"]})
    assert "time" not in guess([ratings, ITEMS]).rating_columns


def test_as_yaml_names_columns_of_links_and_single_creators(tmp_path: Path) -> None:
    games = {"id": ["1", "2", "3"], "title": ["Go"], "designer": ["A. B."], "Link": ["https://x"]}
    text = as_yaml(guess([RATINGS, Sketch("g.csv", games)]), "x", [1, 5])
    assert "template" not in text
    columns = {"item": "id", "title": "title", "creators": "designer", "link": "Link"}
    assert yaml.safe_load(text)["items"]["columns"] == columns


def test_as_yaml_names_the_columns_that_it_did_not_use(tmp_path: Path) -> None:
    ratings = Sketch("r.csv", {**RATINGS.columns, "till": ["7"]})
    odd = 'a "price"\nitems: {}'
    items = Sketch("b.csv", {**ITEMS.columns, odd: ["3"], "Preis": ["5"]})
    text = as_yaml(guess([ratings, items]), "x", [1, 5])
    assert text.endswith(
        "# Not used of ratings:\n#   till\n"
        '# Not used of items:\n#   book_id\n#   "a \\"price\\" items: {}"\n#   Preis\n'
        "# Numbers and short texts of items may be shown: `facts` in docs/own_data.md.\n"
    )
    assert yaml.safe_load(text)["items"]["columns"]["item"] == "id"
    used = Sketch("b.csv", {name: ITEMS.columns[name] for name in ("id", "title")})
    assert "Not used" not in as_yaml(guess([RATINGS, used]), "x", [1, 5])


VALUES = {"having": ([1, 1], "feedback: implicit"), "counts": ([3, 700], "measure: {one: time}")}


@pytest.mark.parametrize(("values", "expected"), VALUES.values(), ids=VALUES)
def test_as_yaml_guesses_the_feedback(values: list[float], expected: str) -> None:
    text = as_yaml(guess([RATINGS, ITEMS]), "x", values)
    assert expected in text
    assert ("value:" in text) == (values != [1, 1])


def test_guess_says_what_it_looked_for() -> None:
    with pytest.raises(DataError, match=r"no table has a column that looks like a user \(books"):
        guess([ITEMS])


def test_shipped_books_can_be_loaded() -> None:
    path = Path(spark_jobs.__file__).parent / "pipelines" / "books.yaml"
    parser = argparse.ArgumentParser()
    add_options(parser)
    own = load_config(parser.parse_args(["--config", str(path)])).own
    assert own
    assert own.items.columns.item == "id"
    assert own.ratings.kind == own.items.kind == "csv"
