"""Separators, columns and encodings of tables that other programs wrote."""

from __future__ import annotations

import pytest

from recommender.formats.delimited import Columns, MissingColumn, decode, fields_of, find_columns

WANTED = ("userId", "rating")


@pytest.mark.parametrize(
    ("header", "first", "columns"),
    [
        ("userId,rating", "1,2", Columns(",", (0, 1), 2)),
        ("\ufeffrating;note;userId", "", Columns(";", (2, 0), 3)),
        ('"userId"\t"rating"', "1\t2", Columns("\t", (0, 1), 2)),
        ("user_id|Rating", "", Columns("|", (0, 1), 2)),
        (",userId,rating", "0,1,2", Columns(",", (1, 2), 3, indexed=True)),
        ('"","userId","rating"', '"1",1,2', Columns(",", (1, 2), 3, indexed=True)),
        ('"userId" "rating"', '"1" 1 2', Columns(" ", (1, 2), 3, indexed=True)),
        ("userId,rating", "1,2,3", Columns(",", (0, 1), 2)),
        ('"userId","rating"', '"1","2",""', Columns(",", (0, 1), 2)),
    ],
)
def test_find_columns_tells_separator_and_places(header: str, first: str, columns: Columns) -> None:
    assert find_columns(header, WANTED, first) == columns


def test_find_columns_names_the_missing_column() -> None:
    with pytest.raises(MissingColumn) as caught:
        find_columns('"User-ID";"ISBN";"Book-Rating"', WANTED)
    assert (caught.value.name, caught.value.names) == ("rating", ["User-ID", "ISBN", "Book-Rating"])


def test_fields_of_keeps_separators_within_quotation_marks() -> None:
    assert fields_of('1, "Matrix, The (1999)" ,"4,5"', ",") == ["1", "Matrix, The (1999)", "4,5"]
    assert fields_of("1::2::3", "::") == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("cp1252", "Windows-1252"),
    ],
)
def test_decode_reads_the_encodings_of_spreadsheets(encoding: str, expected: str) -> None:
    text = "Amélie – “Été”"
    assert decode(text.encode(encoding)) == (text, expected)
    assert decode(b"\x81 \xe9")[0] == "\x81 é"


def test_decode_rejects_utf8_with_a_damaged_character() -> None:
    whole = "Amélie, Été, Léon, Señor".encode()
    with pytest.raises(UnicodeDecodeError):
        decode(whole.replace("ñ".encode(), b"\xc3"))
