"""A catalogue of one's own: tables of any format become one data set, and ids that stay."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from recommender.catalogue import FIRST_KEYED_USER, CatalogueItem
from recommender.errors import DataError
from recommender.item_facts import NUMBER, Fact
from recommender.keys import NO_KEYS, CatalogueKeys
from spark_jobs.config.own_catalogue import read_own
from spark_jobs.config.yaml_files import read_yaml
from spark_jobs.datasets.catalogue_source import batches, items, reader, suspicions
from spark_jobs.datasets.catalogue_source.reader import read_catalogue
from spark_jobs.datasets.dataset import Dataset
from tests.support.own_catalogue import (
    ITEM_COLUMNS,
    Row,
    artist,
    artists,
    describe,
    listener,
    music,
    plays,
    seconds,
    write_csv,
    write_json,
    write_orc,
    write_parquet,
)

STARS = {"feedback": "explicit", "measure": None, "scale": {"min": 1, "max": 10}}


def read(spark: SparkSession, path: Path, known: CatalogueKeys = NO_KEYS) -> Dataset:
    return read_catalogue(spark, read_own(read_yaml(path), str(path)), known)


def ratings(dataset: Dataset) -> dict[tuple[str, str], tuple[float, int]]:
    """Return (value, seconds) by keys of user and item."""
    assert dataset.keys
    rows = [row for some in dataset.ratings.map(tuple) for row in zip(*some, strict=True)]
    return {
        (str(dataset.keys.users.key_of(int(u))), str(dataset.keys.items.key_of(int(i)))): (
            float(v),
            int(s),
        )
        for u, i, v, s in rows
    }


def arrays(dataset: Dataset) -> list[np.ndarray]:
    columns = zip(*dataset.ratings.map(tuple), strict=True)
    return [np.concatenate(several) for several in columns]


def rows_of(*triples: tuple[Any, Any, Any]) -> list[Row]:
    at = datetime(2026, 1, 1)
    return [
        {"listener": user, "artist": item, "plays": value, "at": at + timedelta(days=n)}
        for n, (user, item, value) in enumerate(triples)
    ]


def few(*triples: tuple[Any, Any, Any]) -> list[Row]:
    """Rows beside enough good ones of others."""
    return [*rows_of(*triples), *plays()]


def test_read_catalogue_sums_plays_and_numbers_keys_in_order(
    spark: SparkSession, tmp_path: Path
) -> None:
    dataset = read(spark, music(tmp_path))
    expected: dict[tuple[str, str], tuple[float, int]] = {}
    for row in plays():
        pair = (row["listener"], row["artist"])
        total, newest = expected.get(pair, (0.0, 0))
        expected[pair] = (total + row["plays"], max(newest, seconds(row["at"])))
    assert ratings(dataset) == expected
    assert dataset.keys
    assert list(dataset.keys.users) == sorted({row["listener"] for row in plays()})
    assert list(dataset.keys.items) == sorted(row["artist"] for row in artists())
    assert dataset.keys.users.id_of(min(dataset.keys.users)) == FIRST_KEYED_USER
    assert (dataset.feedback, dataset.rows, dataset.timed) == ("implicit", len(expected), True)
    repeated = reader.REPEATED.format("sum")
    assert dataset.findings.counts == {repeated: len(plays()) - len(expected)}
    number = dataset.keys.items.id_of(artist(3))
    [item] = [item for item in dataset.items if item.item_id == number]
    assert item == CatalogueItem(
        number or 0,
        "The 3s",
        1963,
        ("Folk", "Brass"),
        key=artist(3),
        creators=("Small Records",),
        image="https://radio.example/3.jpg",
        link="https://radio.example/artists/artist%2F93%C3%A9",
    )


WRITERS = {
    "csv": (lambda path, rows: write_csv(path, rows, ";"), {"options": {"sep": ";"}}),
    "json": (write_json, {}),
    "orc": (write_orc, {}),
}


@pytest.mark.parametrize("ending", WRITERS)
def test_read_catalogue_gives_the_same_arrays_from_every_format(
    spark: SparkSession, tmp_path: Path, ending: str
) -> None:
    path = music(tmp_path)
    expected = read(spark, path)
    write, options = WRITERS[ending]
    write(tmp_path / f"plays.{ending}", plays()[::-1])
    write(tmp_path / f"artists.{ending}", artists()[::-1])
    path = describe(
        tmp_path,
        ratings={"path": f"plays.{ending}", **options},
        items={"path": f"artists.{ending}", **options},
    )
    found = read(spark, path)
    for one, other in zip(arrays(found), arrays(expected), strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.items == expected.items


def test_read_catalogue_is_equal_in_workers_and_by_spark(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = [(None, artist(1), 2), ("ann", None, 3), ("bob", artist(2), None), ("", artist(2), 1)]
    early = {**plays()[0], "listener": "early", "at": datetime(1969, 12, 31, 23, 59, 59, 500_000)}
    path = music(tmp_path, [*few(*odd), early])
    here = read(spark, path)
    monkeypatch.setattr(reader, "local_batches", lambda *_: None)
    by_spark = read(spark, path)
    for one, other in zip(arrays(here), arrays(by_spark), strict=True):
        np.testing.assert_array_equal(one, other)
    assert here.findings == by_spark.findings
    assert here.findings.counts[batches.BAD_TIME] == 1


def test_read_catalogue_is_equal_on_a_cluster_and_on_one_machine(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = music(tmp_path, few(("ann", "elsewhere", 2), ("ann", artist(1), -1)))
    here = read(spark, path)
    expected = arrays(here)
    for module in ("array_cache", "datasets.catalogue_source.pairs"):
        monkeypatch.setattr(f"spark_jobs.{module}.on_one_machine", lambda _: False)
    monkeypatch.setattr(reader, "local_batches", lambda *_: None)
    there = read(spark, path)
    for one, other in zip(arrays(there), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert there.findings.counts == here.findings.counts
    there.ratings.unpersist()


def test_read_catalogue_reads_several_files_in_any_order(
    spark: SparkSession, tmp_path: Path
) -> None:
    expected = read(spark, music(tmp_path))
    (tmp_path / "parts").mkdir()
    for n in range(4):
        write_parquet(tmp_path / "parts" / f"{9 - n}.parquet", plays()[n::4])
    found = read(spark, describe(tmp_path, ratings={"path": "parts/*.parquet"}))
    for one, other in zip(arrays(found), arrays(expected), strict=True):
        np.testing.assert_array_equal(one, other)


def test_read_catalogue_keeps_known_ids_and_appends_new_ones(
    spark: SparkSession, tmp_path: Path
) -> None:
    before = read(spark, music(tmp_path)).keys
    assert before
    gone = listener(5)
    more = [row for row in plays() if row["listener"] != gone]
    path = music(tmp_path, [*more, *rows_of(("0000-new", artist(1), 3), ("zz", artist(2), 9))])
    write_parquet(
        tmp_path / "artists.parquet",
        [{**artists()[0], "artist": "a new one"}, *artists()[1:]],
    )
    found = read(spark, path, before)
    assert found.keys
    assert list(found.keys.users) == [*before.users, "0000-new", "zz"]
    assert list(found.keys.items) == [*before.items, "a new one"]
    assert found.keys.users.id_of(gone) == before.users.id_of(gone)
    assert artist(0) not in [item.key for item in found.items]
    assert found.findings.counts[reader.UNLISTED] > 0
    assert not any(item == artist(0) for _, item in ratings(found))


def test_read_catalogue_takes_numbers_and_uuids_for_keys(
    spark: SparkSession, tmp_path: Path
) -> None:
    large = 2**62
    rows = rows_of(*((large + n % 7, float(n % 5), n + 1) for n in range(35)))
    path = music(tmp_path, rows)
    table = [{**row, "artist": n} for n, row in enumerate(artists())]
    write_parquet(tmp_path / "artists.parquet", table)
    dataset = read(spark, path)
    assert dataset.keys
    assert list(dataset.keys.users) == [str(large + n) for n in range(7)]
    assert {item for _, item in ratings(dataset)} == {"0", "1", "2", "3", "4"}


def test_read_catalogue_turns_points_into_stars(spark: SparkSession, tmp_path: Path) -> None:
    rows = few(("ann", artist(1), 1), ("ann", artist(2), 7), ("bob", artist(1), 10))
    rows = [{**row, "plays": min(row["plays"], 10)} for row in rows]
    found = ratings(read(spark, music(tmp_path, rows, catalogue=STARS)))
    values = [found["ann", artist(1)], found["ann", artist(2)], found["bob", artist(1)]]
    assert [value for value, _ in values] == [0.5, 3.5, 5.0]


def test_read_catalogue_counts_a_rating_of_0_as_half_a_star(
    spark: SparkSession, tmp_path: Path
) -> None:
    rows = [{**row, "plays": row["plays"] % 11} for row in few(("ann", artist(1), 0))]
    scale = {**STARS, "scale": {"min": 0, "max": 10}}
    found = ratings(read(spark, music(tmp_path, rows, catalogue=scale)))
    assert found["ann", artist(1)][0] == 0.5


REPEATS = {"newest": 2.0, "sum": 12.0, "max": 7.0, "count": 3.0}


@pytest.mark.parametrize("aggregate", REPEATS)
def test_read_catalogue_aggregates_repeated_pairs(
    spark: SparkSession, tmp_path: Path, aggregate: str
) -> None:
    rows = few(("ann", artist(1), 7), ("ann", artist(1), 3), ("ann", artist(1), 2))
    path = music(tmp_path, rows, ratings={"aggregate": aggregate})
    value, newest = ratings(read(spark, path))["ann", artist(1)]
    assert (value, newest) == (REPEATS[aggregate], seconds(datetime(2026, 1, 3)))


def test_read_catalogue_takes_the_highest_of_equally_new_values(
    spark: SparkSession, tmp_path: Path
) -> None:
    rows = few(("ann", artist(1), 7), ("ann", artist(1), 3))
    columns = {"user": "listener", "item": "artist", "value": "plays"}
    path = music(tmp_path, rows, ratings={"aggregate": "newest", "columns": columns})
    dataset = read(spark, path)
    assert ratings(dataset)["ann", artist(1)] == (7.0, 0)
    assert not dataset.timed
    [said] = [kind for kind in dataset.findings.counts if kind.startswith("repeated pairs")]
    assert said.endswith("(the highest, since none has a time)")


def test_read_catalogue_without_values_means_having(spark: SparkSession, tmp_path: Path) -> None:
    columns = {"user": "listener", "item": "artist"}
    path = music(tmp_path, catalogue={"measure": None}, ratings={"columns": columns})
    assert {value for value, _ in ratings(read(spark, path)).values()} == {1.0}


def test_read_catalogue_counts_rows_where_a_measure_has_no_column(
    spark: SparkSession, tmp_path: Path
) -> None:
    rows = few(*3 * [("ann", artist(1), None)])
    path = music(tmp_path, rows, ratings={"columns": {"user": "listener", "item": "artist"}})
    assert ratings(read(spark, path))["ann", artist(1)][0] == 3.0


def test_read_catalogue_counts_the_newest_of_one_user_only(
    spark: SparkSession, tmp_path: Path
) -> None:
    rows = few(*(("ann", artist(n), n + 1) for n in range(12)))
    dataset = read(spark, music(tmp_path, rows, ratings={"most_per_user": 10}))
    kept = {item for user, item in ratings(dataset) if user == "ann"}
    assert kept == {artist(n) for n in range(2, 12)}
    assert dataset.findings.examples[reader.CAPPED.format(10)] == ["'ann'"]


TIMES = {
    "text": ("2026-07-01 12:00:00", 1782900000),
    "text with a zone": ("2026-07-01T12:00:00Z", 1782907200),
    "a day": ("2026-07-01", 1782856800),
    "seconds": ("1782900000", 1782900000),
}


@pytest.mark.parametrize(("text", "expected"), TIMES.values(), ids=TIMES)
def test_read_catalogue_reads_times_in_the_time_zone(
    spark: SparkSession, tmp_path: Path, text: str, expected: int
) -> None:
    path = music(tmp_path, ratings={"path": "plays.csv", "timezone": "Europe/Berlin"})
    rows = few(("ann", artist(1), 5))
    write_csv(tmp_path / "plays.csv", [{**row, "at": text} for row in rows], ",")
    assert ratings(read(spark, path))["ann", artist(1)] == (5.0, expected)


def test_read_catalogue_reads_naive_parquet_times_in_the_time_zone(
    spark: SparkSession, tmp_path: Path
) -> None:
    rows = [{**row, "at": datetime(2026, 7, 1, 12)} for row in few(("ann", artist(1), 5))]
    path = music(tmp_path, rows, ratings={"timezone": "Europe/Berlin"})
    assert ratings(read(spark, path))["ann", artist(1)] == (5.0, 1782900000)


BAD_ROWS = {
    batches.NO_USER: (None, artist(1), "5"),
    batches.NO_ITEM: ("ann", " ", "5"),
    batches.NO_VALUE: ("ann", artist(1), None),
    batches.NO_NUMBER: ("ann", artist(1), "many"),
    batches.NOT_FINITE: ("ann", artist(1), "NaN"),
    batches.OFF_SCALE: ("ann", artist(1), "-1"),
    batches.BAD_KEY: ("a" * 256, artist(1), "5"),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_read_catalogue_counts_bad_rows(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    rows = [*rows_of(BAD_ROWS[kind]), *({**row, "plays": str(row["plays"])} for row in plays())]
    dataset = read(spark, music(tmp_path, rows))
    assert dataset.findings.counts[kind] == 1
    assert "item" in dataset.findings.examples[kind][0]
    assert ratings(dataset) == ratings(read(spark, music(tmp_path / "good")))


def test_read_catalogue_counts_times_that_cannot_be_read(
    spark: SparkSession, tmp_path: Path
) -> None:
    path = music(tmp_path, ratings={"path": "plays.csv"})
    odd = [{**row, "at": at} for row, at in zip(plays(), ("soon", ""), strict=False)]
    write_csv(tmp_path / "plays.csv", [*odd, *plays()[2:]], ",")
    counts = read(spark, path).findings.counts
    assert (counts[batches.BAD_TIME], counts[batches.NO_TIME]) == (1, 1)


def test_read_catalogue_fails_when_too_many_rows_are_bad(
    spark: SparkSession, tmp_path: Path
) -> None:
    bad = [("ann", artist(1), -5)] * 20
    path = music(tmp_path, few(*bad))
    with pytest.raises(DataError, match=r"20 bad of \d+ rows, which is more than 1%: 20 rows"):
        read(spark, path)
    path = music(tmp_path, few(*bad), ratings={"bad_rows": 0.1})
    assert read(spark, path).findings.counts[batches.OFF_SCALE] == 20


def test_read_catalogue_names_missing_columns_and_those_there_are(
    spark: SparkSession, tmp_path: Path
) -> None:
    path = music(tmp_path, ratings={"columns": {"user": "reader", "item": "artist"}})
    with pytest.raises(DataError, match=r"'reader' \(user\) is missing; there are listener, artis"):
        read(spark, path)
    path = describe(tmp_path, items={"columns": {**ITEM_COLUMNS, "image": "cover"}})
    with pytest.raises(DataError, match=r"'cover' \(image\) is missing; there are artist, name"):
        read(spark, path)


def test_read_catalogue_names_the_separator_of_columns_that_were_read_as_one(
    spark: SparkSession, tmp_path: Path
) -> None:
    music(tmp_path)
    write_csv(tmp_path / "plays.csv", plays(), ";")
    with pytest.raises(DataError, match=r"'listener' .* separated: `options: \{sep: ';'\}`$"):
        read(spark, describe(tmp_path, ratings={"path": "plays.csv", "options": None}))


def test_read_catalogue_rejects_columns_of_unusable_types(
    spark: SparkSession, tmp_path: Path
) -> None:
    path = music(tmp_path)
    table = pa.Table.from_pylist([{"listener": ["a"], "artist": "b", "plays": 1, "at": None}])
    pq.write_table(table, tmp_path / "plays.parquet")
    with pytest.raises(DataError, match=r"'listener' \(user\) is of type array<string>, and must"):
        read(spark, path)


def test_read_catalogue_asks_whether_one_value_means_having(
    spark: SparkSession, tmp_path: Path
) -> None:
    rows = [{**row, "plays": 1} for row in plays()]
    with pytest.raises(DataError, match=r"every value of column 'plays' is 1, .* `feedback: impl"):
        read(spark, music(tmp_path, rows, catalogue=STARS))


def test_read_catalogue_fails_when_no_rating_is_of_a_listed_item(
    spark: SparkSession, tmp_path: Path
) -> None:
    path = music(tmp_path, rows_of(("ann", "elsewhere", 1), ("bob", "elsewhere", 2)))
    with pytest.raises(DataError, match=r"no rating is of an item that artists.parquet lists"):
        read(spark, path)


def test_read_catalogue_fails_for_an_empty_or_missing_table(
    spark: SparkSession, tmp_path: Path
) -> None:
    path = music(tmp_path)
    write_csv(tmp_path / "none.csv", plays()[:1], ",")
    (tmp_path / "none.csv").write_text("listener,artist,plays,at\n")
    with pytest.raises(DataError, match=r"none.csv: holds no ratings; check the path"):
        read(spark, describe(tmp_path, ratings={"path": "none.csv"}))
    with pytest.raises(
        DataError, match=r"^away.parquet: there is nothing at file:\S*/away.parquet;"
    ):
        read(spark, describe(tmp_path, ratings={"path": "away.parquet"}))
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(DataError, match=r"damaged.parquet: Spark cannot read it \("):
        read(spark, describe(tmp_path, ratings={"path": "damaged.parquet"}))
    assert path.exists()


def test_read_catalogue_counts_odd_items(spark: SparkSession, tmp_path: Path) -> None:
    path = music(tmp_path, items={"bad_rows": 0.5})
    odd = [
        {**artists()[0], "name": "Another name"},
        {**artists()[1], "artist": artist(1).upper(), "since": "long ago"},
        {**artists()[2], "artist": "x", "photo": "http://radio.example/x.jpg"},
        {**artists()[3], "artist": "y", "name": " "},
        {**artists()[3], "artist": ""},
    ]
    write_json(tmp_path / "artists.json", [*artists(), *odd])
    findings = read(spark, describe(tmp_path, items={"path": "artists.json", "bad_rows": 0.5}))
    counts = findings.findings.counts
    for kind in (items.OTHER_FACTS, items.NO_YEAR, items.NO_IMAGE, items.NO_TITLE, items.NO_KEY):
        assert counts[kind] == 1, kind
    assert findings.findings.examples[items.OTHER_FACTS] == [
        f"{artist(0)!r}: 'Another name' and 'The 0s'"
    ]
    [alike] = [kind for kind in counts if kind.startswith("keys that differ")]
    assert findings.findings.examples[alike] == [f"{artist(1).upper()!r} and {artist(1)!r}"]
    assert path.exists()


def test_read_catalogue_takes_links_from_a_column(spark: SparkSession, tmp_path: Path) -> None:
    music(tmp_path)
    links = [" https://radio.example/0 ", "javascript:alert(1)", "radio.example/2", "", None]
    rows = [{**row, "page": link} for row, link in zip(artists(), links, strict=False)]
    write_json(tmp_path / "artists.json", rows)
    columns = {"item": "artist", "title": "name", "link": "page"}
    path = describe(tmp_path, items={"path": "artists.json", "columns": columns})
    dataset = read(spark, path)
    assert [item.link for item in dataset.items] == ["https://radio.example/0", *[None] * 4]
    assert dataset.findings.counts[items.NO_LINK] == 2


def test_read_catalogue_rejects_lists_where_one_value_belongs(
    spark: SparkSession, tmp_path: Path
) -> None:
    music(tmp_path)
    write_json(tmp_path / "artists.json", [{**row, "name": [row["name"]]} for row in artists()])
    with pytest.raises(
        DataError, match=r"'name' \(title\) is of type array<string>, and must hold"
    ):
        read(spark, describe(tmp_path, items={"path": "artists.json"}))


def test_read_catalogue_fails_when_too_many_items_have_no_title(
    spark: SparkSession, tmp_path: Path
) -> None:
    path = music(tmp_path)
    rows = [{**row, "name": None if n < 2 else row["name"]} for n, row in enumerate(artists())]
    write_parquet(tmp_path / "artists.parquet", rows)
    with pytest.raises(DataError, match=r"2 items without a title: .*more than 1% of 40 items"):
        read(spark, path)


def test_suspicions_say_what_looks_wrong(spark: SparkSession, tmp_path: Path) -> None:
    at = datetime(2026, 1, 1)
    rows = [{"listener": n + 1, "artist": 1 + n % 12, "plays": 1, "at": at} for n in range(60)]
    path = music(tmp_path, rows)
    table = [{**row, "artist": n + 1} for n, row in enumerate(artists())]
    write_parquet(tmp_path / "artists.parquet", table)
    own = read_own(read_yaml(path), str(path))
    found = suspicions.suspicions(read(spark, path), own, now=0.0).counts
    assert found == {
        suspicions.ONE_VALUE: 60,
        suspicions.FUTURE: 60,
        suspicions.ROW_NUMBERS.format("users"): 60,
        suspicions.ROW_NUMBERS.format("items"): 40,
        suspicions.ONCE: 60,
        suspicions.UNRATED: 28,
    }
    plain = music(tmp_path / "plain")
    own = read_own(read_yaml(plain), str(plain))
    assert suspicions.suspicions(read(spark, plain), own).counts == {}


# Facts and availability

SHOP = {
    "facts": [
        {"column": "ticket price", "label": "Price", "unit": "€"},
        {"column": "nights", "label": "Nights"},
        {"column": "venue", "label": "Venue"},
        {"column": "code", "label": "Code", "kind": "text"},
    ],
    "columns": {**ITEM_COLUMNS, "available": "stock"},
}


def with_facts(n: int, row: Row) -> Row:
    price = ["12.50", "cheap", "NaN", "9,99", None][n % 5]
    venue = ["Hall", "<b>Club</b>", "x" * 80, None][n % 4]
    return {
        **row, "ticket price": price, "nights": n, "venue": venue, "code": f"{n:03}",
        "stock": [str(n), "no", "yes", "", "perhaps"][n % 5],
    }  # fmt: skip


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_read_catalogue_reads_facts_and_counts_bad_cells(
    spark: SparkSession, tmp_path: Path, ending: str
) -> None:
    music(tmp_path)
    rows = [with_facts(n, row) for n, row in enumerate(artists())]
    {"parquet": write_parquet, "csv": write_csv}[ending](tmp_path / f"artists.{ending}", rows)
    options = {"options": {"sep": ";"}} if ending == "csv" else {}
    path = describe(tmp_path, items={"path": f"artists.{ending}", **SHOP, **options})
    dataset = read(spark, path)
    assert dataset.facts == (
        Fact("ticket_price", "Price", NUMBER, "€"),
        Fact("nights", "Nights", NUMBER),
        Fact("venue", "Venue"),
        Fact("code", "Code"),
    )
    said = {item.key: (item.facts, item.available) for item in dataset.items}
    assert said[artist(0)] == (
        {"ticket_price": 12.5, "nights": 0.0, "venue": "Hall", "code": "000"},
        False,
    )
    assert said[artist(1)] == ({"nights": 1.0, "venue": "<b>Club</b>", "code": "001"}, False)
    assert said[artist(8)][0] == {
        "ticket_price": 9.99, "nights": 8.0, "venue": "Hall", "code": "008",
    }  # fmt: skip
    assert [said[artist(n)][1] for n in range(2, 6)] == [True, True, True, True]
    counts = dataset.findings.counts
    assert counts["facts left out, which are not a number"] == 8
    assert counts["facts left out, which are not a text of at most 60 characters"] == 10
    assert counts[items.NO_AVAILABLE] == 8


def test_read_catalogue_names_a_fact_column_that_is_missing(
    spark: SparkSession, tmp_path: Path
) -> None:
    facts = [{"column": "price", "label": "Price"}]
    path = music(tmp_path, items={"facts": facts})
    with pytest.raises(DataError, match=r"column 'price' \(fact Price\) is missing; there are art"):
        read(spark, path)
