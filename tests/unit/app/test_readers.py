"""Readers of uploaded files: what each kind of file says, in the variants that people have."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import UTC, date, datetime

import pytest

from app.portability.entries import (
    RATED,
    SEEN,
    UNDECIDED,
    WISHED,
    Entry,
    FileRow,
    LeftOut,
    Note,
    RejectedLine,
)
from app.portability.readers import dates as readers_dates
from app.portability.readers.file_names import mark_of_name
from app.portability.readers.imdb import not_a_title
from app.portability.uploads import ImportProblem
from tests.support.uploads import rows_of

IMDB_2018 = (
    "Const,Your Rating,Date Rated,Title,URL,Title Type,IMDb Rating,Runtime (mins),Year,Genres,"
    "Num Votes,Release Date,Directors\n"
)
IMDB_2024 = IMDB_2018.replace("Title,URL", "Title,Original Title,URL")
LIST = IMDB_2024.replace(
    "Const,Your Rating,Date Rated,", "Position,Const,Created,Modified,"
).strip()
LIST += ",Your Rating,Date Rated\n"
IMDB_OLD = (
    '"position","const","created","modified","description","Title","Title type","Directors",'
    '"You rated","IMDb Rating","Runtime (mins)","Year","Genres","Num. Votes",'
    '"Release Date (month/day/year)","URL"\n'
)
DIARY = "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date\n"
FILMS = "Date,Name,Year,Letterboxd URI\n2023-01-14,Heat,1995,https://boxd.it/a\n"


def as_csv(rows: list[list[object]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def entries_of(content: str | bytes, name: str = "ratings.csv") -> list[Entry]:
    return [row for row in rows_of(content, name) if isinstance(row, Entry)]


def notes_of(rows: list[FileRow]) -> list[str]:
    return [row.text for row in rows if isinstance(row, Note)]


def zipped(members: dict[str, str | bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return whole.getvalue()


def refusal(content: str | bytes, name: str = "x.csv") -> str:
    with pytest.raises(ImportProblem) as refused:
        rows_of(content, name)
    return str(refused.value)


# IMDb


def test_imdb_ratings_of_before_2018_are_read_with_their_dates() -> None:
    line = (
        '"1","tt0113277","Fri Aug 19 00:00:00 2016","","","Heat","Feature Film","Michael Mann",'
        '"9","8.2","170","1995","crime, drama","500000","1995-12-15","http://www.imdb.com/"\n'
    )
    (entry,) = entries_of(IMDB_OLD + line)
    assert (entry.title, entry.year, entry.imdb_id, entry.stars) == ("Heat", 1995, "tt0113277", 4.5)
    assert entry.at is not None
    assert entry.at.date() == date(2016, 8, 19)


def test_imdb_ratings_of_2018_are_read_in_latin_1() -> None:
    line = "tt0211915,10,2019-02-03,Amélie,https://imdb,movie,8.3,122,2001,Romance,1,2001-04-25,J\n"
    (entry,) = entries_of((IMDB_2018 + line).encode("latin-1"))
    assert (entry.title, entry.stars, entry.year) == ("Amélie", 5.0, 2001)


def test_imdb_ratings_of_2024_have_the_original_title_too() -> None:
    line = "tt0111161,9,2024-02-03,Die Verurteilten,The Shawshank Redemption,u,Film,9,1,1994,,1,,\n"
    (entry,) = entries_of(IMDB_2024 + line)
    assert entry.original_title == "The Shawshank Redemption"


def test_imdb_lists_wish_what_is_not_rated() -> None:
    lines = (
        "1,tt0113277,2025-07-09,2025-07-09,Heat,Heat,u,Movie,8,1,1995,,1,,,,\n"
        "2,tt0114709,2025-07-09,2025-07-09,Toy Story,,u,Movie,8,1,1995,,1,,,9,2024-11-02\n"
    )
    heat, toy_story = entries_of(LIST + lines, "b2c3.csv")
    assert (heat.mark, heat.value) == (WISHED, None)
    assert (toy_story.mark, toy_story.stars) == (RATED, 4.5)
    assert toy_story.at is not None
    assert toy_story.at.date() == date(2024, 11, 2)


def test_imdb_list_of_seen_films_is_told_by_its_name() -> None:
    line = "1,tt0113277,2025-07-09,2025-07-09,Heat,Heat,u,Movie,8,1,1995,,1,,,,\n"
    assert [entry.mark for entry in entries_of(LIST + line, "Films seen.csv")] == [SEEN]


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("TV Episode", "an episode"),
        ("tvEpisode", "an episode"),
        ("Fernsehepisode", "an episode"),
        ("Episodio TV", "an episode"),
        ("Episodio de TV", "an episode"),
        ("Épisode télévisé", "an episode"),
        ("Episódio de TV", "an episode"),
        ("टीवी एपिसोड", "an episode"),
        ("TV Mini Series", "a series"),
        ("tvSeries", "a series"),
        ("Fernsehserie", "a series"),
        ("Série télévisée", "a series"),
        ("Minissérie de televisão", "a series"),
        ("टीवी सीरीज़", "a series"),
        ("Video Game", "a game"),
        ("Videospiel", "a game"),
        ("Jeu vidéo", "a game"),
        ("Videojuego", "a game"),
        ("Videogioco", "a game"),
        ("Podcast Episode", "a podcast"),
        ("Music Video", "a music video"),
        ("Musikvideo", "a music video"),
        *((film, "") for film in ("Movie", "Film", "Película", "TV Movie", "Fernsehfilm")),
        *((film, "") for film in ("Short", "Kurzfilm", "Video", "TV Special", "Feature Film", "")),
    ],
)
def test_imdb_types_that_are_no_films_are_known_in_other_languages(kind: str, what: str) -> None:
    assert not_a_title(kind) == what


@pytest.mark.parametrize("year", ["2013–2023", "2013-", "2013-2023", "2013 "])
def test_range_of_years_is_its_first(year: str) -> None:
    line = f"tt0113277,9,2019-02-03,Heat,https://imdb,movie,8.3,122,{year},Romance,1,2001-04-25,J\n"
    assert [entry.year for entry in entries_of(IMDB_2018 + line)] == [2013]


@pytest.mark.parametrize("year", ["", "unknown", "19", "0"])
def test_unreadable_year_beside_an_id_keeps_the_rating(year: str) -> None:
    line = f"tt0113277,9,2019-02-03,Heat,https://imdb,movie,8.3,122,{year},Romance,1,2001-04-25,J\n"
    assert [(entry.year, entry.stars) for entry in entries_of(IMDB_2018 + line)] == [(None, 4.5)]


# Letterboxd


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        *(("watched.csv", SEEN), ("letterboxd-ann-watched (2).csv", SEEN)),
        *(("watchlist.csv", WISHED), ("My Watch-List.csv", WISHED), ("to-see.csv", WISHED)),
        *(("films.csv", UNDECIDED), ("export.csv", UNDECIDED), ("unseen.csv", UNDECIDED)),
    ],
)
def test_letterboxd_films_are_what_the_name_of_the_file_says(name: str, mark: str) -> None:
    assert [entry.mark for entry in entries_of(FILMS, name)] == [mark]
    assert [entry.mark for entry in entries_of(zipped({f"a/{name}": FILMS}), "x.zip")] == [mark]
    assert (mark_of_name(name) or UNDECIDED) == mark


def test_letterboxd_diary_without_a_rating_is_a_viewing() -> None:
    lines = "2022-03-05,Heat,1995,u,4.5,,,2022-03-04\n2024-08-19,Fargo,1996,u,,Yes,,2024-08-18\n"
    heat, fargo = entries_of(DIARY + lines, "diary.csv")
    assert (heat.stars, heat.mark) == (4.5, RATED)
    assert (fargo.stars, fargo.mark) == (None, SEEN)


def test_letterboxd_zip_takes_ratings_of_viewings_only_where_there_is_no_file_of_ratings() -> None:
    diary = DIARY + "2022-03-05,Heat,1995,u,2,,,2022-03-04\n"
    ratings = "Date,Name,Year,Letterboxd URI,Rating\n2021-01-01,Heat,1995,u,4.5\n"
    both = entries_of(zipped({"diary.csv": diary, "ratings.csv": ratings}), "x.zip")
    assert sorted((entry.mark, entry.stars) for entry in both) == [(RATED, 4.5), (SEEN, None)]
    alone = entries_of(zipped({"diary.csv": diary, "profile.csv": "a,b\n"}), "x.zip")
    assert [(entry.mark, entry.stars) for entry in alone] == [(RATED, 2.0)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("folder", ["", "letterboxd-ann/", "letterboxd-ann\\"])
def test_letterboxd_zip_is_read_without_what_was_deleted_or_liked(folder: str, end: str) -> None:
    films = {
        f"{folder}watched.csv": FILMS,
        f"{folder}watchlist.csv": FILMS.replace("Heat", "Casino"),
        f"{folder}deleted/watched.csv": FILMS.replace("Heat", "Deleted"),
        f"{folder}orphaned\\diary.csv": DIARY + "2022-03-05,Orphan,1995,u,2,,,\n",
        f"{folder}likes/films.csv": FILMS.replace("Heat", "Liked"),
        f"__MACOSX/{folder}._watched.csv": "\0\5\26\7",
        f"{folder}._watched.csv": "\0\5\26\7",
        f"{folder}comments.csv": "Date,Content,Comment\n",
    }
    whole = zipped({name: text.replace("\n", end) for name, text in films.items()})
    read = [(entry.title, entry.mark) for entry in entries_of(whole, "x.zip")]
    assert read == [("Heat", SEEN), ("Casino", WISHED)]


def test_letterboxd_list_is_read_below_its_description() -> None:
    text = (
        "Letterboxd list export v7\nDate,Name,Tags,URL,Description\n"
        '2021-11-06,Best,,https://boxd.it/l,"Over\ntwo lines."\n\n'
        "Position,Name,Year,URL,Description\n1,Heat,1995,https://boxd.it/a,\n2,Fargo,x\n"
    )
    heat, fargo = rows_of(text, "best.csv")
    assert isinstance(heat, Entry)
    assert (heat.title, heat.line, heat.mark) == ("Heat", 7, UNDECIDED)
    assert isinstance(fargo, RejectedLine)
    assert [entry.mark for entry in entries_of(text, "lists/to-watch.csv")] == [WISHED]


def test_letterboxd_review_may_be_long_and_complaints_name_its_first_line() -> None:
    review = '"' + "word\n" * 4_000 + '"'
    text = (
        "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Review,Tags,Watched Date\n"
        f"2024-02-01,Heat,1995,u,4.5,,{review},,\n2024-02-01,Fargo,1996,u,9,,{review},,\n"
    )
    heat, fargo = rows_of(text, "reviews.csv")
    assert isinstance(heat, Entry)
    assert heat.stars == 4.5
    assert isinstance(fargo, RejectedLine)
    assert fargo.line == 4_003
    assert "off the scale" in fargo.why


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("imdbID,Rating10\ntt0113277,9\n", (4.5, None, "tt0113277", None)),
        ("tmdbID,Rating\n949,4.5\n", (4.5, None, None, 949)),
        ("Title,Year,Rating\nHeat,1995,3\n", (3.0, 1995, None, None)),
        ("Year;Rating;Title\n1995;3,5;Heat\n", (3.5, 1995, None, None)),
        ("Name,Rating10,Review\nHeat,7,x\n", (3.5, None, None, None)),
        ("Title,Directors,Rating\nHeat,Mann,★★★½\n", (3.5, None, None, None)),
    ],
)
def test_format_of_other_tools_for_letterboxd_is_read(text: str, expected: tuple) -> None:
    (entry,) = entries_of(text)
    assert (entry.stars, entry.year, entry.imdb_id, entry.tmdb_id) == expected


def test_format_of_other_tools_says_seen_where_there_is_a_date_of_watching() -> None:
    text = "Title,Year,WatchedDate\nHeat,1995,2020-01-01\nFargo,1996,\n"
    assert [entry.mark for entry in entries_of(text)] == [SEEN, UNDECIDED]


# Trakt

HEAT = {"title": "Heat", "year": 1995, "ids": {"imdb": "tt0113277", "tmdb": 949}}


@pytest.mark.parametrize("folder", ["", "ann/ratings/"])
def test_trakt_zip_is_read_flat_or_in_folders(folder: str) -> None:
    rated = {"rated_at": "2024-03-01T20:11:00.000Z", "rating": 9, "type": "movie", "movie": HEAT}
    watched = {"plays": 2, "last_watched_at": "2023-01-01T00:00:00.000Z", "movie": HEAT}
    wished = {"rank": 1, "listed_at": "2023-01-01T00:00:00.000Z", "type": "movie", "movie": HEAT}
    show = {"rating": 3, "type": "show", "show": {"title": "Fargo", "ids": {}}}
    members = {
        f"{folder}ratings-movies.json": [rated],
        f"{folder}ratings-shows.json": [show],
        f"{folder}watched-movies.json": [watched],
        f"{folder}watchlist.json": [wished],
        f"{folder}collection-movies.json": [{"collected_at": "2020-01-01", "movie": HEAT}],
        f"{folder}user-profile.json": {"username": "ann"},
    }
    whole = zipped({name: json.dumps(value) for name, value in members.items()})
    rows = rows_of(whole, "trakt.zip")
    entries = [row for row in rows if isinstance(row, Entry)]
    assert [(entry.mark, entry.stars) for entry in entries] == [
        (RATED, 4.5),
        (SEEN, None),
        (WISHED, None),
    ]
    assert {(entry.imdb_id, entry.tmdb_id) for entry in entries} == {("tt0113277", 949)}
    assert [row for row in rows if isinstance(row, LeftOut)] == [LeftOut(1, "Fargo", "a series")]


def test_trakt_list_whose_name_does_not_tell_is_undecided() -> None:
    text = json.dumps([{"rank": 1, "listed_at": "2023-01-01T00:00:00.000Z", "movie": HEAT}])
    assert [entry.mark for entry in entries_of(text, "list-best.json")] == [UNDECIDED]


def test_trakt_file_is_read_in_pieces() -> None:
    element = {"rated_at": "2024-03-01T20:11:00.000Z", "rating": 9, "movie": HEAT}
    assert len(entries_of(json.dumps([element] * 5_000, indent=1), "ratings-movies.json")) == 5_000


# MovieLens


@pytest.mark.parametrize(
    "text",
    [
        ",userId,movieId,rating,timestamp\n0,1.0,6.0,4.5,964982224.0\n",
        '"userId","movieId","rating","timestamp"\r\n"1","6","4.5","964982224"\r\n',
        'userId,movieId,rating,timestamp\n"1",1,6,4.5,964982224\n',
        "rating;timestamp;movieId;userId\n4,5;964982224;6;1\n",
        "movieId\trating\ttimestamp\n6\t4.5\t2000-07-30 18:37:04\n",
        "sep=;\nmovieId;rating;timestamp\n6;4,5;30.07.2000 18:37:04\n",
        "movieId,rating,timestamp,title,genres\n6,4.5,7/30/2000 6:37:04 PM,Heat,Action\n",
        "\ufeffmovieId,rating,timestamp\n6,4.5,30/07/2000 18:37:04\n\n",
        "Unnamed: 0,user_id,movie_id,rating,timestamp\n0,1,6,4.5,2000-07-30T18:37:04Z\n",
    ],
)
def test_movielens_ratings_are_read_after_other_programs_wrote_them(text: str) -> None:
    (entry,) = rows_of(text)
    assert isinstance(entry, Entry)
    assert (entry.item_id, entry.stars) == (6, 4.5)
    assert entry.at is not None
    assert entry.at.isoformat() == "2000-07-30T18:37:04+00:00"


def test_movielens_org_wishlist_is_wished_and_ids_get_their_letters() -> None:
    text = "movie_id,imdb_id,tmdb_id,average_rating,title\n16,0112641,524,3.8,Casino (1995)\n"
    (entry,) = entries_of(text, "download.csv")
    assert (entry.mark, entry.imdb_id, entry.tmdb_id) == (WISHED, "tt0112641", 524)
    assert (entry.title, entry.year) == ("Casino", 1995)


ACTIVITY = as_csv(
    [
        ["datetime", "login_id", "action_type", "log_json"],
        ["2020-01-01 10:00:00.0", "ann", "rating", '{"movieId": 6, "rating": 2.0}'],
        ["2021-05-05 10:00:00.0", "ann", "rating", '{"movieId": 6, "rating": 4.5}'],
        ["2021-06-06 10:00:00.0", "ann", "search", '{"q": "heat"}'],
    ]
)


def test_movielens_org_activity_log_dates_the_ratings_that_come_with_it() -> None:
    ratings = "movie_id,imdb_id,tmdb_id,rating,average_rating,title\n6,0113277,949,4.5,3.9,Heat\n"
    whole = zipped({"movielens-activity.csv": ACTIVITY, "movielens-ratings.csv": ratings})
    (entry,) = entries_of(whole, "x.zip")
    assert entry.at is not None
    assert (entry.stars, entry.at.date()) == (4.5, date(2021, 5, 5))


def test_movielens_org_activity_log_alone_has_the_ratings() -> None:
    dated = [(str(entry.at)[:10], entry.item_id, entry.stars) for entry in entries_of(ACTIVITY)]
    assert dated == [("2020-01-01", 6, 2.0), ("2021-05-05", 6, 4.5)]


# Goodreads

GOODREADS = (
    "Book Id,Title,Author,Author l-f,Additional Authors,ISBN,ISBN13,My Rating,Average Rating,"
    "Publisher,Binding,Number of Pages,Year Published,Original Publication Year,Date Read,"
    "Date Added,Bookshelves,Bookshelves with positions,Exclusive Shelf,My Review,Spoiler,"
    "Private Notes,Read Count,Owned Copies\n"
)


def test_goodreads_export_is_read_by_ratings_and_shelves() -> None:
    middle = '="0141439602",="9780141439600"'
    lines = "".join(
        f"{n},Book {n},A,B,,{middle},{rating},4,P,Paper,300,2003,1859,{read},2020/01/01,,,{shelf},"
        ",,,1,0\n"
        for n, rating, read, shelf in [
            *((1, 5, "2021/02/03", "read"), (2, 0, "", "read"), (3, 0, "", "to-read")),
            *((4, 0, "", "currently-reading"), (5, 0, "", "given-up")),
        ]
    )
    entries = entries_of(GOODREADS + lines)
    marks = [(entry.mark, entry.stars) for entry in entries]
    assert marks[:2] == [(RATED, 5.0), (SEEN, None)]
    assert [mark for mark, _ in marks[2:]] == [WISHED, SEEN, UNDECIDED]
    assert {entry.year for entry in entries} == {1859}


# Steam


def test_steam_answer_of_a_private_profile_says_which_setting_to_change() -> None:
    assert "set Game details to Public" in refusal('{"response":{}}')


def test_steam_library_is_dated_and_leaves_shortcuts_out() -> None:
    games = [
        {"appid": 10, "name": "A", "playtime_forever": 60, "rtime_last_played": 1700000000},
        {"appid": 20, "name": "B", "playtime_forever": 0, "rtime_last_played": 0},
        {"appid": 2789567361, "name": "Emulator", "playtime_forever": 5},
    ]
    first, second, shortcut = rows_of(json.dumps({"response": {"games": games}}), "x.json")
    assert isinstance(first, Entry)
    assert isinstance(second, Entry)
    assert str(first.at)[:10] == "2023-11-14"
    assert second.at is None
    assert shortcut == LeftOut(3, "Emulator", "a shortcut to what is not on Steam")


# Our own export


def test_own_export_restores_lists_and_what_was_watched() -> None:
    item = "item_id,title,year,imdb_id,tmdb_id"
    ratings = f"{item},rating,rated_at,is_implicit\n6,Heat,1995,,,4.5,2020-01-01,False\n"
    ratings += "608,Fargo,1996,,,3.5,2020-01-01,True\n"
    marks = f"{item},kind,marked_at\n16,Casino,1995,,,watchlist,2020-01-01\n"
    marks += "1,Toy Story,1995,,,seen,2020-01-01\n2,Jumanji,1995,,,hidden,2020-01-01\n"
    whole = zipped({"ratings.csv": ratings, "marks.csv": marks, "visits.csv": "day\n2020-01-01\n"})
    read = [(entry.item_id, entry.mark) for entry in entries_of(whole, "export.zip")]
    assert read == [(6, RATED), (608, SEEN), (16, WISHED), (1, SEEN)]


# Dates


def movielens_dated(*dates: str, delimiter: str = ",") -> list[FileRow]:
    lines = ([n, 5, date] for n, date in enumerate(dates, 1))
    return rows_of(as_csv([["movieId", "rating", "timestamp"], *lines], delimiter))


@pytest.mark.parametrize(
    ("dates", "expected", "note"),
    [
        (("11/2/2019", "25/2/2019"), ["2019-02-11", "2019-02-25"], None),
        (("11/2/2019", "2/25/2019"), ["2019-11-02", "2019-02-25"], None),
        (("11/2/2019", "2/3/2019"), ["2019-11-02", "2019-02-03"], "11/2/2019: we read them as mon"),
        (("11.2.2019",), ["2019-02-11"], None),
        (("5/5/2019",), ["2019-05-05"], None),
        (("1/12/2026", "11/2/2019"), ["2026-01-12", "2019-11-02"], None),
        (("25/2/2019", "2/25/2019", "1/2/2019"), ["2019-02-25", "2019-02-25", "None"], "1 date "),
        (("soon", "2019-02-11", "2019-13-45"), ["None", "2019-02-11", "None"], "2 dates could not"),
        (("11 Feb 2019", "Feb 25, 2019"), ["2019-02-11", "2019-02-25"], None),
        (("11. März 2019", "25 février 2019"), ["2019-03-11", "2019-02-25"], None),
        (("43507", "20190211", "1549843200000"), ["2019-02-11"] * 3, None),
        (("11/2/19",), ["2019-11-02"], "two ways"),
        (("2019/2/11", ""), ["2019-02-11", "None"], None),
        (("Feb 2019", "2019", "11 Feb"), ["None"] * 3, "3 dates"),
    ],
)
def test_dates_are_read_in_the_style_of_their_column(
    dates: tuple[str, ...],
    expected: list[str],
    note: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A date that would be in the future tells the style of the others too."""
    monkeypatch.setattr(readers_dates, "utcnow", lambda: datetime(2026, 6, 1, tzinfo=UTC))
    rows = movielens_dated(*dates)
    assert [str(row.at)[:10] for row in rows if isinstance(row, Entry)] == expected
    if note is None:
        assert notes_of(rows) == []
    else:
        assert note in " ".join(notes_of(rows))


def test_ambiguous_dates_are_days_first_where_commas_are_decimals() -> None:
    rows = movielens_dated("11/2/2019", delimiter=";")
    assert [str(row.at)[:10] for row in rows if isinstance(row, Entry)] == ["2019-02-11"]
    assert "we read them as day/month" in notes_of(rows)[0]


# Bad input


def encrypted(content: bytes) -> bytes:
    """Set the flag of encryption of the only member, in both of its headers."""
    whole = bytearray(content)
    whole[6] |= 1
    whole[whole.index(b"PK\1\2") + 8] |= 1
    return bytes(whole)


@pytest.mark.parametrize(
    ("content", "printed"),
    [
        (zipped({}), "empty"),
        (zipped({"a/ratings.zip": zipped({"ratings.csv": FILMS})}), "another packed file"),
        (zipped({"[Content_Types].xml": "", "xl/workbook.xml": ""}), "Save the sheet as CSV"),
        (encrypted(zipped({"ratings.csv": FILMS})), "without a password"),
        (zipped({"deleted/ratings.csv": FILMS}), "holds no ratings.csv"),
        (zipped({"a.csv": "x,y\n", "b.csv": "z\n"}), "holds no ratings.csv"),
        (zipped({"a/watched.csv": FILMS, "b/watched.csv": FILMS}), "more than one export"),
        (
            zipped({"a.csv": FILMS, "b.csv": "movieId,rating\n1,5\n"}),
            "files of Letterboxd and of MovieLens",
        ),
        ("<!DOCTYPE html><html><body>Log in</body></html>", "it is a web page"),
        ("\n  <html>", "it is a web page"),
        ("movieId,title,genres\n1,Heat,Drama\n", "do not know this kind"),
        ("[]", "do not know this kind"),
        ('[{"rating": 5, "movie": {}}', "damaged"),
        ("[" * 100_000, "do not know this kind"),
    ],
)
def test_unusable_file_is_refused_with_a_clear_message(content: str | bytes, printed: str) -> None:
    assert printed in refusal(content, "export.zip")


def test_zip_names_the_file_of_a_complaint() -> None:
    whole = zipped({"watched.csv": FILMS, "ratings.csv": "Name,Year,Rating\nHeat,1995,9\n"})
    (rejected,) = [row for row in rows_of(whole, "x.zip") if isinstance(row, RejectedLine)]
    assert rejected.why.startswith("ratings.csv: a rating of 9 is off the scale")
