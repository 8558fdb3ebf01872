"""The cost of a request grows at most linearly with its size, and stays below a limit.

Every route and field, taken from the map of addresses, the forms of the pages and the API's
document, is sent texts of expensive shapes up to the largest size that a server lets through.
``MARQUEE_FUZZ=long`` sends every shape to every field; the default run, some of them to each.
"""

from __future__ import annotations

import ast
import gc
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from html.parser import HTMLParser
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from time import thread_time
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.accounts import service as accounts
from app.extensions import limiter
from app.http import body_limits
from tests.support import cheap_hashing
from tests.support.api import Rest, client_with_token
from tests.support.fuzzing import LONG
from tests.support.large_site import large_site, rate_everything
from tests.support.routes import address, is_api, wsgi
from tests.support.site import ROOT, register

# What the largest accepted request may cost.
SECONDS = 1.0
MEGABYTES = 100
# Lower costs are useless for an attack, and within the noise of a busy machine.
NOTICED_SECONDS = 0.1
# Twice the input may cost twice as much, plus noise of the machine.
GROWTH = 3.0
# Limits of gunicorn.
LONGEST_LINE, LONGEST_HEADER = 4_000, 8_000
SHAPES_IN_SHORT = 4

Send = Callable[[Any], TestResponse]


def repeated(unit: str) -> Callable[[int], str]:
    return lambda size: (unit * (size // len(unit) + 1))[:size]


SHAPES: dict[str, Callable[[int], str]] = {
    "letters": repeated("a"),
    "blanks": repeated(" "),
    "digits between letters": lambda size: f"a{'1' * (size - 2)}a",
    "blanks between letters": lambda size: f"a{' ' * (size - 2)}a",
    "marks in the wrong order": repeated("\u0301\u0323"),
    "marks on letters": lambda size: "a" + "\u0327\u0301" * (size // 2),
    "ligatures that grow": repeated("\ufdfa"),
    "brackets": repeated("["),
    "round brackets": repeated("("),
    "pairs of brackets": repeated("(a)"),
    "commas": repeated(","),
    "articles": repeated("a, The "),
    "line breaks": repeated("\n"),
    "dots": repeated("a."),
    "at signs": repeated("a@"),
    "slashes": repeated("/"),
    "backslashes": repeated("\\"),
    "semicolons": repeated("a=b; "),
    "percent signs": repeated("%41"),
    "digits": repeated("9"),
    "minus signs": repeated("1-"),
    "words": repeated("the quick brown fox "),
    "emoji": repeated("🎬"),
}
_rotation = cycle(SHAPES)


def shapes(in_short: int = SHAPES_IN_SHORT) -> Iterator[str]:
    """Return all shapes, or the next few, so that every shape is used over all fields."""
    return iter(SHAPES) if LONG else islice(_rotation, in_short)


def seconds(send: Send, text: str | bytes) -> float:
    began = thread_time()
    with send(text) as answer:
        answer.get_data()
    assert answer.status_code < 500, answer.text[:300]
    return thread_time() - began


def check_cost(
    send: Send, shape: str, largest: int, what: str, make: Callable[[int], str] | None = None
) -> None:
    """Check that half of the text costs half, and the whole at most SECONDS."""
    make = make or SHAPES[shape]
    whole = seconds(send, make(largest))
    if whole <= NOTICED_SECONDS:
        return
    whole, half = (
        min(seconds(send, make(size)) for _ in range(3)) for size in (largest, largest // 2)
    )
    assert whole <= SECONDS, f"{what}: {whole:.2f} s for {largest} characters of {shape}"
    assert whole <= max(GROWTH * half, NOTICED_SECONDS), (
        f"{what}: {half:.3f} s for {largest // 2}, {whole:.3f} s for {largest} of {shape}"
    )


# The site


@dataclass
class Site:
    """``ann`` rated everything, ``bob`` nothing, ``guest`` is not logged in."""

    app: Flask
    ann: FlaskClient
    bob: FlaskClient
    guest: FlaskClient
    rest: Rest
    ann_id: int


@pytest.fixture(scope="module")
def site(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site as large as MovieLens latest-small, without rate limits."""
    with (
        pytest.MonkeyPatch.context() as patch,
        large_site(migrated, tmp_path_factory.mktemp("cost")) as app,
    ):
        cheap_hashing.make_hashes_cheap(patch)
        app.config["RATELIMIT_ENABLED"] = False
        patch.setattr(limiter, "enabled", False)
        ann, bob, guest = app.test_client(), app.test_client(), app.test_client()
        register(ann, "ann")
        register(bob, "bob")
        with app.app_context():
            user = accounts.named("ann")
            assert user is not None
            ann_id = user.id
        rate_everything(app, ann_id)
        yield Site(app, ann, bob, guest, client_with_token(app, "service"), ann_id)


class Forms(HTMLParser):
    """(method, path, names of fields) of each form of a page."""

    def __init__(self, text: str, path: str):
        super().__init__()
        self.forms: list[tuple[str, str, list[str]]] = []
        self._path = path
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        if tag == "form":
            action = urlsplit(about.get("action") or self._path).path
            self.forms.append(((about.get("method") or "get").upper(), action, []))
        elif tag in ("input", "select", "textarea", "button") and about.get("name") and self.forms:
            self.forms[-1][2].append(about["name"] or "")


def fields_of(site: Site, method: str) -> dict[str, set[str]]:
    """Names of fields by path, of all forms that the site shows to Ann or to a guest."""
    found: dict[str, set[str]] = {}
    for rule in site.app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or is_api(rule):
            continue
        for client in (site.ann, site.guest):
            path = address(rule)
            with client.get(path) as answer:
                text = answer.text if answer.mimetype == "text/html" else ""
            for how, action, names in Forms(text, path).forms:
                if how == method:
                    found.setdefault(action, set()).update(names)
    return found


@cache
def names_read() -> frozenset[str]:
    """Return names that the code reads from ``request.args``, ``form`` and ``values``."""
    names = set()
    for file in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = ast.unparse(node.func)
                if called.startswith(("request.args.", "request.form.", "request.values.")):
                    names.add(str(node.args[0].value))
    return frozenset(names)


# Pages


def pages(site: Site) -> list[str]:
    """Return a path for each rule that accepts GET, except the API."""
    rules = [rule for rule in site.app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    return [address(rule) for rule in rules if not is_api(rule)]


def query(client: FlaskClient, path: str, name: str) -> Send:
    """Send a text as the parameter ``name``."""
    return lambda text: client.get(path, query_string=urlencode({name: text})[:LONGEST_LINE])


def test_page_query_parameters_are_cheap(site: Site) -> None:
    names = sorted(names_read() | set().union(*fields_of(site, "GET").values()))
    assert {"q", "next", "genre", "show", "page"} <= set(names)
    rotation = cycle(names)
    for path in pages(site):
        for name in names if LONG else {"q", "next", next(rotation), next(rotation)}:
            for shape in shapes():
                send = query(site.bob, path, name)
                check_cost(send, shape, LONGEST_LINE, f"GET {path}?{name}=")


@pytest.mark.parametrize("parameter", ["a=1&", "genre=Drama&", "q=a&", "&", "who=1&", "a&", "="])
def test_thousand_query_parameters_are_cheap(site: Site, parameter: str) -> None:
    for path in ("/", "/search", "/group", "/ratings", "/api/v1/search"):
        check_cost(
            lambda text, path=path: site.bob.get(path, query_string=text),
            *("letters", LONGEST_LINE, f"GET {path}?{parameter}…"),
            make=repeated(parameter),
        )


FILLED = {
    **{"username": "somebody", "email": "somebody@example.com", "name": "somebody"},
    **{"password": "correct horse battery", "confirm": "correct horse battery"},
}


def field(client: FlaskClient, path: str, name: str) -> Send:
    """Send a text as the field ``name`` of a form whose other fields are valid."""
    kind = "application/x-www-form-urlencoded"

    def send(text: str) -> TestResponse:
        body = urlencode({**FILLED, name: text})[: body_limits.BODY_BYTES]
        return client.post(path, data=body, content_type=kind)

    return send


def test_form_fields_are_cheap(site: Site) -> None:
    forms = fields_of(site, "POST")
    assert {"/register", "/login", "/forgotten", "/account", "/data/delete"} <= forms.keys()
    assert {"username", "email", "password", "confirm"} <= forms["/register"]
    for path, names in sorted(forms.items()):
        if path == "/logout":
            continue
        client = site.guest if path in ("/register", "/login", "/forgotten") else site.bob
        for name in sorted(names | names_read() if LONG else names):
            for shape in shapes():
                send = field(client, path, name)
                check_cost(send, shape, body_limits.BODY_BYTES, f"POST {path} {name}")


def test_path_parameters_are_cheap(site: Site) -> None:
    starts = {
        rule.rule[: rule.rule.index("<")]
        for rule in site.app.url_map.iter_rules()
        if rule.arguments
    }
    for start in sorted(starts):
        for shape in shapes():
            check_cost(
                lambda text, start=start: site.bob.open(
                    "/", method="GET", environ_overrides={"PATH_INFO": start + wsgi(text)}
                ),
                *(shape, LONGEST_LINE, f"GET {start}…"),
            )


BEGINNINGS = {
    **dict.fromkeys(("Accept-Language", "Accept-Encoding", "Host", "If-Modified-Since"), ("",)),
    **dict.fromkeys(("If-None-Match", "Origin", "Referer", "User-Agent", "X-CSRFToken"), ("",)),
    **dict.fromkeys(("X-Forwarded-For", "X-Forwarded-Proto", "X-Request-ID"), ("",)),
    "Accept": ("", "text/html;q=0.1,"),
    "Authorization": ("", "Bearer ", "Basic ", "Digest "),
    "Content-Type": ("", "multipart/form-data; boundary=", "text/html; charset="),
    "Cookie": ("", "session=", "device=", "remember_token=1|", "session=.eJ"),
    "Range": ("", "bytes="),
}


@pytest.mark.parametrize("header", BEGINNINGS)
def test_headers_are_cheap(site: Site, header: str) -> None:
    name = header.upper().replace("-", "_")
    key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"

    def send(text: str, path: str, beginning: str) -> TestResponse:
        value = wsgi(beginning + text)[:LONGEST_HEADER]
        return site.app.test_client(use_cookies=False).open(
            path, method="GET", environ_overrides={key: value.replace("\n", " ")}
        )

    for path in ("/login", "/static/site.css", "/api/v1/movies/top"):
        for beginning in BEGINNINGS[header]:
            for shape in shapes():
                what = f"{header}: {beginning} of {path}"
                made = partial(send, path=path, beginning=beginning)
                check_cost(made, shape, LONGEST_HEADER, what)


# The API


@cache
def bodies(field: str, size: int, shape: str) -> list[bytes]:
    """JSON of about ``size`` bytes each, expensive in ``field`` or around it."""
    good = {"gender": "F", "year_of_birth": 1990, "movie_id": 1, "rating": 4.0}
    rating = {"movie_id": 1, "rating": 4.0}
    values: list[Any] = [
        SHAPES[shape](size),
        [1] * (size // 3),
        [{}] * (size // 4),
        [[1]] * (size // 5),
        [rating] * (size // 34),
        [{"user_id": 1}] * (size // 17),
        [{"ratings": [rating]}] * (size // 50),
        [{"ratings": [{}] * (size // 4)}],
        [{"ratings": [rating] * (size // 34)}],
        {str(number): 1 for number in range(size // 12)},
        {**good, **{f"u{number}": 1 for number in range(size // 12)}},
    ]
    start = f'{{"{field}": '.encode()
    return [
        *(json.dumps({field: value}, ensure_ascii=False).encode() for value in values),
        start + b"[" * (size - len(start)),
        start + b"9" * (size - len(start) - 1) + b"}",
        start + b"[" * (size // 2 - len(start)) + b"]" * (size // 2 - len(start)) + b"}",
        start + b'{"a":' * ((size - len(start)) // 5),
    ]


def document(site: Site) -> dict[str, Any]:
    whole: dict[str, Any] = site.app.test_client().get("/api/v1/openapi.json").json
    return whole


def rows_with_bodies(site: Site) -> Iterator[tuple[str, str, list[str]]]:
    """Return (method, path, fields) of each operation with a body."""
    whole = document(site)
    for path, operations in whole["paths"].items():
        for method, operation in operations.items():
            if method != "parameters" and "requestBody" in operation:
                reference = operation["requestBody"]["content"]["application/json"]["schema"]
                name = reference["$ref"].rpartition("/")[2]
                path = path.replace("{user_id}", str(site.ann_id))
                yield method, path, list(whole["components"]["schemas"][name]["properties"])


def test_api_bodies_are_cheap(site: Site) -> None:
    walked = 0
    for method, path, fields in rows_with_bodies(site):
        is_batch = path.endswith("/batch")
        size = (
            body_limits.BODY_BYTES_BY_ENDPOINT["api.batch"] if is_batch else body_limits.BODY_BYTES
        )
        for field in fields:
            for number, body in enumerate(bodies(field, size, next(shapes()))):

                def send(body: bytes, method: str = method, path: str = path) -> TestResponse:
                    return site.rest(method, f"/{path}", data=body, content_type="application/json")

                took = min(seconds(send, body[:size]) for _ in range(2))
                assert took <= SECONDS, f"{method} {path} {field}, body {number}: {took:.2f} s"
                walked += 1
    assert walked > 50


def test_api_query_parameters_are_cheap(site: Site) -> None:
    walked = 0
    for path, operations in document(site)["paths"].items():
        path = path.replace("{user_id}", str(site.ann_id)).replace("{movie_id}", "1")
        for parameter in operations.get("get", {}).get("parameters", []):
            if parameter.get("in") == "query":
                for shape in shapes():
                    name = parameter["name"]
                    check_cost(
                        lambda text, path=path, name=name: site.rest(
                            "GET", f"/{path}", query_string=urlencode({name: text})[:LONGEST_LINE]
                        ),
                        *(shape, LONGEST_LINE, f"GET {path}?{name}="),
                    )
                    walked += 1
    assert walked > 10


# A user who rated everything


def test_api_operations_are_cheap_at_the_largest_limit_when_user_rated_everything(
    site: Site,
) -> None:
    user = f"/api/v1/user/{site.ann_id}"
    rows = [
        *(f"{user}/{row}?limit=1000" for row in ("ratings/top", "ratings/latest")),
        *(f"{user}/{row}" for row in ("recommendations?limit=1000", "estimate/9", "because/9")),
        *("/api/v1/movies/top?limit=1000", "/api/v1/movie/1/similar?limit=1000"),
        f"/recommendations?user_id={site.ann_id}&returnMetadata=true",
        f"/features?user_id={site.ann_id}",
    ]
    cost = {path: seconds(lambda path: site.rest("GET", f"/{path}"), path) for path in rows}
    assert {path: took for path, took in cost.items() if took > SECONDS} == {}


def test_pages_are_cheap_when_user_rated_everything(site: Site) -> None:
    cost = {path: seconds(site.ann.get, path) for path in pages(site)}
    assert {path: took for path, took in cost.items() if took > SECONDS} == {}


# Files


def upload(site: Site, content: bytes, name: str) -> TestResponse:
    start = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = b"".join((start.encode(), content, b"\r\n--x--\r\n"))
    return site.ann.post("/data/import", data=body, content_type="multipart/form-data; boundary=x")


def many_lines(text: str) -> bytes:
    """Return titles of 1,900 characters, with the total length of ``text``."""
    return ("Name,Year,Rating\n" + f"{text[:1900]},1999,4\n" * (len(text) // 1910)).encode()


def packed(content: bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ratings.csv", content)
    return file.getvalue()


FILES: dict[str, Callable[[str], bytes]] = {
    "MovieLens": lambda text: b"movieId,rating\n" + text.encode(),
    "IMDb": lambda text: f"Const,Your Rating,Title,Year\ntt1,5,{text},1999\n".encode(),
    "Letterboxd": lambda text: f"Name,Year,Rating\n{text},1999,4\n".encode(),
    "Letterboxd, quoted": lambda text: f'Name,Year,Rating\n"{text}",1999,4\n'.encode(),
    "Letterboxd, many lines": many_lines,
    "bare": str.encode,
    "Steam, JSON": lambda text: json.dumps({"response": {"games": [{"name": text}]}}).encode(),
    "Steam, literal": lambda text: repr({"items": [{"item_name": text}]}).encode(),
    "Steam, open": lambda text: b"{1:" + text.encode(),
}
LARGEST_TEXT = 8_000_000 if LONG else 1_000_000


@pytest.mark.parametrize("kind", FILES)
def test_imported_files_are_cheap(site: Site, kind: str) -> None:
    for shape in shapes(in_short=2):
        for name, pack in (("x.csv", bytes), ("x.zip", packed)):

            def send(text: str, name: str = name, pack: Callable[..., bytes] = pack) -> Any:
                return upload(site, pack(FILES[kind](text)), name)

            check_cost(send, shape, LARGEST_TEXT, f"{kind} as {name}")


def peak_megabytes(work: Callable[[], object]) -> float:
    """Return the peak of additional process memory during a call."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # reset the peak
    before = _status("VmRSS")
    work()
    return (_status("VmHWM") - before) / 1e3


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


@pytest.mark.parametrize("kind", FILES)
def test_imported_files_are_read_in_bounded_memory(site: Site, kind: str) -> None:
    """60 MB, the maximum that is unpacked, in a zip of some kilobytes."""
    for shape in ("commas", "line breaks", "letters", "brackets", "emoji") if not LONG else SHAPES:
        size = 59_000_000 // len(SHAPES[shape](1000).encode()) * 1000
        content = packed(FILES[kind](SHAPES[shape](size)))
        used = peak_megabytes(lambda content=content: upload(site, content, "x.zip").close())
        assert used <= MEGABYTES, f"{kind}: {used:.0f} MB for {shape}"
