"""Every route with every method, and every form, with hostile input."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_wtf import FlaskForm
from hypothesis import strategies as st
from msgspec.structs import replace
from werkzeug.test import TestResponse

from app import create_app
from app.extensions import db
from app.http.security_headers import CONTENT_SECURITY_POLICY
from recommender.catalogue import CatalogueItem
from recommender.storage.release_store import ReleaseStore
from tests.support.commands import run
from tests.support.databases import DATABASES, Server, migrate, new_database
from tests.support.executable_markup import ExecutableMarkup
from tests.support.fuzzing import HOSTILE, LONG, MARKUP, any_json, fuzz, hostile_text
from tests.support.releases import GAMES, ITEMS, no_parity_sample, tiny_games_release, tiny_release
from tests.support.routes import wsgi
from tests.support.site import register, settings


def hostile(titles: list[CatalogueItem]) -> list[CatalogueItem]:
    """Items, some of them with titles that attack the page."""
    first = replace(titles[0], title=MARKUP, description=MARKUP, genres=(MARKUP[:40],))
    second = replace(titles[1], title="\u202e🎬 “Δ” & {{ 7 * 7 }}\0")
    return [first, second, *titles[2:]]


FILMS = (tiny_release(), hostile(ITEMS), no_parity_sample())
OF_GAMES = (tiny_games_release(), hostile(GAMES), no_parity_sample(rating_width=0))
ROLES = ("guest", "ann", "owner")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}
# Parameters that views read besides form fields.
NAMES = (
    *("next", "q", "suggest", "show", "genre", "not", "from", "to", "known", "years", "via"),
    *("way", "who", "guest", "page", "rating-1", "rating-10", "rating-20", "rating-", "csrf_token"),
    *("rating-2147483648", f"rating-{'9' * 400}", f"rating-{'9' * 5000}", "rating-٣", "limit"),
    *("user_id", "returnMetadata"),
)
PLAUSIBLE = [
    *("1", "2", "3", "4.5", "0.5", "5", "bob", "ann", "ann@example.com", "bøb@exämple.com"),
    *("another good password", "on", "watchlist", "hidden", "least", "average", "Romance"),
    *("/", "/search?q=a", "recommendation", "20260101-000000-aaaa", "1,5", "12"),
]


@dataclass(frozen=True)
class Site:
    app: Flask
    sessions: dict[str, str]

    def client(self, role: str) -> FlaskClient:
        client = self.app.test_client()
        if role in self.sessions:
            client.set_cookie("session", self.sessions[role])
        return client


@pytest.fixture(scope="module", params=[*DATABASES, "games"] if LONG else ["sqlite"])
def site(
    request: pytest.FixtureRequest,
    servers: Callable[[str], Server],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """A site whose titles are hostile too, with an owner and a user who rates."""
    folder = tmp_path_factory.mktemp("fuzzed")
    games = request.param == "games"
    url = new_database("sqlite" if games else request.param, servers, folder)
    migrate(url)
    store = ReleaseStore(folder / "releases")
    report = {"report.html": b"<p>", "data.json": b"{}"}
    release, titles, parity = OF_GAMES if games else FILMS
    version = store.publish(release, titles, parity, report).version
    store.promote(version)
    environ = {**settings(url, store.folder), "RATELIMIT_ENABLED": "False"}
    app = create_app(environ, TESTING=True, WTF_CSRF_ENABLED=False)
    sessions = {}
    for name in ROLES[1:]:
        client = app.test_client()
        register(client, name)
        for title in titles[:3]:
            done = client.post(f"/title/{title.item_id}/rating", data={"rating": "4.5"})
            assert done.status_code == 303
        cookie = client.get_cookie("session")
        assert cookie
        sessions[name] = cookie.value
    run(app, "set-role", "owner", "owner")
    yield Site(app, sessions)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="module")
def guarded(site: Site) -> Iterator[Site]:
    """The same site with form tokens required."""
    site.app.config["WTF_CSRF_ENABLED"] = True
    yield site
    site.app.config["WTF_CSRF_ENABLED"] = False


def fields_of_forms() -> list[str]:
    """Every name that a form of the site has."""
    forms, names = [*FlaskForm.__subclasses__()], set()
    for form in forms:
        if form.__module__.startswith("app."):
            names |= {name for name in vars(form) if hasattr(vars(form)[name], "field_class")}
    assert {"username", "password", "confirm", "email", "file", "rating", "name"} <= names
    return sorted(names)


def check(answer: TestResponse, host: str = "localhost") -> None:
    """Check the rules for every response."""
    assert answer.status_code < 500, answer.text
    for name, value in HEADERS.items():
        assert name in answer.headers
        if name != "Content-Security-Policy" or answer.status_code >= 400:
            assert answer.headers[name] == value
    assert answer.headers["X-Request-ID"]
    for value in answer.headers.values():
        assert not set(value) & {"\r", "\n", "\0"}
    if "Location" in answer.headers:
        there = urljoin(f"http://{host}/", answer.headers["Location"])
        assert urlsplit(there).netloc == host, there
    if not answer.is_streamed and answer.mimetype in ("text/html", "application/json"):
        assert "Traceback (most recent" not in answer.text
    if answer.mimetype == "text/html":
        assert "<script>alert" not in answer.text
        assert ExecutableMarkup(answer.text).found == []


def routes() -> list[tuple[str, bool]]:
    """Return (rule, is API) of every route."""
    app = create_app({"DEBUG": "True", "DATABASE_URL": "sqlite://"})
    return sorted({(rule.rule, rule.rule.startswith("/api/")) for rule in app.url_map.iter_rules()})


ROUTES = routes()
OF_CONTENT = ("CONTENT_TYPE", "CONTENT_LENGTH")
PART = re.compile(r"<[^<>]*>")
steps = (
    st.sampled_from(
        ["1", "2", "10", "20", "4", "watchlist", "hidden", "unseen", "0", "movie", "rating"]
    )
    | st.sampled_from(["movies", "ratings", "report.html", "css/site.css", "-1", "²", "a/b", ".."])
    | st.text(max_size=8)
    | st.sampled_from([text for text in HOSTILE if len(text) < 6000])
    | st.binary(max_size=6).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
)


@st.composite
def paths(draw: st.DrawFn) -> str:
    """A path of some route with arbitrary parts."""
    rule, _ = draw(st.sampled_from(ROUTES))
    path = PART.sub(lambda _: draw(steps), rule)
    return draw(st.sampled_from([path, path, path, path, f"{path}/", f"/{path}", path.upper()]))


values = st.sampled_from(PLAUSIBLE) | hostile_text
names = st.sampled_from([*NAMES, *fields_of_forms()]) | st.text(max_size=5)
pairs = st.lists(st.tuples(names, values), max_size=8)
NAMES_OF_HEADERS = (
    "Accept Accept-Language Authorization Cookie Host If-Modified-Since If-None-Match If-Range"
    " Origin Range Referer X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Request-ID"
    " X-Requested-With Content-Type Content-Length Content-Encoding X-HTTP-Method-Override"
).split()
IN_HEADERS = [
    *("application/json", "text/html;q=x,*/*;q=nan", "é\xff", "x" * 5000, "", "gzip", "٣", "-1"),
    *("Bearer", "Bearer a b", "Bearer é", "Bearer =a,b=", "Basic Og==", "Basic é", "Digest a"),
    *("bytes=0-", "bytes=9-1,-,5", "bytes=-0", 'W/"', "Thu, 99 Foo 0000 99:99:99 GMT", "1e3"),
    *("remember_token=1|x; theme=é", "remember_token=1|é; session=.é.x", "session=e30.x.y"),
    *("evil.example", "localhost:x", "[::", "a b", "http://[", "https://evil.example/login"),
    *("multipart/form-data", "multipart/form-data; boundary=", "text/plain; charset=x"),
    *("application/x-www-form-urlencoded; charset=utf-7", "DELETE", "9" * 5000),
]
latin = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=20)
headers = st.dictionaries(
    st.sampled_from(NAMES_OF_HEADERS), st.sampled_from(IN_HEADERS) | latin, max_size=2
)


def ask(site: Site, role: str, method: str, path: str, query: str, **how: Any) -> TestResponse:
    given: dict[str, str] = dict(how.pop("headers", {}))
    client = site.client(role)
    if "Cookie" in given:  # the client sends only its own
        for name in ("remember_token", "theme"):
            client.set_cookie(name, f"1|{given['Cookie'][:1000]}")
        del given["Cookie"]
    environ = {"PATH_INFO": wsgi(path), "QUERY_STRING": query}
    for name, value in given.items():
        key = name.upper().replace("-", "_")
        environ[key if key in OF_CONTENT else f"HTTP_{key}"] = wsgi(value)
    with client.open("/", method=method, environ_overrides=environ, **how) as answer:
        answer.get_data()
        return answer


def written(pairs: list[tuple[str, str]]) -> str:
    return urlencode(pairs, errors="surrogatepass")


@fuzz(
    "pages: routes and queries",
    *(120, 1000),
    role=st.sampled_from(ROLES),
    method=st.sampled_from([*METHODS[:3], *METHODS]),
    path=paths(),
    query=pairs,
)
def test_site_handles_any_url(
    site: Site, role: str, method: str, path: str, query: list[tuple[str, str]]
) -> None:
    check(ask(site, role, method, path, written(query)))


@fuzz(
    "pages: forms",
    *(100, 1000),
    role=st.sampled_from(ROLES),
    path=paths(),
    fields=pairs,
    multipart=st.booleans(),
)
def test_site_handles_any_form(
    site: Site, role: str, path: str, fields: list[tuple[str, str]], multipart: bool
) -> None:
    if multipart:
        given: dict[str, Any] = {}
        for name, value in fields:
            given.setdefault(name, []).append(value)
        answer = ask(site, role, "POST", path, "", data=given, content_type=MULTIPART)
    else:
        answer = ask(site, role, "POST", path, "", data=written(fields), content_type=URLENCODED)
    check(answer)


URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
FORMS = {
    "/register": ("username", "email", "password", "confirm", "next"),
    "/login": ("username", "password", "remember", "next"),
    "/forgotten": ("email",),
    "/account": ("present", "password", "confirm"),
    "/group/ask": ("name",),
    "/group/guest": ("name", "rating-1", "rating-2", "rating-3", "rating-10", "page"),
    "/group/1/agree": (),
    "/title/1/rating": ("rating", "via", "next"),
    "/title/10/rating": ("rating", "via", "next"),
    "/data/import": ("file",),
    "/data/delete": ("password",),
    "/search": ("q", "suggest"),
    "/": ("genre", "not", "from", "to", "known", "years", "show"),
    "/popular": ("genre",),
    "/group": ("way", "who", "guest"),
}


@st.composite
def filled(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]]]:
    """A form with all its fields, each valid or hostile."""
    path = draw(st.sampled_from(sorted(FORMS)))
    good = {"password": "another good password", "confirm": "another good password"}
    good |= {"username": draw(st.text(min_size=2, max_size=64)), "email": "bøb@exämple.com"}
    good |= {"rating": "4.5", "rating-1": "4", "rating-2": "1", "rating-3": "2", "name": "bob"}
    fields = [
        (name, good.get(name, "1") if draw(st.booleans()) else draw(values)) for name in FORMS[path]
    ]
    return path, fields


@fuzz("pages: forms, all fields", 60, 1000, role=st.sampled_from(ROLES), form=filled())
def test_site_handles_any_form_with_known_fields(
    site: Site, role: str, form: tuple[str, list[tuple[str, str]]]
) -> None:
    path, fields = form
    check(ask(site, role, "POST", path, "", data=written(fields), content_type=URLENCODED))
    check(ask(site, role, "GET", path, written(fields)))


@fuzz(
    "pages: headers and cookies",
    *(100, 800),
    role=st.sampled_from(ROLES),
    method=st.sampled_from(["GET", "POST"]),
    path=paths(),
    headers=headers,
    body=st.binary(max_size=40) | any_json.map(lambda x: quote(repr(x)[:200]).encode()),
)
def test_site_handles_any_header(
    site: Site, role: str, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    answer = ask(site, role, method, path, "", data=body, headers=headers)
    if "Host" in headers:
        assert answer.status_code < 500
        return
    check(answer)


@fuzz("pages: forms' tokens", 20, 200, path=paths(), token=values, header=st.booleans())
def test_site_handles_any_csrf_token(guarded: Site, path: str, token: str, header: bool) -> None:
    given = {"X-CSRFToken": wsgi(token).translate(dict.fromkeys(map(ord, "\r\n\0")))}
    how: dict[str, Any] = {"headers": given} if header else {"data": {"csrf_token": token}}
    answer = ask(guarded, "ann", "POST", path, "", **how)
    check(answer)
    assert answer.status_code >= 400 or "/api/" in path
