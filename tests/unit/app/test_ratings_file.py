"""Reading files of ratings without Spark: every MovieLens layout, in batches, strictly."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from recommender.errors import DataError
from recommender.formats.movielens import find_ratings, format_of, read_ratings
from recommender.formats.rating_format import Row
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
    form = format_of(file, layout, 0.5, 5.0)
    return [rows for rows, _ in read_ratings(file, form, batch)]


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


# 978300760 is 2000-12-31 22:12:40.
REWRITTEN = {
    "R, write.csv": '"userId","movieId","rating","timestamp"\r\n"1","10","4.5","978300760"\r\n'
    '"2","20","0.5","0"\r\n',
    "R with row names": '"","userId","movieId","rating","timestamp"\n"1",1,10,4.5,978300760\n'
    '"2",2,20,0.5,0\n',
    "R, write.table": '"userId" "movieId" "rating" "timestamp"\n"1" 1 10 4.5 978300760\n'
    '"2" 2 20 0.5 0\n',
    "pandas with an index": ",userId,movieId,rating,timestamp\n0,1.0,10.0,4.5,978300760.0\n"
    "1,2.0,20.0,0.5,0.0\n",
    "Kaggle": '"userId","movieId","rating","timestamp"\n1,10,4.5,"2000-12-31 22:12:40"\n'
    '2,20,0.5,"1970-01-01 00:00:00"\n',
    "ISO 8601": HEADER + "1,10,4.5,2000-12-31T22:12:40Z\n2,20,0.5,1970-01-01\n",
    "German spreadsheet": "\ufeffuserId;movieId;rating;timestamp\r\n"
    "1;10;4,5;31.12.2000 22:12:40\r\n2;20;0,5;01.01.1970\r\n",
    "American spreadsheet": HEADER + "1,10,4.5,12/31/2000 10:12:40 PM\n2,20,0.5,1/1/1970\n",
    "British spreadsheet": HEADER + "1,10,4.5,31/12/2000 22:12:40\n2,20,0.5,01/01/1970\n",
    "tabs": HEADER.replace(",", "\t") + "1\t10\t4.5\t978300760\n2\t20\t0.5\t0\n",
    "titles beside": "userId,movieId,rating,timestamp,title\n"
    '1,10,4.5,978300760,"American President, The (1995)"\n2,20,0.5,0,Heat_2\n',
    "other names": "user_id,Movie ID,RATING,time-stamp\n1,10,4.5,978300760\n2,20,0.5,0\n",
    "later lines differ": HEADER + '1,10,4.5,978300760\n"2","20.0","0,5","1970-01-01"\n',
    "two files joined": HEADER + "1,10,4.5,978300760\n" + HEADER + "2,20,0.5,0\n",
    "line ends of old Macs": HEADER.replace("\n", "\r") + "1,10,4.5,978300760\r2,20,0.5,0\r",
}


@pytest.mark.parametrize("program", REWRITTEN)
def test_read_ratings_reads_files_of_other_programs(tmp_path: Path, program: str) -> None:
    assert read(write_files(tmp_path, {"ratings.csv": REWRITTEN[program]})) == [ROWS]


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_read_ratings_reads_encodings_of_spreadsheets(
    tmp_path: Path, encoding: str, packed: bool
) -> None:
    text = HEADER.replace("\n", ",Titel\n") + "1,10,4.5,978300760,Amélie\n2,20,0.5,0,Léon\n"
    content = gzip.compress(text.encode(encoding)) if packed else text.encode(encoding)
    assert read(write_files(tmp_path, {f"rating.csv{'.gz' * packed}": content})) == [ROWS]


def test_read_ratings_takes_the_month_first_and_says_so_when_no_date_tells(tmp_path: Path) -> None:
    write_files(tmp_path, {"ratings.csv": HEADER + "1,10,4.5,4/2/2005\n2,20,5,2/1/2005\n"})
    assert [row.seconds for row in read(tmp_path)[0]] == [1112400000, 1107216000]
    differences = format_of(*find_ratings(tmp_path), 0.5, 5.0).differences()
    assert differences == [
        "dates such as 4/2/2005, which could be either way round: taken as month/day/year"
    ]


def test_read_ratings_takes_the_day_first_between_semicolons_when_no_date_tells(
    tmp_path: Path,
) -> None:
    header = HEADER.replace(",", ";")
    write_files(tmp_path, {"ratings.csv": header + "1;10;4,5;4/2/2005\n2;20;5;2/1/2005\n"})
    assert [row.seconds for row in read(tmp_path)[0]] == [1107475200, 1104624000]
    (_, _, said) = format_of(*find_ratings(tmp_path), 0.5, 5.0).differences()
    assert said.endswith("could be either way round: taken as day/month/year")


def test_read_ratings_looks_at_the_whole_column_for_the_order_of_dates(tmp_path: Path) -> None:
    lines = "1,10,4.5,2/4/2005\n" * 30_000 + "1,10,4.5,13/4/2005\n"
    write_files(tmp_path, {"ratings.csv": HEADER + lines})
    assert read(tmp_path, 100_000)[0][0].seconds == 1112400000


@pytest.mark.parametrize(
    ("line", "bad"), [("1,10,8,1\n", "off the scale"), ("tt01,10,4,1\n", "the user id")]
)
def test_read_ratings_names_the_page_on_own_data_when_many_lines_are_bad(
    tmp_path: Path, line: str, bad: str
) -> None:
    write_files(tmp_path, {"ratings.csv": HEADER + ("1,10,4,1\n" + line) * 40})
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert bad in str(caught.value)
    assert "and 39 more of 81 lines" in str(caught.value)
    assert "docs/own_data.md" in str(caught.value)
    assert "remove the line" not in str(caught.value)


def test_read_ratings_asks_to_correct_the_line_when_few_are_bad(tmp_path: Path) -> None:
    content = HEADER + "1,10,4,1\n" * 500 + "1,10,8,1\n" * 2 + "1,10,4,1\n" * 500
    with pytest.raises(DataError, match=r"line 502: .*; correct or remove the line"):
        read(write_files(tmp_path, {"ratings.csv": content}))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["BX-Book-Ratings.csv", "BX-Books.csv", "BX-Users.csv"], "this is Book-Crossing: "),
        (["Books.csv", "Ratings.csv", "Users.csv"], "this is Book-Crossing: "),
        (["combined_data_1.txt", "movie_titles.csv"], "this is Netflix Prize: "),
        (
            ["movies_metadata.csv", "ratings_small.csv", "links_small.csv"],
            "this is The Movies Data",
        ),
        (["something.csv"], "docs/own_data.md says how to bring data of your own"),
    ],
)
def test_find_ratings_names_other_data_sets_and_the_page_on_own_data(
    tmp_path: Path, files: list[str], said: str
) -> None:
    write_files(tmp_path, dict.fromkeys(files, "x"))
    with pytest.raises(DataError) as caught:
        find_ratings(tmp_path)
    assert said in str(caught.value)
    assert "docs/own_data.md" in str(caught.value)
    assert "unpack" not in str(caught.value)


def test_read_ratings_yields_batches_with_their_size_in_bytes(tmp_path: Path) -> None:
    lines = "".join(f"{user},1,3,5\n" for user in range(1, 26))
    file, layout = find_ratings(write_files(tmp_path, {"ratings.csv": HEADER + lines}))
    output = list(read_ratings(file, format_of(file, layout, 0.5, 5.0), batch=10))
    assert [len(rows) for rows, _ in output] == [10, 10, 5]
    assert sum(size for _, size in output) == file.stat().st_size


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,10,4.5", "not 4 fields"),
        ("1,10,4.5,1,0", "not 4 fields"),
        ("x,10,4.5,1", "the user id is not a whole number from 0"),
        ("1,10,many,1", "the rating is not a number"),
        ("1,10,4.5,soon", "the timestamp is not whole seconds since 1970 or a date"),
        ("-1,10,4.5,1", "the user id is not a whole number from 0"),
        ("1_0,10,4.5,1", "the user id is not a whole number from 0"),
        ("1,2147483648,4.5,1", "the title id is not a whole number from 0"),
        (f"1,{10**30},4.5,1", "the title id is not a whole number from 0"),
        ("1,10,5.5,1", "off the scale of 0.5 to 5"),
        ("1,10,nan,1", "the rating is not a number"),
        ("1,10,inf,1", "the rating is not a number"),
        ("1,10,4.5,-1", "the timestamp"),
        ("1,10,4.5,999999999999", "the timestamp"),
        ("\xff\xfe,1,1,1", "the user id is not a whole number from 0"),
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
