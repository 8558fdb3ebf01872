"""Reading files of ratings without Spark: every MovieLens layout, in batches, strictly."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from recommender.errors import DataError
from recommender.formats.movielens import Row, find_ratings, read_ratings
from tests.support.datasets import write_files

HEADER = "userId,movieId,rating,timestamp\n"
ROWS = [Row(1, 10, 4.5, 978300760), Row(2, 20, 0.5, 0)]
FILES = {
    "u.data": "1\t10\t4.5\t978300760\n2\t20\t0.5\t0\n",
    "ratings.dat": "1::10::4.5::978300760\n2::20::0.5::0\n",
    "ratings.csv": HEADER + "1,10,4.5,978300760\n2,20,0.5,0\n",
}


def read(path: Path, batch: int = 100) -> list[list[Row]]:
    file, layout = find_ratings(path)
    return [rows for rows, _ in read_ratings(file, layout, 5.0, batch)]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_find_ratings_recognises_every_layout_by_folder_or_file(
    tmp_path: Path, name: str, packed: bool
) -> None:
    content: str | bytes = FILES[name]
    if packed:
        name, content = f"{name}.gz", gzip.compress(content.encode())
    write_files(tmp_path, {name: content, "README.txt": "hello"})
    assert read(tmp_path) == read(tmp_path / name) == [ROWS]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + HEADER + "1,10,4.5,978300760\n2,20,0.5,0",
        "timestamp,rating,more,movieId,userId\n978300760,4.5,x,10,1\n0,0.5,y,20,2\n",
        HEADER.strip() + "\r\n1,10,4.5,978300760\r\n\r\n2,20,0.5,0\r\n\n",
    ],
    ids=["byte order mark", "other order", "blank lines"],
)
def test_read_ratings_finds_columns_by_name(tmp_path: Path, content: str) -> None:
    assert read(write_files(tmp_path, {"ratings.csv": content})) == [ROWS]


def test_read_ratings_yields_batches_with_their_size_in_bytes(tmp_path: Path) -> None:
    lines = "".join(f"{user},1,3,5\n" for user in range(1, 26))
    file, layout = find_ratings(write_files(tmp_path, {"ratings.csv": HEADER + lines}))
    output = list(read_ratings(file, layout, 5.0, batch=10))
    assert [len(rows) for rows, _ in output] == [10, 10, 5]
    assert sum(size for _, size in output) == file.stat().st_size


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,10,4.5", "not a user, a title, a rating and a time"),
        ("x,10,4.5,1", "not a user"),
        ("1,10,many,1", "not a user"),
        ("1,10,4.5,soon", "not a user"),
        ("-1,10,4.5,1", "an id is not from 0"),
        ("1,2147483648,4.5,1", "an id is not from 0"),
        (f"1,{10**30},4.5,1", "an id is not from 0"),
        ("1,10,5.5,1", "off the scale of 0.5 to 5"),
        ("1,10,nan,1", "off the scale"),
        ("1,10,inf,1", "off the scale"),
        ("1,10,4.5,-1", "the timestamp"),
        ("1,10,4.5,999999999999", "the timestamp"),
        ("\xff\xfe,1,1,1", "not a user"),
    ],
)
def test_read_ratings_names_the_bad_line(tmp_path: Path, line: str, problem: str) -> None:
    write_files(tmp_path, {"ratings.csv": HEADER + "1,10,4,1\n" + line + "\n"})
    with pytest.raises(DataError, match=r"ratings.csv, line 3: .*" + problem):
        read(tmp_path)


@pytest.mark.parametrize("header", ["", "userId,movieId,rating\n", "\x00\x01\n"])
def test_read_ratings_names_the_missing_column(tmp_path: Path, header: str) -> None:
    write_files(tmp_path, {"ratings.csv": header})
    with pytest.raises(DataError, match=r"line 1: column '(userId|timestamp)' is missing"):
        read(tmp_path)


def test_read_ratings_fails_when_archive_is_truncated(tmp_path: Path) -> None:
    whole = gzip.compress((HEADER + "1,10,4,1\n" * 5000).encode())
    write_files(tmp_path, {"ratings.csv.gz": whole[:-20]})
    with pytest.raises(DataError, match="cannot be unpacked"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["movies.csv", "missing"])
def test_find_ratings_lists_known_names_when_there_is_no_ratings_file(
    tmp_path: Path, name: str
) -> None:
    write_files(tmp_path, {"movies.csv": ""})
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(DataError, match=r"u\.data, ratings\.dat, ratings\.csv"):
            find_ratings(path)


def test_read_ratings_fails_when_archive_is_damaged(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress((HEADER + "1,10,4,1\n").encode(), mtime=0))
    whole[10] ^= 0xFF
    write_files(tmp_path, {"ratings.csv.gz": bytes(whole)})
    with pytest.raises(DataError, match="cannot be unpacked"):
        read(tmp_path)
