"""``links.csv`` is optional: what is odd in it is mended or left out, and counted."""

from __future__ import annotations

import pytest

from spark_jobs.datasets.links import LEFT_OUT, MENDED, Link, read_links

HEADER = "movieId,imdbId,tmdbId\n"
TOY_STORY = Link("tt0114709", 862)


def test_read_links_counts_nothing_for_the_published_file() -> None:
    links, findings = read_links(f"{HEADER}1,0114709,862\n2,,\n".encode(), "links.csv")
    assert links == {1: TOY_STORY, 2: Link()}
    assert findings.counts == {}


@pytest.mark.parametrize(
    "line",
    ["1,114709,862.0", '1.0,"tt0114709",862', "1,114709.0,862.0"],
)
def test_read_links_mends_and_counts_ids_of_other_programs(line: str) -> None:
    links, findings = read_links(f"{HEADER}{line}\n".encode(), "links.csv")
    assert links == {1: TOY_STORY}
    assert (findings.counts, findings.examples) == ({MENDED: 1}, {MENDED: ["line 2"]})


@pytest.mark.parametrize(
    ("line", "link"),
    [
        ("1,114709", Link("tt0114709", None)),
        ("1,NA,862", Link(None, 862)),
        ("1,nan,", Link()),
    ],
)
def test_read_links_reads_missing_ids(line: str, link: Link) -> None:
    links, findings = read_links(f"{HEADER}{line}\n".encode(), "links.csv")
    assert links == {1: link}
    assert LEFT_OUT not in findings.counts


@pytest.mark.parametrize(
    ("line", "link", "example"),
    [
        ("1,x,862", Link(None, 862), "imdbId in line 2 ('x' is no id)"),
        ("1,114709,-1", Link("tt0114709", None), "tmdbId in line 2 ('-1' is no id)"),
        ("x,114709,862", None, "line 2 ('x' is no id)"),
        (",114709,862", None, "line 2 (no movieId)"),
        ("1,114709,862,9", None, "line 2 (4 fields, not 3)"),
    ],
)
def test_read_links_leaves_out_and_counts_what_is_no_id(
    line: str, link: Link | None, example: str
) -> None:
    links, findings = read_links(f"{HEADER}{line}\n3,1,2\n".encode(), "links.csv")
    assert links.get(1) == link
    assert links[3] == Link("tt0000001", 2)
    assert findings.counts[LEFT_OUT] == 1
    assert findings.examples[LEFT_OUT] == [example]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"movieId,imdb\n1,2\n", "column 'imdbId' is missing"),
        (HEADER.encode() + b'1,2,"3\n', "line 2: unexpected end of data"),
        ("é".encode() * 9 + b"\xc3(\n", "damaged UTF-8"),
    ],
)
def test_read_links_counts_a_file_that_cannot_be_read(content: bytes, problem: str) -> None:
    links, findings = read_links(content, "links.csv")
    assert links == {}
    assert findings.counts == {LEFT_OUT: 1}
    assert problem in findings.examples[LEFT_OUT][0]


def test_read_links_finds_columns_of_spreadsheets() -> None:
    content = 'tmdbId;"imdbId";"movieId"\r\n862;"0114709";1\r\n'.encode("utf-16")
    assert read_links(content, "links.csv")[0] == {1: TOY_STORY}
