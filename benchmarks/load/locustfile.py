"""The behaviour of visitors and REST clients, for locust.

    LOAD_CROWD=crowd.json LOAD_ANSWERS=answers.csv locust -f benchmarks/load/locustfile.py

``benchmarks.load.run`` writes the first file and reads the second one, which has a line for each
response (``benchmarks.load.answers``). A visitor is a browser: it stores cookies and pictures,
reads the tokens of forms from the open page, follows redirects, and sends a rating as the page's
script does, which then fetches the page again.
"""

from __future__ import annotations

import csv
import html
import json
import os
import random
import re
import time
from collections.abc import Mapping
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import gevent
from gevent.pool import Group
from locust import HttpUser, TaskSet, events, task
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

CROWD = json.loads(Path(os.environ["LOAD_CROWD"]).read_text(encoding="utf-8"))
CLIENTS: int = CROWD["rest_clients"]
VISITORS: int = CROWD["visitors"]
NEW_ACCOUNTS = 0.25
SECONDS_BETWEEN_LETTERS = 0.15
PICTURES_IN_VIEW = 6
TIMEOUT = 60

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_PICTURE = re.compile(r'src="(/poster/\d+\.svg)"')
_TITLE = re.compile(r'href="(/title/\d+)"')
_RATING = re.compile(r'action="(/title/\d+/rating)".*?name="via" value="(\w+)"', re.DOTALL)
_WATCHLIST = re.compile(r'action="(/title/\d+/watchlist)"')

addresses = map(IPv4Address, count(int(IPv4Address("10.0.0.1"))))
visitors = count()
new_accounts = count()


@events.test_start.add_listener
def record_answers(environment: Any, **_: Any) -> None:
    """Write each response to the file at once, with the rating that it acknowledges."""
    path = Path(os.environ["LOAD_ANSWERS"])
    file = path.open("w", buffering=1, encoding="utf-8", newline="")
    writer = csv.writer(file)

    def record(
        request_type: str,
        name: str,
        response_time: float,
        response: Any,
        context: Mapping[str, Any],
        **_: Any,
    ) -> None:
        status = response.status_code if response is not None else 0
        release = response.headers.get("X-Model-Version", "") if status else ""
        route, rating = f"{request_type} {name}", context.get("rating", ("", "", ""))
        answer = (time.perf_counter(), route, status, response_time / 1000, release, *rating)
        writer.writerow(answer)

    environment.events.request.add_listener(record)


class CrowdUser(HttpUser):
    """A client with its own IP address. Pauses are exponential, at most ten times the mean."""

    abstract = True

    def on_start(self) -> None:
        self.client.headers["X-Forwarded-For"] = str(next(addresses))
        # As browsers do when a server closes a connection that was kept open.
        again = Retry(total=1, connect=0, status=0, redirect=0, allowed_methods=["GET"])
        self.client.mount("http://", HTTPAdapter(max_retries=again))
        self.wait()  # so that they do not all start at once

    def wait_time(self) -> float:
        mean = CROWD["think_seconds"]
        return min(random.expovariate(1 / mean), 10 * mean)


class Visit(TaskSet):
    """A visit from login or registration to logout: 15 actions on average, chosen by weight.

    It ends early after a response from which a visitor cannot continue.
    """

    user: Visitor

    def on_start(self) -> None:
        self.client.cookies.clear()
        self.path, self.page = "/", ""
        if random.random() < NEW_ACCOUNTS:
            self._register()
        else:
            self._log_in()

    def _register(self) -> None:
        number = next(new_accounts)
        self.name = f"newcomer {number}"
        passwords = {"password": CROWD["password"], "confirm": CROWD["password"]}
        self.open("/register")
        gevent.sleep(self.user.wait_time())
        address = f"newcomer{number}@example.org"
        self.submit("/register", username=self.name, email=address, **passwords)

    def _log_in(self) -> None:
        self.name = random.choice(self.user.accounts)
        self.open("/login")
        gevent.sleep(self.user.wait_time())
        self.submit("/login", username=self.name, password=CROWD["password"])

    @task(28)
    def home(self) -> None:
        self.open("/")

    @task(4)
    def more(self) -> None:
        self.open("/?show=25")

    @task(5)
    def popular(self) -> None:
        self.open("/popular")

    @task(4)
    def my_ratings(self) -> None:
        self.open("/ratings")

    @task(3)
    def welcome(self) -> None:
        self.open("/welcome")

    @task(18)
    def title(self) -> None:
        self.open(random.choice(self._matches(_TITLE)))

    @task(14)
    def search(self) -> None:
        """Fetch suggestions while typing, sometimes with a typo; then the results."""
        word = random.choice(CROWD["words"])
        if random.random() < 0.1:
            place = random.randrange(2, len(word))
            word = word[:place] + random.choice("aeiou") + word[place + 1 :]
        for end in range(2, len(word) + 1, 2):
            suggestions = f"/search?suggest=1&q={word[:end]}"
            self.page += self.request("GET", suggestions, "/search?suggest").text
            gevent.sleep(SECONDS_BETWEEN_LETTERS)
        self.open(f"/search?q={word}")

    @task(20)
    def rate(self) -> None:
        """Rate a title of the open page, which is then fetched again."""
        path, via = random.choice(self._matches(_RATING))
        stars = f"{random.randint(1, 10) / 2:g}"
        rating = self.name, path.split("/")[2], stars
        self.submit_by_script("/title/…/rating", path, {"rating": rating}, rating=stars, via=via)
        self.open(self.path)

    @task(4)
    def add_to_watchlist(self) -> None:
        path = random.choice(self._matches(_WATCHLIST))
        self.submit_by_script("/title/…/watchlist", path, {})
        self.open("/watchlist")

    @task(7)
    def leave(self) -> None:
        self.submit("/logout")
        self._end()

    def open(self, path: str) -> None:
        """Fetch a page, with the pictures in view that the browser does not have yet."""
        response = self.request("GET", path, _route(path), headers={"Accept": "text/html"})
        if leads_to := response.headers.get("Location"):
            self.open(leads_to)
            return
        self.path, self.page = path, response.text
        in_view = dict.fromkeys(_PICTURE.findall(self.page)[:PICTURES_IN_VIEW])
        new = [picture for picture in in_view if picture not in self.user.pictures]
        self.user.pictures.update(new)
        Group().map(self._fetch_picture, new)

    def _fetch_picture(self, path: str) -> None:
        self.client.get(path, name="/poster/…", timeout=TIMEOUT)

    def submit(self, path: str, **fields: str) -> None:
        """Send a form of the open page, and open the page that it leads to."""
        response = self.request("POST", path, path, data={**self._token(), **fields})
        if "Location" not in response.headers:  # the form was rejected
            self._end()
        self.open(response.headers["Location"])

    def submit_by_script(
        self, route: str, path: str, context: dict[str, Any], **fields: str
    ) -> None:
        """Send a form as the page's script does."""
        form = {**self._token(), "next": self.path, **fields}
        multipart = {name: (None, value) for name, value in form.items()}
        accept = {"Accept": "application/json"}
        self.request("POST", path, route, files=multipart, headers=accept, context=context)

    def request(self, method: str, path: str, route: str, **options: Any) -> Any:
        """Return the response; end the visit if it is an error or does not arrive."""
        response = self.client.request(
            method, path, name=route, allow_redirects=False, timeout=TIMEOUT, **options
        )
        if not response.ok:
            self._end()
        return response

    def _token(self) -> dict[str, str]:
        token = _TOKEN.search(self.page)
        if token is None:
            self._end()
        return {"csrf_token": html.unescape(token[1])}

    def _matches(self, pattern: re.Pattern[str]) -> list[Any]:
        """Return the matches on the open page, or on the home page if there are none."""
        if not pattern.search(self.page):
            self.home()
        return pattern.findall(self.page) or self._end()

    def _end(self) -> NoReturn:
        self.interrupt(reschedule=False)
        raise AssertionError("interrupt raises")


class Visitor(CrowdUser):
    """Make one visit after the other with one browser. No two visitors share an account."""

    fixed_count = VISITORS
    tasks = [Visit]  # noqa: RUF012 - locust reads it from the class

    def on_start(self) -> None:
        self.accounts = CROWD["names"][next(visitors) :: VISITORS]
        self.pictures: set[str] = set()
        super().on_start()


class RestClient(CrowdUser):
    """Reads by the REST API, about any user."""

    fixed_count = CLIENTS

    @task
    def read(self) -> None:
        user = CROWD["first_id"] + random.randrange(len(CROWD["names"]))
        title = random.randint(1, CROWD["titles"])
        paths = {
            "/user/…/recommendations": f"/user/{user}/recommendations",
            "/user/…/ratings/latest": f"/user/{user}/ratings/latest",
            "/user/…/estimate/…": f"/user/{user}/estimate/{title}",
            "/movie/…": f"/movie/{title}",
            "/movies/top": "/movies/top",
            "/search": f"/search?q={random.choice(CROWD['words'])[:4]}",
        }
        route, path = random.choice([*paths.items()])
        token = {"Authorization": f"Bearer {CROWD['token']}"}
        self.client.get(f"/api/v1{path}", name=f"/api/v1{route}", headers=token, timeout=TIMEOUT)


def _route(path: str) -> str:
    """Return the name of a page's address in the report."""
    if path.startswith("/title/"):
        return "/title/…"
    return path if path.startswith("/?show") else path.partition("?")[0]
