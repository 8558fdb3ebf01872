"""Every layout that GroupLens publishes, read into one form; every bad line reported."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from pyspark.sql import SparkSession

from recommender.catalogue import CatalogueItem
from recommender.errors import DataError
from spark_jobs import filesystem
from spark_jobs.datasets import rating_lines
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.datasets.movielens import read_exported, read_movielens
from tests.support.datasets import MOVIES_HEADER, RATINGS_HEADER, write_files
from tests.support.site import real_data

RATINGS = [(1, 2, 5.0, 964982703), (1, 3, 1.0, 964982224), (7, 1, 4.0, 847434962)]
ITEMS = [
    CatalogueItem(1, "Toy Story", 1995, ("Animation", "Children", "Comedy")),
    CatalogueItem(2, "Amélie", 2001, ("Comedy", "Romance")),
    CatalogueItem(3, "La Cité des enfants perdus", 1995, ("Adventure", "Sci-Fi")),
    CatalogueItem(4, "Nobody's Genre", None, ()),
]
LINKED = [
    replace(ITEMS[0], imdb_id="tt0114709", tmdb_id=862),
    replace(ITEMS[1], imdb_id="tt0211915"),
    *ITEMS[2:],
]
LINKS_HEADER = "movieId,imdbId,tmdbId\n"

U_DATA = "1\t2\t5\t964982703\n1\t3\t1\t964982224\n7\t1\t4\t847434962\n"
# The nineteen flags: unknown Action Adventure Animation Children Comedy Crime Documentary Drama
# Fantasy Film-Noir Horror Musical Mystery Romance Sci-Fi Thriller War Western.
U_ITEM = (
    "1|Toy Story (1995)|01-Jan-1995||http://x/?Toy%20Story|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
    "2|Amélie (2001)|01-Jan-2001|||0|0|0|0|0|1|0|0|0|0|0|0|0|0|1|0|0|0|0\n"
    "3|Cité des enfants perdus, La (1995)||||0|0|1|0|0|0|0|0|0|0|0|0|0|0|0|1|0|0|0\n"
    "4|Nobody's Genre||||1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
)
RATINGS_DAT = "1::2::5::964982703\n1::3::1::964982224\n7::1::4::847434962\n"
MOVIES_DAT = (
    "1::Toy Story (1995)::Animation|Children's|Comedy\n"
    "2::Amélie (2001)::Comedy|Romance\n"
    "3::Cité des enfants perdus, La (1995)::Adventure|Sci-Fi\n"
    "4::Nobody's Genre::(no genres listed)\n"
)
RATINGS_CSV = RATINGS_HEADER + "1,2,5.0,964982703\n1,3,1.0,964982224\n7,1,4.0,847434962\n"
MOVIES_CSV = (
    f"{MOVIES_HEADER}1,Toy Story (1995),Animation|Children|Comedy\n2,Amélie (2001),Comedy|Romance\n"
    '3,"Cité des enfants perdus, La (1995)",Adventure|Sci-Fi\n'
    "4,Nobody's Genre,(no genres listed)\n"
)
LINKS_CSV = f"{LINKS_HEADER}1,0114709,862\n2,0211915,\n3,,\n9,1,1\n"
GOOD = {"ratings.csv": RATINGS_CSV, "movies.csv": MOVIES_CSV}

Read = Callable[..., Dataset]


@pytest.fixture
def read(spark: SparkSession, tmp_path: Path) -> Read:
    """Reads a folder "ml" with these files."""

    def read(files: dict[str, str | bytes]) -> Dataset:
        return read_movielens(spark, str(write_files(tmp_path / "ml", files)))

    return read


@pytest.fixture
def problem(read: Read, tmp_path: Path) -> Callable[..., str]:
    """Return the error for a folder with these files, without the path of the folder."""

    def problem(files: dict[str, str | bytes]) -> str:
        with pytest.raises(DataError) as caught:
            read(files)
        message = str(caught.value)
        assert message.startswith(f"{tmp_path / 'ml'}")
        assert "\n" not in message
        return message.removeprefix(f"{tmp_path / 'ml'}").lstrip("/")

    return problem


def rows(dataset: Dataset) -> list[tuple[int, int, float, int]]:
    return sorted(
        row
        for some in dataset.ratings.rows.collect()
        for row in zip(*(column.tolist() for column in some), strict=True)
    )


@pytest.mark.parametrize(
    ("files", "layout", "items"),
    [
        pytest.param({"u.data": U_DATA, "u.item": U_ITEM.encode("latin-1")}, "100k", ITEMS),
        pytest.param(
            {"ratings.dat": RATINGS_DAT, "movies.dat": MOVIES_DAT.encode("latin-1")},
            "1M/10M",
            ITEMS,
        ),
        pytest.param({"ratings.dat": RATINGS_DAT, "movies.dat": MOVIES_DAT}, "1M/10M", ITEMS),
        pytest.param(GOOD, "CSV", ITEMS),
        pytest.param({**GOOD, "links.csv": LINKS_CSV}, "CSV", LINKED),
    ],
    ids=["100k latin-1", "1M latin-1", "10M utf-8", "CSV", "CSV with links"],
)
def test_read_movielens_reads_every_layout_into_the_same_form(
    read: Read, files: dict[str, str | bytes], layout: str, items: list[CatalogueItem]
) -> None:
    dataset = read(files)
    assert rows(dataset) == RATINGS
    assert dataset.items == items
    assert (dataset.name, dataset.layout, dataset.rows) == ("ml", layout, 3)
    assert dataset.simulated is False
    kinds = [column.dtype for column in dataset.ratings.rows.first()]
    assert kinds == [np.int32, np.int32, np.float32, np.int64]


BOM = "\ufeff"


@pytest.mark.parametrize(
    "files",
    [
        {name: content.replace("\n", "\r\n") for name, content in GOOD.items()},
        {name: BOM + content for name, content in GOOD.items()},
        {**GOOD, "movies.csv": BOM + MOVIES_CSV.replace("movieId", '"movieId"')},
        {name: content.rstrip("\n") for name, content in GOOD.items()},
        {name: content.replace("\n", "\n\n") for name, content in GOOD.items()},
        {
            **GOOD,
            "ratings.csv": "timestamp,rating,note,movieId,userId\n964982703,5.0,,2,1\n"
            "964982224,1,good,3,1\n847434962,4,,1,7\n",
        },
        {**GOOD, "ratings.csv": RATINGS_CSV.replace(",", ", ")},
        {**GOOD, "ratings.csv": RATINGS_CSV + "  \n \n"},
        {**GOOD, "ratings.csv": RATINGS_CSV.replace("\n", "\r")},
        {**GOOD, "ratings.csv": RATINGS_CSV + RATINGS_HEADER},
    ],
    ids=[
        *("CRLF line ends", "byte order marks", "a quoted header after a mark"),
        *("no last line end", "blank lines", "other columns and order", "blanks around fields"),
        *("lines of blanks", "line ends of old Macs", "two files joined, header and all"),
    ],
)
def test_read_movielens_accepts_files_saved_by_other_programs(
    read: Read, files: dict[str, str]
) -> None:
    dataset = read(files)
    assert rows(dataset) == RATINGS
    assert dataset.items == ITEMS


def quoted(content: str) -> str:
    """Return a table with each field in quotation marks and line ends of Windows, as R writes."""
    rows = csv.reader(io.StringIO(content))
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def separated(content: str, separator: str) -> str:
    text = io.StringIO()
    rows = csv.reader(io.StringIO(content))
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(rows)
    return text.getvalue()


KAGGLE = (
    '"userId","movieId","rating","timestamp"\n1,2,5.0,"2000-07-30 18:45:03"\n'
    '1,3,1.0,"2000-07-30 18:37:04"\n7,1,4.0,"1996-11-08 06:36:02"\n'
)
PANDAS = (
    ",userId,movieId,rating,timestamp\n0,1.0,2.0,5.0,964982703.0\n1,1.0,3.0,1.0,964982224.0\n"
    "2,7.0,1.0,4.0,847434962.0\n"
)
GERMAN = (
    "userId;movieId;rating;timestamp\n1;2;5,0;30.07.2000 18:45:03\n1;3;1,0;30.07.2000 18:37:04\n"
    "7;1;4,0;08.11.1996 06:36:02\n"
)
R_TABLE = (
    '"userId" "movieId" "rating" "timestamp"\n"1" 1 2 5 964982703\n"2" 1 3 1 964982224\n'
    '"3" 7 1 4 847434962\n'
)
REWRITTEN: dict[str, tuple[dict[str, str | bytes], str]] = {
    "R": (
        {name: quoted(content) for name, content in GOOD.items()},
        "3 ratings as another program wrote them (fields in quotation marks)",
    ),
    "R, write.table": ({**GOOD, "ratings.csv": R_TABLE}, "a column of line numbers"),
    "pandas": ({**GOOD, "ratings.csv": PANDAS}, "a column of line numbers; whole numbers as 1.0"),
    "Kaggle": (
        {"rating.csv": KAGGLE, "movie.csv": quoted(MOVIES_CSV), "link.csv": quoted(LINKS_CSV)},
        "dates such as 2000-07-30 18:45:03",
    ),
    "German spreadsheet": (
        {"ratings.csv": GERMAN, "movies.csv": separated(MOVIES_CSV, ";").encode("cp1252")},
        "separated by semicolons; decimal commas; dates such as 30.07.2000 18:45:03",
    ),
    "tabs in UTF-16": (
        {name: separated(content, "\t").encode("utf-16") for name, content in GOOD.items()},
        "UTF-16 text; separated by tabs",
    ),
    "one line that differs": (
        {
            **GOOD,
            "ratings.csv": RATINGS_CSV.replace(
                "7,1,4.0,847434962", '"7",1.0,4,1996-11-08T06:36:02'
            ),
        },
        "1 ratings as another program wrote them (fields in quotation marks; whole numbers as 1.0;"
        " dates such as 1996-11-08T06:36:02): line 4",
    ),
}


@pytest.mark.parametrize("program", REWRITTEN)
@pytest.mark.parametrize("cluster", [False, True], ids=["one machine", "cluster"])
def test_read_movielens_reads_and_counts_what_other_programs_wrote(
    read: Read, monkeypatch: pytest.MonkeyPatch, program: str, cluster: bool
) -> None:
    if cluster:  # on which workers cannot open the file
        for module in (rating_lines, filesystem):
            monkeypatch.setattr(module, "local_file", lambda spark, path: None)
    files, finding = REWRITTEN[program]
    dataset = read(files)
    assert rows(dataset) == RATINGS
    assert [replace(item, imdb_id=None, tmdb_id=None) for item in dataset.items] == ITEMS
    assert finding in "\n".join(dataset.findings.lines())
    assert dataset.items[0].tmdb_id == (862 if "link.csv" in files else None)


@pytest.mark.parametrize(
    ("sample", "finding"),
    [
        ("train_quoted_r", "fields in quotation marks"),
        ("train_links_float", "links"),
        ("train_equal_ratings", ""),
        ("train_one_person", ""),
    ],
)
def test_read_movielens_reads_the_samples_of_rewritten_data_sets(
    spark: SparkSession, sample: str, finding: str
) -> None:
    dataset = read_movielens(spark, str(real_data("files") / "train" / sample))
    assert len(dataset.items) == 8
    assert dataset.rows == sum(dataset.ratings.map(lambda ratings: len(ratings.users))) > 0
    found = list(dataset.findings.lines())
    assert finding in "".join(found)
    assert bool(found) == bool(finding)


def test_read_movielens_refuses_the_sample_of_movietweetings_with_a_remedy(
    spark: SparkSession,
) -> None:
    with pytest.raises(DataError, match="own_data"):
        read_movielens(spark, str(real_data("files") / "train" / "train_movietweetings"))


def test_read_movielens_finds_nothing_to_mend_in_published_files(read: Read) -> None:
    assert read({**GOOD, "links.csv": LINKS_CSV}).findings.counts == {}


@pytest.mark.parametrize(
    ("links", "finding"),
    [
        (LINKS_CSV.replace("862", "862.0"), "1 links as another program wrote them: line 2"),
        (LINKS_CSV + "3,x,2\n", "1 links left out: imdbId in line 6 ('x' is no id)"),
        ("", "links.csv: is empty"),
        ("movieId,imdb\n1,2\n", "column 'imdbId' is missing"),
    ],
)
def test_odd_links_are_counted_and_never_fatal(read: Read, links: str, finding: str) -> None:
    dataset = read({**GOOD, "links.csv": links})
    assert rows(dataset) == RATINGS
    assert finding in "\n".join(dataset.findings.lines())


def test_exported_ratings_are_mended_and_counted_too(spark: SparkSession, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "exported", {"ratings.csv": quoted(RATINGS_CSV)})
    dataset = read_exported(spark, str(folder))
    assert rows(dataset) == RATINGS
    assert list(dataset.findings.counts.values()) == [3]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"ratings.dat": "1::0100001::9::1\n1::2::4::1\n" * 20, "movies.dat": MOVIES_DAT},
            "line 1: the rating is off the scale of 0.5 to 5",
        ),
        ({"BX-Book-Ratings.csv": '"User-ID";"ISBN";"Book-Rating"\n'}, "this is Book-Crossing"),
        ({"combined_data_1.txt": "1:\n1488844,3,2005-09-06\n"}, "this is Netflix Prize"),
        (
            {"ratings.csv": RATINGS_CSV, "movies_metadata.csv": "adult,id\n"},
            "this is The Movies Dataset",
        ),
        ({**GOOD, "ratings.csv": "user_id,book_id,rating\n1,2,5\n"}, "column 'movieId' is missing"),
    ],
    ids=["MovieTweetings", "Book-Crossing", "Netflix Prize", "The Movies Dataset", "goodbooks"],
)
def test_other_data_sets_are_refused_with_the_page_on_own_data(
    problem: Callable[..., str], files: dict[str, str | bytes], expected: str
) -> None:
    output = problem(files)
    assert expected in output
    assert "docs/own_data.md" in output
    assert "unpack" not in output
    assert "remove the line" not in output


def test_reading_in_pieces_yields_every_line_once_in_order(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{n},{n % 7},{1 + n % 5}.0,{10**n % 99991}" for n in range(8)]
    content = RATINGS_HEADER + "\n".join(lines)
    for size in (1, 7, len(lines[-1]), 64):
        monkeypatch.setattr(rating_lines, "PIECE", size)
        pieces = read({**GOOD, "ratings.csv": content}).ratings.rows.collect()
        assert [user for some in pieces for user in some.users.tolist()] == list(range(8))


def test_read_movielens_accepts_half_stars_and_extreme_values(read: Read) -> None:
    extreme = "2147483647::2147483647::0.5::0\n1::1::4.5::4294967296\n"
    dataset = read({"ratings.dat": extreme, "movies.dat": MOVIES_DAT})
    assert rows(dataset) == [(1, 1, 4.5, 2**32), (2**31 - 1, 2**31 - 1, 0.5, 0)]


@pytest.mark.parametrize("folder", ["Meine Filme ä", "ml [1]", "ml {a,b}", "ml%20*", "ml:1"])
def test_read_movielens_accepts_any_folder_name(
    spark: SparkSession, tmp_path: Path, folder: str
) -> None:
    dataset = read_movielens(spark, f"{write_files(tmp_path / folder, GOOD)}/")
    assert (dataset.name, dataset.rows, len(dataset.items)) == (folder, 3, 4)


def test_bad_line_is_named_when_the_folder_name_is_unusual(
    spark: SparkSession, tmp_path: Path
) -> None:
    folder = write_files(tmp_path / "ml, 2nd", {**GOOD, "ratings.csv": RATINGS_CSV + "1,2,x,9\n"})
    with pytest.raises(DataError, match=f"{folder}/ratings.csv, line 5: the rating"):
        read_movielens(spark, str(folder))


def test_dataset_json_sets_name_and_simulated(read: Read) -> None:
    dataset = read({**GOOD, "dataset.json": '{"name": "a sample", "simulated": true}'})
    assert (dataset.name, dataset.simulated) == ("a sample", True)


def test_latest_small_has_the_size_stated_in_its_readme(
    spark: SparkSession, movielens: Path
) -> None:
    dataset = read_movielens(spark, str(movielens))
    assert (dataset.rows, len(dataset.items)) == (100_836, 9_742)
    assert sum(len(some.users) for some in dataset.ratings.rows.collect()) == 100_836
    matrix = next(item for item in dataset.items if item.item_id == 2571)
    expected = CatalogueItem(
        2571, "The Matrix", 1999, ("Action", "Sci-Fi", "Thriller"), "tt0133093", 603
    )
    assert matrix == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1,2,5.0", "not 4 fields"),
        ("1;2;5.0;9", "not 4 fields"),
        ("ann,2,5,9", "the user id is not a whole number from 0 to 2147483647"),
        (",2,5,9", "the user id is not a whole number from 0 to 2147483647"),
        ("1.5,2,5,9", "the user id is not a whole number from 0 to 2147483647"),
        ("-1,2,5,9", "the user id is not a whole number from 0 to 2147483647"),
        ("2147483648,2,5,9", "the user id is not a whole number from 0 to 2147483647"),
        ("1,tt2,5,9", "the title id is not a whole number from 0 to 2147483647"),
        ("1,2147483648,5,9", "the title id is not a whole number from 0 to 2147483647"),
        ("1,2,good,9", "the rating is not a number"),
        ("1,2,,9", "the rating is not a number"),
        ("0x1,2,5,9", "the user id is not a whole number from 0 to 2147483647"),
        ("1,2,5,9,0", "not 4 fields"),
        ("1,2,NaN,9", "the rating is not a number"),
        ("1,2,4f,9", "the rating is not a number"),
        ("1,2,6,9", "the rating is off the scale of 0.5 to 5"),
        ("1,2,0,9", "the rating is off the scale of 0.5 to 5"),
        ("1,2,-1,9", "the rating is off the scale of 0.5 to 5"),
        ("1,2,inf,9", "the rating is "),
        ("1,2,5,today", "the timestamp is not whole seconds"),
        ("1,2,5,9.5", "the timestamp is not whole seconds"),
        ("1,2,5,99999999999999", "the timestamp is"),
    ],
)
def test_bad_rating_is_named_with_line_and_remedy(
    problem: Callable[..., str], line: str, expected: str
) -> None:
    content = f"{RATINGS_HEADER}1,1,4,9\n{line}\n1,3,4,9\n"
    output = problem({**GOOD, "ratings.csv": content})
    assert output.startswith(f"ratings.csv, line 3: {expected}")
    assert output.endswith(f"({line!r}); correct or remove the line")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"ratings.csv": RATINGS_CSV + "1,2,x,9"}, "ratings.csv, line 5: "),
        ({"ratings.csv": RATINGS_HEADER + "1,2,x,9\n"}, "ratings.csv, line 2: "),
        ({"ratings.csv": RATINGS_CSV + "\n\n1,2,x,9\n"}, "ratings.csv, line 7: "),
        ({"ratings.csv": (RATINGS_CSV + "1,2,x,9\n").replace("\n", "\r\n")}, "ratings.csv, line 5"),
        ({"ratings.csv": BOM + RATINGS_CSV + "1,2,x,9\n"}, "ratings.csv, line 5: the rating"),
        (
            {"ratings.csv": RATINGS_CSV + "1,2,x,9\n" + 3000 * "1,2,3,9\n" + "1,y,3,9\n"},
            "ratings.csv, line 5: the rating",
        ),
        ({"u.data": U_DATA + "1\t2\tx\t9\n", "u.item": U_ITEM}, "u.data, line 4: the rating"),
        (
            {"ratings.dat": "x::2::4::9\n" + RATINGS_DAT, "movies.dat": MOVIES_DAT},
            "ratings.dat, line 1: the user id",
        ),
    ],
    ids=[
        *("the last", "the only", "after blanks", "CRLF", "a mark", "the first of two"),
        *("100k has no header", "1M has no header"),
    ],
)
def test_line_numbers_equal_those_of_an_editor(
    problem: Callable[..., str], files: dict[str, str], expected: str
) -> None:
    if "ratings.csv" in files:
        files = {**GOOD, **files}
    assert problem(files).startswith(expected)


def test_long_bad_line_is_truncated_in_the_error(problem: Callable[..., str]) -> None:
    output = problem({**GOOD, "ratings.csv": RATINGS_CSV + 5000 * "x" + ",1,1,1\n"})
    assert output.startswith("ratings.csv, line 5: the user id")
    assert len(output) < 250


CORRECT, COPY = "correct or remove the line", "copy the file here again"
OWN_DATA = "docs/own_data.md says how to bring data of your own"
BAD_FILES: list[tuple[dict[str, str | bytes | None], str, str]] = [
    ({"ratings.csv": "userId,movieId,rating\n1,2,5\n"},
     "ratings.csv, line 1: column 'timestamp' is missing (found userId, movieId, rating)",
     "the header must name userId, movieId, rating, timestamp"),
    ({"ratings.csv": "1,2,5,9\n"}, "ratings.csv, line 1: column 'userId' is missing",
     "the header must name userId, movieId, rating, timestamp"),
    ({"ratings.csv": RATINGS_HEADER}, "ratings.csv: holds no ratings", COPY),
    ({"ratings.csv": ""}, "ratings.csv: is empty", COPY),
    ({"movies.csv": None}, "movies.csv: missing beside ratings.csv", OWN_DATA),
    ({"movies.csv": ""}, "movies.csv: is empty", COPY),
    ({"movies.csv": "movieId,name,genres\n1,A,B\n"},
     "movies.csv, line 1: column 'title' is missing (found movieId, name, genres)",
     "the header must be movieId,title,genres"),
    ({"movies.csv": MOVIES_CSV + "2,Again (1999),Drama\n"},
     "movies.csv, line 6: id 2 stands twice", CORRECT),
    ({"movies.csv": MOVIES_CSV + "x,A (1999),Drama\n5,B (1999),Drama\n"},
     "movies.csv, line 6: not a title", CORRECT),
    ({"movies.csv": MOVIES_CSV + "5,Matrix, The (1999),Drama"},
     "movies.csv, line 6: not a title", CORRECT),
    ({"movies.csv": MOVIES_CSV + "5,,Drama\n"}, "movies.csv, line 6: not a title", CORRECT),
    ({"movies.csv": MOVIES_CSV + "2147483648,A,Drama\n"},
     "movies.csv, line 6: not a title", CORRECT),
    ({"movies.csv": (MOVIES_CSV + "5,Été,Drama\n").encode().replace(b"\xc3\xa9", b"\xc3", 1)},
     "movies.csv, line 3: is damaged UTF-8 text", CORRECT),
    ({"movies.csv": MOVIES_CSV + '5,"Open (1999),Drama\n6,B,Drama\n7,C,Drama\n'},
     "movies.csv, line 6: ", CORRECT),
    ({"movies.csv": MOVIES_CSV + '5,"Two\nlines",Drama\nx,B,Drama\n'},
     "movies.csv, line 8: not a title", CORRECT),
    ({"dataset.json": ""}, "dataset.json: is empty", COPY),
    ({"dataset.json": "[1]"}, "dataset.json: not a JSON object", "correct or remove it"),
    ({"dataset.json": '{"simulated": "false"}'}, "dataset.json: not a JSON object whose `name`",
     "correct or remove it"),
    ({"dataset.json": '{"name": '}, "dataset.json: not a JSON object", "correct or remove it"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "expected", "remedy"), BAD_FILES, ids=[expected for _, expected, _ in BAD_FILES]
)
def test_bad_file_is_named_with_remedy(
    problem: Callable[..., str], files: dict[str, str | bytes | None], expected: str, remedy: str
) -> None:
    every = {name: content for name, content in {**GOOD, **files}.items() if content is not None}
    output = problem(every)
    assert output.startswith(expected)
    assert output.endswith(remedy)


@pytest.mark.parametrize(
    ("file", "line", "expected"),
    [
        ("u.item", "5|Short (1999)||||0|1\n", "not a title (2 genre flags, not 19)"),
        ("u.item", "x" + U_ITEM.splitlines()[0], "not a title (its id is not a whole number"),
        ("movies.dat", "5::No Genres (1999)\n", "not a title"),
        ("movies.dat", "x::A (1999)::Drama", "not a title (its id is not a whole number"),
    ],
)
def test_bad_item_line_is_named_in_old_layouts(
    problem: Callable[..., str], file: str, line: str, expected: str
) -> None:
    old = {
        "u.item": {"u.data": U_DATA, "u.item": U_ITEM + line},
        "movies.dat": {"ratings.dat": RATINGS_DAT, "movies.dat": MOVIES_DAT + line},
    }
    output = problem(old[file])
    assert output.startswith(f"{file}, line 5: {expected}")
    assert output.endswith(CORRECT)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda folder: None, "no such folder; give one that holds a ratings data set"),
        (lambda folder: folder.mkdir(), "is empty; give a folder that holds a ratings data set"),
        (
            lambda folder: write_files(folder, {"README.txt": "hello"}),
            "no ratings file of a known layout (u.data, ratings.dat, ratings.csv);"
            f" give a MovieLens folder, or its ratings file; {OWN_DATA}",
        ),
    ],
    ids=["absent", "empty", "of no known layout"],
)
def test_folder_without_data_set_is_named(
    spark: SparkSession, tmp_path: Path, make: Callable[[Path], object], expected: str
) -> None:
    folder = tmp_path / "ml"
    make(folder)
    with pytest.raises(DataError) as caught:
        read_movielens(spark, str(folder))
    assert str(caught.value) == f"{folder}: {expected}"


@pytest.mark.parametrize("address", ["", "s3://bucket/ml"])
def test_url_that_spark_cannot_open_is_named(spark: SparkSession, address: str) -> None:
    with pytest.raises(DataError) as caught:
        read_movielens(spark, address)
    assert address in str(caught.value)
    assert "\n" not in str(caught.value)
