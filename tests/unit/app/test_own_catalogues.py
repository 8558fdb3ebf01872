"""Pages of catalogues of one's own: creators, pictures, links, scales, counts and having."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.recommend.catalogue_kinds import kind_of, with_article
from app.recommend.feedback_kind import HOURS, STARS
from recommender.catalogue import Catalogue
from recommender.storage.release_store import ReleaseStore
from tests.support.pages import shown, stored
from tests.support.site import register
from tests.support.tiny_catalogues import BOOKS, COVERS, books_release, publish

POLICY = "Content-Security-Policy"


def person(app: Flask) -> FlaskClient:
    client = app.test_client()
    register(client, "ann")
    return client


def rate(client: FlaskClient, item: int, value: str) -> str:
    answer = client.post(
        f"/title/{item}/rating", data={"rating": value}, headers={"Accept": "application/json"}
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json["message"])


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


@pytest.mark.parametrize(
    ("noun", "feedback", "more", "kind"),
    [("movie", "explicit", {}, STARS), ("game", "implicit", {}, HOURS)],
)
def test_kind_of_films_and_games_is_what_it_was(
    noun: str, feedback: str, more: dict[str, str], kind: object
) -> None:
    catalogue = Catalogue("x", noun, feedback, 0.5, 5.0, 0.5, 1, 1, 1, 1, **more)
    assert kind_of(catalogue) is kind


@pytest.mark.parametrize(("noun", "output"), [("album", "an album"), ("book", "a book")])
def test_with_article_fits_the_noun(noun: str, output: str) -> None:
    assert with_article(noun) == output


def test_templates_of_all_kinds_define_the_same_names(books_app: Flask) -> None:
    with books_app.test_request_context():
        env = books_app.jinja_env
        words = {"noun": "title", "nouns": "titles", "a_noun": "a title", "points": 10}
        words |= {"done": "tried", "do": "try", "measures": "uses", "measure": "use"}
        names = [
            set(vars(env.get_template(f"kinds/{kind}.html").make_module(words)))
            for kind in ("stars", "hours", "ratings", "counts")
        ]
    public = [{name for name in each if name[0] != "_"} for each in names]
    assert all(each == public[0] for each in public)


# Titles


def test_pages_show_creators_pictures_and_links(books_app: Flask) -> None:
    ann = person(books_app)
    page = ann.get("/title/1").text
    assert '<p class="creators">Ursula K. Le Guin</p>' in page
    assert 'href="https://www.library.example/books/1"' in page
    assert "At library.example" in text_of(page)
    assert f'src="{COVERS}/1.jpg" data-drawn="/poster/1.svg"' in page
    for path in ("/?show=25", "/popular", "/search?q=good", "/group/guest"):
        assert 'loading="lazy"' in ann.get(path).text, path
        assert "Terry Pratchett, Neil Gaiman" in ann.get(path).text, path
    assert 'src="/poster/2.svg"' in ann.get("/title/2").text


def test_search_finds_titles_by_their_creators(books_app: Flask) -> None:
    ann = person(books_app)
    assert shown(ann.get("/search?q=le+guin").text) == [1, 2, 4]
    assert shown(ann.get("/search?q=austen+emma").text) == [5]


def test_policy_allows_pictures_of_exactly_the_hosts_of_the_release(
    app: Flask, books_app: Flask, store: ReleaseStore
) -> None:
    policy = books_app.test_client().get("/login").headers[POLICY]
    assert f"img-src 'self' data: {COVERS};" in policy


def test_policy_leaves_out_addresses_that_are_no_hosts(
    closed_app: Flask, store: ReleaseStore
) -> None:
    from msgspec import structs

    odd = (
        "https://a;script-src",
        "https://user@b.example/1",
        "https://[::1",
        "https://ok.example:8443/1",
    )
    items = [
        structs.replace(book, image=image)
        for book, image in zip(BOOKS, [*odd, None, None, None, None, None], strict=True)
    ]
    publish(store, books_release(), items)
    policy = closed_app.test_client().get("/login").headers[POLICY]
    assert "img-src 'self' data: https://ok.example:8443;" in policy


# Scale


def test_ratings_are_shown_on_the_catalogue_s_scale(books_app: Flask) -> None:
    ann = person(books_app)
    assert rate(ann, 1, "4") == "The Left Hand of Darkness: 8 of 10"
    assert stored(books_app) == [(1, 4.0)]
    page = ann.get("/title/1").text
    assert 'aria-label="8 of 10" required checked' in page
    assert re.search(r"You 8 of 10", text_of(page))
    assert re.search(r"Everyone 8\.0 of 10 · 20 ratings", text_of(page))
    assert re.search(r"\d\.\d of 10 predicted for you", text_of(ann.get("/").text))
    assert "your 8 of 10 for The Left Hand" in text_of(ann.get("/title/2").text)


def test_accuracy_is_in_the_catalogue_s_numbers(books_app: Flask) -> None:
    ann = person(books_app)
    rate(ann, 1, "5")
    rate(ann, 2, "1")
    page = text_of(ann.get("/accuracy").text)
    assert re.search(r"Our guesses miss by \d\.\d\d points", page)
    assert re.search(r"The Dispossessed 2 \d", page)


def test_books_on_five_stars_keep_the_stars(closed_app: Flask, store: ReleaseStore) -> None:
    publish(store, books_release(points=5.0), BOOKS)
    ann = person(closed_app)
    assert rate(ann, 1, "4.5").endswith("4.5 ★")
    page = ann.get("/welcome").text
    assert "Have you read this?" in ann.get("/welcome").text or "And this one?" in page
    assert 'aria-label="four and a half stars"' in page


# Counts and having


def test_plays_are_counted_in_the_catalogue_s_measure(songs_app: Flask) -> None:
    ann = person(songs_app)
    assert rate(ann, 1, "142") == "Night Train: 142 plays"
    assert rate(ann, 2, "") == "Blue Corner: 1 play"
    page = text_of(ann.get("/ratings").text)
    assert "Your songs" in page
    assert "From your 2 songs." in text_of(ann.get("/").text)
    assert "40 plays on average" in text_of(ann.get("/title/1").text)
    assert set(shown(ann.get("/").text)[:2]) == {3, 4}


@pytest.mark.parametrize("value", ["-1", "0", "nan", "inf", "many"])
def test_count_that_is_none_is_rejected(songs_app: Flask, value: str) -> None:
    answer = person(songs_app).post("/title/1/rating", data={"rating": value})
    assert answer.status_code == 422
    assert stored(songs_app) == []


def test_having_is_one_button_without_a_value(tools_app: Flask) -> None:
    ann = person(tools_app)
    page = ann.get("/title/1").text
    assert '<input type="hidden" name="rating" value="1">' in page
    assert 'type="number"' not in page
    assert rate(ann, 1, "1") == "Hammer: yours"
    page = text_of(ann.get("/title/1").text)
    assert "You have it" in page
    assert "I have it" not in page
    assert "20 people have it" in page


def test_guest_of_a_site_of_tools_ticks_what_they_have(tools_app: Flask) -> None:
    ann = person(tools_app)
    guest = {"name": "Maja", "rating-5": "1", "rating-6": "1", "rating-7": "1"}
    assert ann.post("/group/guest", data=guest).status_code == 303
    rate(ann, 1, "1")
    assert shown(ann.get("/group?guest=0").text)


# Imports


def bring(client: FlaskClient, content: str, name: str = "list.csv") -> str:
    upload = {"file": (io.BytesIO(content.encode()), name)}
    return client.post("/data/import", data=upload, follow_redirects=True).text


GOODREADS = (
    "Book Id,Title,Author,My Rating,Exclusive Shelf\n"
    "1,Emma,Jane Austen,4,read\n2,Good Omens,Terry Pratchett,0,to-read\n"
)
LETTERBOXD = "Date,Name,Year,Letterboxd URI,Rating\n2020-01-01,Emma,2020,https://boxd.it/x,4\n"


def test_import_of_books_takes_goodreads_and_no_films(books_app: Flask) -> None:
    ann = person(books_app)
    assert "Goodreads" in ann.get("/data").text
    assert "Your ratings are here" in bring(ann, GOODREADS)
    assert stored(books_app) == [(5, 4.0)]
    answer = text_of(bring(ann, LETTERBOXD, "ratings.csv"))
    assert "This is a file from Letterboxd, and we know books alone." in answer


def test_import_page_of_songs_lists_what_was_exported_here_alone(songs_app: Flask) -> None:
    page = person(songs_app).get("/data").text
    assert re.findall(r"<li><strong>(\w+)</strong>", page) == ["Marquee"]


def test_export_of_counts_can_be_imported_again(songs_app: Flask) -> None:
    ann = person(songs_app)
    rate(ann, 1, "142")
    row = ann.get("/data/export.json").json["ratings"][0]
    assert (row["item_id"], row["count"]) == (1, 142.0)
    lines = "item_id,title,count,rated_at\n2,Blue Corner,7,2020-01-01T00:00:00+00:00\n"
    bring(ann, lines, "ratings.csv")
    assert stored(songs_app) == [(1, 142.0), (2, 7.0)]


def test_export_of_ratings_is_on_the_catalogue_s_scale_and_can_be_imported_again(
    books_app: Flask,
) -> None:
    ann = person(books_app)
    rate(ann, 1, "4")
    row = ann.get("/data/export.json").json["ratings"][0]
    assert (row["item_id"], row["rating"], row["of"]) == (1, 8.0, 10.0)
    assert 5 < row["predicted"] <= 10
    lines = "item_id,title,rating,rated_at,of\n2,The Dispossessed,7.0,2020-01-01T00:00:00Z,10.0\n"
    bring(ann, lines, "ratings.csv")
    assert stored(books_app) == [(1, 4.0), (2, 3.5)]
