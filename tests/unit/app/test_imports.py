"""Imports: what is concluded, the report, undo, and lines that wait for a title."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.extensions import db
from app.models import Import, ImportChange, Item, ListEntry, OpenLine, Rating
from app.portability import brought_titles, conclusions, imports, open_lines
from app.portability.entries import (
    SEEN,
    UNDECIDED,
    WISHED,
    Contents,
    Entry,
    FileRow,
    LeftOut,
    Note,
)
from app.portability.import_reports import MOST_LISTED
from recommender.catalogue import CatalogueItem
from recommender.feedback import EXPLICIT
from recommender.storage.release_store import ReleaseStore
from tests.support.api import Rest
from tests.support.commands import run
from tests.support.pages import stored
from tests.support.releases import ITEMS, no_parity_sample, tiny_release
from tests.support.site import register
from tests.support.uploads import MOVIELENS, bring, report_of


def day(number: int) -> datetime:
    return datetime(2020, 1, number, tzinfo=UTC)


def import_address(app: Flask, number: int = 1) -> str:
    """The address of the first import, or of a later one."""
    with app.app_context():
        ids = db.session.scalars(select(Import.id).order_by(Import.id)).all()
    return f"/data/imports/{ids[number - 1]}"


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch) -> list[FileRow]:
    """The rows of the next file, whatever is sent; the readers have tests of their own."""
    rows: list[FileRow] = []

    def read(_name: str, _upload: object) -> Contents:
        return Contents("Letterboxd", EXPLICIT, iter(list(rows)))

    monkeypatch.setattr(imports, "read_upload", read)
    return rows


def send(client: FlaskClient, rows: list[FileRow], *new: FileRow) -> str:
    """Import these rows in place of the earlier ones; return the page of the report."""
    rows[:] = new
    return bring(client, "anything", follow_redirects=True).text


def lists(app: Flask) -> dict[str, list[int]]:
    with app.app_context():
        found: dict[str, list[int]] = {}
        for entry in db.session.scalars(select(ListEntry).order_by(ListEntry.item_id)):
            found.setdefault(entry.kind, []).append(entry.item_id)
        return found


def waiting(app: Flask) -> list[OpenLine]:
    with app.app_context():
        return list(db.session.scalars(select(OpenLine).order_by(OpenLine.line)))


def everything(app: Flask) -> list[list[tuple]]:
    """Return all rows of ratings and lists."""
    with app.app_context():
        return [
            sorted((tuple(row) for row in db.session.execute(select(table.__table__))), key=repr)
            for table in (Rating, ListEntry)
        ]


# Conclusions


@pytest.mark.every_database
def test_seen_lines_are_seen_and_not_wanted(
    app: Flask, ann: FlaskClient, file: list[FileRow]
) -> None:
    ann.post("/title/13/watchlist")
    page = send(
        ann,
        file,
        Entry(2, "Space Station", 1979, mark=WISHED),
        Entry(3, "Space Station", 1979, mark=SEEN, at=day(2)),
        Entry(4, "Love Letters", 1995, mark=SEEN),
        Entry(5, "Amélie in Love", 2001, mark=WISHED),
    )
    assert lists(app) == {"seen": [1, 13], "watchlist": [8]}
    assert stored(app) == []
    assert (report_of(app)["seen"], report_of(app)["wanted"]) == (2, 1)
    assert "<dt>Seen</dt><dd>2</dd>" in page
    with app.app_context():
        assert db.session.get_one(ListEntry, (21, "seen", 1)).marked_at == day(2)


@pytest.mark.every_database
def test_rated_title_is_neither_seen_nor_wanted(
    app: Flask, ann: FlaskClient, file: list[FileRow]
) -> None:
    ann.post("/title/8/rating", data={"rating": "3"})
    send(
        ann,
        file,
        Entry(2, "Space Station", 1979, stars=4.0, at=day(1)),
        Entry(3, "Space Station", 1979, mark=SEEN, at=day(3)),
        Entry(4, "Amélie in Love", 2001, mark=WISHED),
        Entry(5, "Love, Again", 2010, mark=SEEN),
        Entry(6, "Love, Again", 2010, stars=2.0),
    )
    assert stored(app) == [(1, 4.0), (8, 3.0), (34, 2.0)]
    assert lists(app) == {}


def test_wish_for_a_title_seen_here_is_ignored(
    app: Flask, ann: FlaskClient, file: list[FileRow]
) -> None:
    ann.post("/title/1/seen")
    send(ann, file, Entry(2, "Space Station", 1979, mark=WISHED))
    assert lists(app) == {"seen": [1]}
    assert report_of(app)["same"] == 1


@pytest.mark.parametrize("by_name_first", [True, False])
def test_line_matched_by_name_never_overwrites_one_matched_by_id(
    app: Flask, ann: FlaskClient, file: list[FileRow], by_name_first: bool
) -> None:
    by_id = Entry(2, "Space Station", 1979, item_id=1, stars=5.0, at=day(1))
    by_name = Entry(3, "Space Station", 1979, stars=1.0, at=day(9))
    page = send(ann, file, *((by_name, by_id) if by_name_first else (by_id, by_name)))
    assert stored(app) == [(1, 5.0)]
    assert report_of(app)["reasons"] == {conclusions.OVERRULED: 1}
    assert conclusions.OVERRULED in page


@pytest.mark.every_database
def test_import_replaces_an_implicit_rating_whatever_its_date(
    app: Flask, ann: FlaskClient, rest: Rest
) -> None:
    rest.answer("PUT", "/user/21/watched", {"movie_id": 1})
    bring(ann, MOVIELENS)
    assert (1, 4.5) in stored(app)
    with app.app_context():
        assert not db.session.get_one(Rating, (21, 1)).is_implicit


def test_report_counts_what_is_left_out_by_reason_and_lists_notes(
    app: Flask, ann: FlaskClient, file: list[FileRow]
) -> None:
    page = send(
        ann,
        file,
        LeftOut(2, "Heat <b>", "an episode"),
        LeftOut(3, "Lost", "a series"),
        LeftOut(4, "Found", "an episode"),
        Note("3 dates could not be read; those ratings are dated now"),
    )
    assert report_of(app)["left_out"] == 3
    assert "an episode: 2" in page
    assert "<td>Heat &lt;b&gt;</td><td>an episode</td>" in page
    assert "<li>3 dates could not be read" in page


def test_line_of_no_title_is_left_out_unless_its_id_is_known(
    app: Flask, ann: FlaskClient, file: list[FileRow]
) -> None:
    send(
        ann,
        file,
        Entry(2, "Space Station", 1979, imdb_id="tt0000001", stars=4.0, not_a_title="a series"),
        Entry(3, "Love Letters", 1995, imdb_id="tt7777777", stars=4.0, not_a_title="an episode"),
    )
    assert stored(app) == [(1, 4.0)]
    assert report_of(app)["reasons"] == {"an episode": 1}
    assert waiting(app) == []


@pytest.mark.every_database
def test_export_restores_ratings_seen_titles_and_watchlist(
    app: Flask, ann: FlaskClient, rest: Rest
) -> None:
    bring(ann, MOVIELENS)
    bring(ann, "Name,Year,Rating\nUnheard Of,1999,3\n")
    ann.post("/title/13/seen")
    ann.post("/title/21/watchlist")
    ann.post("/title/34/hidden")
    rest.answer("PUT", "/user/21/watched", {"movie_id": 2})
    bob = app.test_client()
    register(bob, "bob")
    page = bring(bob, ann.get("/data/export.zip").data, "export.zip", follow_redirects=True).text
    with app.app_context():
        own = select(Rating.item_id, Rating.rating).where(Rating.user_id == 22)
        assert sorted(tuple(row) for row in db.session.execute(own)) == [(1, 4.5), (8, 3.0)]
        listed = select(ListEntry.kind, ListEntry.item_id).where(ListEntry.user_id == 22)
        assert sorted(tuple(row) for row in db.session.execute(listed)) == [
            ("seen", 2),
            ("seen", 13),
            ("watchlist", 21),
        ]
        lines = db.session.scalars(select(OpenLine).where(OpenLine.user_id == 22)).all()
        assert [(line.title, line.year, line.rating) for line in lines] == [("Unheard Of", 1999, 3)]
    assert "a file from Marquee" in page


def test_report_lists_what_was_matched_by_name_with_both_titles_and_the_rating(
    app: Flask, ann: FlaskClient, file: list[FileRow]
) -> None:
    page = send(
        ann,
        file,
        Entry(2, "space race", 2000, stars=4.5),
        Entry(3, item_id=1, stars=3.0),
        Entry(4, "Love Letters", 1995, mark=SEEN),
    )
    assert (report_of(app)["by_id"], report_of(app)["by_name"]) == (1, 2)
    row = r"<td>space race \(2000\)</td><td><a [^>]*>The Space Race \(1999\)</a></td>"
    assert re.search(row + r'<td class="said-of">4.5 ★</td>', page)
    assert re.search(r"Love Letters \(1995\)</a></td><td class=\"said-of\">seen</td>", page)


@pytest.mark.every_database
def test_same_file_twice_changes_nothing_and_says_so(
    app: Flask, ann: FlaskClient, file: list[FileRow]
) -> None:
    rows = [
        Entry(2, "Space Station", 1979, stars=4.0, at=day(1)),
        Entry(3, "Love Letters", 1995, mark=SEEN),
        Entry(4, "Amélie in Love", 2001, mark=WISHED),
        Entry(5, "Unheard Of", 1999, stars=2.0),
    ]
    send(ann, file, *rows)
    before = everything(app)
    page = send(ann, file, *rows)
    assert everything(app) == before
    assert "It changed nothing" in page
    assert "They wait since an earlier file" in page
    assert len(waiting(app)) == 1
    assert report_of(app)["same"] == 3


def test_report_of_an_earlier_version_is_shown(app: Flask, ann: FlaskClient) -> None:
    old = {"source": "IMDb", "file": "a.csv", "new": 7, "unmatched": 1}
    with app.app_context():
        done = Import(user_id=21, imported_at=day(1), report={**old, "unmatched_lines": [{}]})
        db.session.add(done)
        db.session.commit()
        number = done.id
    assert "<dt>New</dt><dd>7</dd>" in ann.get(f"/data/imports/{number}").text


def test_report_lists_are_bounded(app: Flask, ann: FlaskClient, file: list[FileRow]) -> None:
    send(ann, file, *(LeftOut(n, "🎬" * 300, f"reason {n}") for n in range(MOST_LISTED * 3)))
    report = report_of(app)
    assert report["left_out"] == MOST_LISTED * 3
    assert len(json.dumps(report)) < 100_000


# Lines that wait


@pytest.mark.every_database
def test_unmatched_line_can_be_chosen_at_once(
    app: Flask, ann: FlaskClient, file: list[FileRow]
) -> None:
    page = send(ann, file, Entry(2, "The Station in Space", 1979, stars=4.5, at=day(1)))
    key = re.search(r'name="line" value="(\w+)"', page)[1]
    found = ann.get(f"/data/lines/choose?line={key}&q=space").text
    assert f'<button class="btn btn-sm btn-outline-secondary" name="item" value="{1}"' in found
    answer = ann.post("/data/lines/choose", data={"line": key, "item": "1"})
    assert (answer.status_code, answer.location) == (303, import_address(app))
    assert stored(app) == [(1, 4.5)]
    assert waiting(app) == []
    report = report_of(app)
    assert (report["unmatched"], report["chosen"]) == (0, 1)
    assert ann.post("/data/lines/choose", data={"line": key, "item": "1"}).status_code == 404


def test_choice_suggests_titles_and_answers_json(
    ann: FlaskClient, file: list[FileRow], app: Flask
) -> None:
    send(ann, file, Entry(2, "The Station in Space", 1979, mark=SEEN))
    (line,) = waiting(app)
    found = ann.get(f"/data/lines/choose?line={line.key}&q=space+station&suggest=1").text
    assert "<html" not in found
    assert "Space Station" in found
    answer = ann.post(
        "/data/lines/choose",
        data={"line": line.key, "item": "1"},
        headers={"Accept": "application/json"},
    )
    assert answer.json == {
        "message": "“The Station in Space” is Space Station (1979).",
        "undo": None,
    }
    assert lists(app) == {"seen": [1]}


@pytest.mark.every_database
def test_lines_of_another_user_cannot_be_seen_or_chosen(
    app: Flask, ann: FlaskClient, file: list[FileRow]
) -> None:
    send(ann, file, Entry(2, "Private Film", 1979, stars=4.5))
    (line,) = waiting(app)
    bob = app.test_client()
    register(bob, "bob")
    assert "Private Film" not in bob.get("/data/lines").text
    assert bob.get(f"/data/lines/choose?line={line.key}").status_code == 404
    sent = {"line": line.key, "item": "1"}
    assert bob.post("/data/lines/choose", data=sent).status_code == 404
    assert bob.post(import_address(app) + "/decide", data={"mark": "seen"}).status_code == 404
    assert bob.post(import_address(app) + "/undo").status_code == 404
    assert len(waiting(app)) == 1
    assert "Private Film" in ann.get("/data/lines").text


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 422),
        ({"line": "x" * 33, "item": "1"}, 422),
        ({"line": "x", "item": "-1"}, 422),
        ({"line": "x", "item": "one"}, 422),
        ({"line": "x", "item": "1"}, 404),
        ({"line": "x", "item": "999"}, 404),
    ],
)
def test_choice_rejects_bad_input(ann: FlaskClient, sent: dict[str, str], status: int) -> None:
    assert ann.post("/data/lines/choose", data=sent).status_code == status


def test_lines_about_one_unmatched_title_are_one(
    app: Flask, ann: FlaskClient, file: list[FileRow]
) -> None:
    send(
        ann,
        file,
        Entry(2, "Unheard Of", 1999, mark=SEEN, at=day(8)),
        Entry(3, "Unheard of", 1999, stars=2.0, at=day(1)),
        Entry(4, "Unheard Of", 1999, stars=3.0, at=day(2)),
        Entry(5, "Unheard Of", 2001, mark=WISHED),
    )
    assert [(line.line, line.rating, line.mark) for line in waiting(app)] == [
        (4, 3.0, "rated"),
        (5, None, "wished"),
    ]
    assert report_of(app)["unmatched"] == 2


@pytest.mark.every_database
def test_lines_keep_ids_title_rating_and_date(
    app: Flask, ann: FlaskClient, file: list[FileRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brought_titles, "MOST_BROUGHT", 0)
    entry = Entry(
        **{"line": 2, "title": "Ünheard 🎬\0", "year": 1999, "item_id": 77, "imdb_id": "tt77"},
        **{"tmdb_id": 78, "stars": 2.5, "at": day(1), "original_title": "O" * 400},
    )
    send(ann, file, entry, Entry(3, "\ud800 alone", 2**31 - 1, imdb_id="t" * 99, tmdb_id=2**40))
    first, second = waiting(app)
    assert (first.title, first.year, first.catalogue_id) == ("Ünheard 🎬", 1999, 77)
    assert (first.imdb_id, first.tmdb_id, first.rating, first.at) == ("tt77", 78, 2.5, day(1))
    assert first.original_title == "O" * 255
    assert (second.title, second.imdb_id, second.tmdb_id) == ("? alone", None, None)
    (exported,) = [
        line for line in ann.get("/data/export.json").json["open_lines"] if line["year"] == 1999
    ]
    assert exported["title"] == "Ünheard 🎬"


def test_only_so_many_lines_of_a_person_are_kept_and_the_rest_counted(
    app: Flask, ann: FlaskClient, file: list[FileRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (conclusions, open_lines):
        monkeypatch.setattr(module, "MOST_OPEN", 3)
    send(ann, file, Entry(2, "Zero", 1999, stars=2.0))
    page = send(ann, file, *(Entry(n, f"Title {n}", 1999, stars=2.0) for n in range(2, 7)))
    assert len(waiting(app)) == 3
    report = report_of(app)
    assert (report["unmatched"], report["forgotten"]) == (5, 3)
    assert "3 are more than we keep" in page


def add_item(app: Flask, **values: object) -> None:
    with app.app_context():
        db.session.add(Item(search_key="x", genres="", rating_count=0, **values))
        db.session.commit()


@pytest.mark.every_database
def test_sync_catalogue_matches_waiting_lines_to_new_titles(
    app: Flask, ann: FlaskClient, file: list[FileRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brought_titles, "MOST_BROUGHT", 0)
    send(
        ann,
        file,
        Entry(2, "Unheard Of", 1999, stars=2.5, at=day(1)),
        Entry(3, "Other Name", 1999, imdb_id="tt0000077", mark=SEEN),
        Entry(4, "Still Unknown", 1999, mark=SEEN),
    )
    add_item(app, id=76, title="Unheard Of", year=1999)
    add_item(app, id=77, title="The Real Name", year=1999, imdb_id="tt0000077")
    assert "2 titles of people's files" in run(app, "sync-catalogue")[1]
    assert "people's files" not in run(app, "sync-catalogue")[1]
    assert stored(app) == [(76, 2.5)]
    assert lists(app) == {"seen": [77]}
    assert [line.title for line in waiting(app)] == ["Still Unknown"]
    page = ann.get(import_address(app)).text
    assert "2 titles that we did not know are now here" in page
    assert "2 titles that we did not know are now here" in ann.get("/data").text
    assert "Still Unknown" in page


@pytest.mark.every_database
def test_release_that_goes_into_service_matches_waiting_lines_once(
    app: Flask,
    ann: FlaskClient,
    file: list[FileRow],
    store: ReleaseStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send(ann, file, Entry(2, "Unheard Of", 1999, stars=2.5))
    release = tiny_release("20260303-000000-cccc")
    items = [*ITEMS, CatalogueItem(76, "Unheard Of", 1999)]
    store.publish(release, items, no_parity_sample())
    store.promote(release.version)
    ann.get("/")
    assert stored(app) == [(76, 2.5)]
    monkeypatch.setattr(open_lines, "match_again", lambda _most: pytest.fail("again"))
    with app.app_context():
        open_lines.sync_and_match(app.extensions["serving"].model.release)


def test_match_again_goes_through_all_lines_in_batches(
    app: Flask, ann: FlaskClient, file: list[FileRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = app.test_client()
    register(bob, "bob")
    for client in (ann, bob):
        send(client, file, *(Entry(n, f"Title {n}", 1999, stars=2.0) for n in range(2, 9)))
    for number in range(2, 9):
        add_item(app, id=100 + number, title=f"Title {number}", year=1999)
    monkeypatch.setattr(open_lines, "BATCH", 3)
    with app.app_context():
        assert open_lines.match_again() == 14
    assert waiting(app) == []
    assert len(stored(app)) == 14


def test_rating_given_since_is_kept_when_a_line_is_matched_again(
    app: Flask, ann: FlaskClient, file: list[FileRow]
) -> None:
    send(ann, file, Entry(2, "Unheard Of", 1999, stars=2.5, at=day(1)))
    add_item(app, id=76, title="Unheard Of", year=1999)
    ann.post("/title/76/rating", data={"rating": "5"})
    with app.app_context():
        assert open_lines.match_again() == 1
    assert stored(app) == [(76, 5.0)]
    assert waiting(app) == []


# Seen or wanted?


@pytest.mark.every_database
@pytest.mark.parametrize(("mark", "kind"), [("seen", "seen"), ("wished", "watchlist")])
def test_undecided_titles_wait_for_an_answer(
    app: Flask, ann: FlaskClient, file: list[FileRow], mark: str, kind: str
) -> None:
    ann.post("/title/13/rating", data={"rating": "5"})
    page = send(
        ann,
        file,
        Entry(2, "Space Station", 1979, mark=UNDECIDED),
        Entry(3, item_id=8, mark=UNDECIDED),
        Entry(4, item_id=13, mark=UNDECIDED),
        Entry(5, "Unheard Of", 1999, mark=UNDECIDED),
    )
    assert lists(app) == {}
    assert "Are these 3 movies you have seen, or want to see?" in page
    answer = ann.post(import_address(app) + "/decide", data={"mark": mark}, follow_redirects=True)
    assert lists(app) == {kind: [1, 8]}
    assert "or want to see?" not in answer.text
    assert [(line.title, line.mark) for line in waiting(app)] == [("Unheard Of", mark)]
    ann.post(import_address(app) + "/undo")
    assert lists(app) == {}


@pytest.mark.parametrize("mark", ["", "rated", "undecided", "x" * 99])
def test_decision_rejects_other_marks(ann: FlaskClient, file: list[FileRow], mark: str) -> None:
    send(ann, file, Entry(2, "Space Station", 1979, mark=UNDECIDED))
    assert ann.post("/data/imports/1/decide", data={"mark": mark}).status_code == 422


def test_undecided_line_without_a_title_waits_for_both(
    app: Flask, ann: FlaskClient, file: list[FileRow]
) -> None:
    send(ann, file, Entry(2, "Space Statoin", 1979, mark=UNDECIDED))
    (line,) = waiting(app)
    ann.post("/data/lines/choose", data={"line": line.key, "item": "1"})
    assert lists(app) == {}
    ann.post(import_address(app) + "/decide", data={"mark": "seen"})
    assert lists(app) == {"seen": [1]}
    assert waiting(app) == []


# Undo


@pytest.mark.every_database
def test_undo_restores_ratings_and_lists_to_what_they_were(
    app: Flask, ann: FlaskClient, rest: Rest, file: list[FileRow]
) -> None:
    ann.post("/title/1/rating", data={"rating": "2", "via": "search"})
    rest.answer("PUT", "/user/21/watched", {"movie_id": 2})
    ann.post("/title/13/watchlist")
    ann.post("/title/21/unseen")
    ann.post("/title/34/seen")
    before = everything(app)
    send(
        ann,
        file,
        Entry(2, item_id=1, stars=5.0, at=datetime.now(UTC)),
        Entry(3, item_id=2, stars=5.0, at=day(1)),
        Entry(4, item_id=8, stars=3.0, at=day(1)),
        Entry(5, item_id=13, mark=SEEN),
        Entry(6, item_id=21, mark=SEEN),
        Entry(7, item_id=5, mark=WISHED),
        Entry(8, "Unheard Of", 1999, mark=WISHED),
    )
    assert everything(app) != before
    page = ann.post(import_address(app) + "/undo", follow_redirects=True).text
    assert everything(app) == before
    assert waiting(app) == []
    assert "everything is as it was before this file" in page
    assert "what it had brought is gone again" in page
    with app.app_context():
        assert db.session.scalars(select(ImportChange)).all() == []


@pytest.mark.every_database
def test_undo_keeps_what_was_changed_here_since(
    app: Flask, ann: FlaskClient, file: list[FileRow]
) -> None:
    ann.post("/title/13/watchlist")
    send(
        ann,
        file,
        Entry(2, item_id=1, stars=5.0, at=day(1)),
        Entry(3, item_id=2, stars=4.0, at=day(1)),
        Entry(4, item_id=13, mark=SEEN),
        Entry(5, item_id=8, mark=WISHED),
    )
    ann.post("/title/1/rating", data={"rating": "3"})
    ann.post("/title/13/watchlist")
    ann.post("/title/8/seen")
    page = ann.post(import_address(app) + "/undo", follow_redirects=True).text
    assert stored(app) == [(1, 3.0)]
    assert lists(app) == {"watchlist": [13], "seen": [8]}
    assert "you changed since, so they stay" in page


def test_undo_happens_once(app: Flask, ann: FlaskClient, file: list[FileRow]) -> None:
    send(ann, file, Entry(2, item_id=1, stars=5.0, at=day(1)))
    ann.post(import_address(app) + "/undo")
    send(ann, file, Entry(2, item_id=1, stars=5.0, at=day(1)))
    assert "undone before" in ann.post(import_address(app) + "/undo", follow_redirects=True).text
    assert stored(app) == [(1, 5.0)]


@pytest.mark.every_database
@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_undoing_two_imports_in_any_order_restores_what_was_before_both(
    app: Flask, ann: FlaskClient, file: list[FileRow], order: tuple[int, int]
) -> None:
    ann.post("/title/8/watchlist")
    before = everything(app)
    send(ann, file, Entry(2, item_id=1, stars=5.0, at=day(1)))
    send(ann, file, Entry(2, item_id=1, stars=4.0, at=day(2)), Entry(3, item_id=8, mark=SEEN))
    for number in order:
        ann.post(import_address(app, number) + "/undo")
    assert everything(app) == before


def test_undo_takes_back_what_was_chosen_and_found_later(
    app: Flask, ann: FlaskClient, file: list[FileRow]
) -> None:
    send(ann, file, Entry(2, "Statoin", 1979, stars=2.0), Entry(3, "New One", 1999, stars=2.0))
    line = waiting(app)[0]
    ann.post("/data/lines/choose", data={"line": line.key, "item": "1"})
    add_item(app, id=76, title="New One", year=1999)
    with app.app_context():
        open_lines.match_again()
    assert stored(app) == [(1, 2.0), (76, 2.0)]
    ann.post(import_address(app) + "/undo")
    assert stored(app) == []


@pytest.mark.every_database
def test_changes_and_undo_go_with_a_dropped_report_and_lines_stay(
    app: Flask, ann: FlaskClient, file: list[FileRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.portability.import_reports.MOST_REPORTS", 1)
    send(ann, file, Entry(2, item_id=1, stars=5.0), Entry(3, "Unheard Of", 1999, stars=2.0))
    send(ann, file, Entry(2, item_id=2, stars=5.0))
    with app.app_context():
        assert [change.item_id for change in db.session.scalars(select(ImportChange))] == [2]
    (line,) = waiting(app)
    assert line.import_id is None
    answer = ann.post("/data/lines/choose", data={"line": line.key, "item": "3"})
    assert answer.location == "/data/lines"
    assert stored(app) == [(1, 5.0), (2, 5.0), (3, 2.0)]


def test_report_says_how_long_undo_is_possible(ann: FlaskClient, file: list[FileRow]) -> None:
    page = send(ann, file, Entry(2, item_id=1, stars=5.0))
    assert "This is possible while it is among your 20 newest files." in page
    assert "This takes back 1 change." in page
