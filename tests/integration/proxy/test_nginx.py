"""The site behind nginx with our files, by real requests."""

from __future__ import annotations

import gzip
import re
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlencode, urlsplit

import pytest

from app.http.body_limits import LARGEST_FILE, LARGEST_UPLOAD
from recommender.storage.release_store import ReleaseStore
from tests.support.nginx import nginx, nginx_of_compose
from tests.support.releases import publish_tiny
from tests.support.servers import gunicorn, wait_until
from tests.support.site import PASSWORD, ROOT, settings

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}


@dataclass
class Answer:
    code: int
    headers: Message
    body: bytes


@dataclass
class Site:
    """The address of nginx, the folder of its logs and cache, and the server behind it."""

    address: str
    folder: Path
    gunicorn: str

    def get(self, path: str, headers: Mapping[str, str] = NO_HEADERS) -> Answer:
        request = urllib.request.Request(self.address + path, headers=dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def cached(self) -> int:
        return sum(path.is_file() for path in (self.folder / "cache").rglob("*"))


@pytest.fixture(scope="module")
def site(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The tiny release, served as on an instance."""
    folder = tmp_path_factory.mktemp("behind-nginx")
    database = Path(shutil.copy(migrated, folder / "site.db"))
    publish_tiny(ReleaseStore(folder / "releases"))
    environ = {**settings(database, folder / "releases"), "PROXIES": "1"}
    with (
        gunicorn(environ, folder / "gunicorn.log") as behind,
        nginx(ROOT, folder / "nginx", behind) as address,
    ):
        yield Site(address, folder / "nginx", behind)


HALVES = (
    b"GET /login HTTP/1.1\r\nHost: marquee.example\r\nX-Slow: ",
    b"POST /login HTTP/1.1\r\nHost: marquee.example\r\nContent-Length: 100\r\n\r\nusername=",
)


@pytest.mark.parametrize("half", HALVES, ids=["headers", "body"])
@pytest.mark.parametrize("proxy", ["platform", "compose"])
def test_site_responds_while_slow_clients_send_partial_requests(
    site: Site, tmp_path: Path, proxy: str, half: bytes
) -> None:
    behind = nullcontext(site.address)
    if proxy == "compose":
        conf = ROOT / "deploy" / "containers" / "nginx.conf"
        behind = nginx_of_compose(conf, tmp_path / "nginx", site.gunicorn)
    with behind as address, ExitStack() as slow:
        parts = urlsplit(address)
        for _ in range(40):
            client = socket.create_connection((parts.hostname, parts.port))
            slow.enter_context(client)
            client.sendall(half)
        time.sleep(0.5)  # so that each half has arrived and would occupy a thread
        with urllib.request.urlopen(f"{address}/health", timeout=10) as answer:
            assert answer.status == 200


def asset(site: Site, name: str) -> str:
    page = site.get("/login").body.decode()
    found = re.search(f'"([^"]*/{re.escape(name)})"', page)
    assert found
    return found[1]


@pytest.mark.parametrize("name", ["site.css", "rating.js", "bootstrap.min.css"])
def test_static_files_are_cached_by_browser_and_nginx(site: Site, name: str) -> None:
    address = asset(site, name)
    first = site.get(address)
    kept = site.cached()
    again = site.get(address, {"Cookie": "session=somebody's"})
    assert first.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert (again.code, again.body) == (200, first.body)
    assert kept == site.cached() > 0
    assert "Set-Cookie" not in again.headers


def test_asset_with_an_outdated_hash_is_not_cached(site: Site) -> None:
    before = site.cached()
    for path in ("/static/site.css", "/static/0123456789ab/site.css", "/static/nothing.css"):
        assert "immutable" not in site.get(path).headers["Cache-Control"]
    assert site.cached() == before


def test_posters_are_cached_by_nginx(site: Site) -> None:
    before = site.cached()
    answers = [site.get("/poster/1.svg", {"Cookie": f"session={n}"}) for n in range(3)]
    assert len({answer.body for answer in answers}) == 1
    assert site.cached() == before + 1


def test_pages_are_never_cached(site: Site) -> None:
    before = site.cached()
    for path in ("/", "/login", "/popular", "/ready", "/api/v1/openapi.json"):
        site.get(path)
    assert site.cached() == before


@pytest.mark.parametrize("path", ["/login", "/api/v1/openapi.json", "/poster/1.svg"])
def test_text_responses_are_compressed(site: Site, path: str) -> None:
    plain, packed = site.get(path), site.get(path, {"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in ",".join(packed.headers.get_all("Vary", []))
    assert len(packed.body) < 0.7 * len(plain.body)
    if path != "/login":  # the form token differs
        assert gzip.decompress(packed.body) == plain.body


@pytest.mark.parametrize("path", ["/login", "/nothing", "/static/site.css", "/api/v1/movie/1"])
def test_responses_have_each_security_header_once(site: Site, path: str) -> None:
    headers = site.get(path).headers
    for name, value in SECURITY.items():
        assert headers.get_all(name) == [value]
    assert len(headers.get_all("Content-Security-Policy", [])) == 1


def test_upload_of_the_largest_size_reaches_the_site(site: Site) -> None:
    answer = upload(site, LARGEST_FILE, headers={"Cookie": sign_up(site)})
    assert (answer.code, b"gone stale" in answer.body) == (400, True)  # rejected by form validation


def test_upload_of_a_guest_gets_the_413_page_of_the_site(site: Site) -> None:
    answer = upload(site, LARGEST_FILE)
    assert (answer.code, b"more than we can take" in answer.body) == (413, True)


@pytest.mark.parametrize("path", ["/data/import", "/login", "/api/v1/recommendations/batch"])
def test_oversized_upload_gets_the_413_page_of_the_site(site: Site, path: str) -> None:
    answer = upload(site, LARGEST_UPLOAD + 1, path)
    assert answer.code in (401, 413)
    assert b"nginx" not in answer.body


def test_far_oversized_upload_is_rejected_by_nginx_before_it_is_sent(site: Site) -> None:
    answer = announce(site, 33 * 1024**2)
    assert answer.code == 413
    assert b"nginx" in answer.body
    for name, value in SECURITY.items():
        assert answer.headers.get_all(name) == [value]


def test_client_cannot_forge_its_address_or_https(site: Site) -> None:
    forged = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https"}
    answer = site.get("/ready", forged)
    assert "Strict-Transport-Security" not in answer.headers


def test_request_id_is_set_by_nginx(site: Site) -> None:
    answer = site.get("/login", {"X-Request-ID": "chosen-by-the-caller"})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_server_header_contains_no_version(site: Site) -> None:
    assert site.get("/login").headers["Server"] == "nginx"


def test_health_agent_log_contains_every_request(site: Site) -> None:
    def recorded() -> int:
        logs = list(site.folder.glob("healthd/application.log.*"))
        return sum(log.read_text().count('"/asked-once"404') for log in logs)

    site.get("/asked-once")
    # nginx writes the log after the response.
    wait_until(lambda: recorded() > 0)
    assert recorded() == 1


SECRET_PATHS = (
    "/reset/WzIxLCI3.aw6yWw.QKmP2i",
    "/confirm/WzIxLCI3.aw6yWw.QKmP2i",
    "//reset/WzIxLC",
    "/feed/WzIxLCI3.atom",
)


@pytest.mark.parametrize("proxy", ["platform", "compose"])
def test_access_logs_contain_no_address_and_no_secret(
    site: Site, proxy: str, tmp_path: Path
) -> None:
    """In every location, and in the log of the health agent."""
    with ExitStack() as stack:
        if proxy == "compose":
            conf = ROOT / "deploy" / "containers" / "nginx.conf"
            address = stack.enter_context(nginx_of_compose(conf, tmp_path, site.gunicorn))
            site = Site(address, tmp_path, site.gunicorn)
        # What is no valid HTTP reaches no location: it has a line in the platform's own format.
        earlier = (site.folder / "access.log").stat().st_size
        headers = {"Referer": f"{site.address}/reset/WzIxLC", "X-Forwarded-For": "203.0.113.7"}
        for path in (*SECRET_PATHS, "/search?q=WzIxLC", "/static/none.css?WzIxLC=1", "/login"):
            site.get(path, headers)
        site.get("/asked-last", headers)
        logs = [site.folder / "access.log", *site.folder.glob("healthd/application.log.2*")]
        wait_until(lambda: all("/asked-last" in log.read_text() for log in logs))
        assert len(logs) == (1 if proxy == "compose" else 2)
        for log in logs:
            text = log.read_text()[earlier if log.name == "access.log" else 0 :]
            for secret in ("WzIx", "203.0.113.7", "127.0.0.1", "q="):
                assert secret not in text, log
            for path in (
                "/reset/-",
                "/confirm/-",
                "/feed/-",
                "/search",
                "/static/none.css",
                "/login",
            ):
                assert path in text


def test_every_location_has_its_own_logs() -> None:
    folder = ROOT / ".platform/nginx/conf.d/elasticbeanstalk"
    conf = (folder / "00_application.conf").read_text()
    locations = re.findall(r"location [^{]+\{([^}]+)\}", conf)
    assert len(locations) == 2
    for location in locations:
        assert re.findall(r"access_log +(\S+/)\S+ (\w+);", location) == [
            ("/var/log/nginx/", "marquee"),
            ("/var/log/nginx/healthd/", "healthd"),
        ]


def sign_up(site: Site) -> str:
    """Make an account; return the cookies of its session."""
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    with opener.open(f"{site.address}/register", timeout=30) as page:
        token = re.search('name="csrf_token"[^>]*value="([^"]+)"', page.read().decode())
    assert token
    form = {"username": "ann", "email": "ann@example.com", "csrf_token": token[1]}
    form |= {"password": PASSWORD, "confirm": PASSWORD}
    opener.open(f"{site.address}/register", urlencode(form).encode(), timeout=30).close()
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


def upload(
    site: Site,
    size: int,
    path: str = "/data/import",
    headers: Mapping[str, str] = NO_HEADERS,
) -> Answer:
    connection = HTTPConnection(urlsplit(site.address).netloc, timeout=60)
    boundary = "x"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="r.csv"\r\n\r\n'
    body = head.encode() + bytes(size) + f"\r\n--{boundary}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}", **headers}
    try:
        connection.request("POST", path, body, kind)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def announce(site: Site, size: int) -> Answer:
    """Send the headers of a request with a body of ``size``, and none of the body."""
    connection = HTTPConnection(urlsplit(site.address).netloc, timeout=30)
    try:
        connection.putrequest("POST", "/data/import")
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()
