"""People with a browser each, and programs with a token: what they do, one thing after the other.

A browser keeps cookies and pictures, reads the tokens of forms from the page before it, follows
redirects, and sends a rating as the page's script does, which then fetches the page anew.
"""

from __future__ import annotations

import asyncio
import csv
import html
import random
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path
from typing import Any, Self

import aiohttp

from benchmarks.load.world import PASSWORD, World

# Of the people so many are programs that read by the REST API.
PROGRAMS = 0.1
NEWCOMERS = 0.25
ACTIONS_A_VISIT = 15
# How often each is done; the names are those of the methods.
MIX = {
    "home": 28,
    "rate": 20,
    "title": 18,
    "search": 14,
    "more": 4,
    "popular": 5,
    "set_aside": 4,
    "my_ratings": 4,
    "welcome": 3,
}
BETWEEN_LETTERS = 0.15
PICTURES_IN_VIEW = 6
PATIENCE = aiohttp.ClientTimeout(total=60)
# Gunicorn closes a connection that lay idle for two seconds; nginx, before it, does so earlier.
IDLE_SECONDS = 1.0
GOOD = {200, 302, 303}
SENT, ACKNOWLEDGED = "sent", "acknowledged"

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_PICTURE = re.compile(r'src="(/poster/\d+\.svg)"')
_TITLE = re.compile(r'href="(/title/\d+)"')
_RATING = re.compile(r'action="(/title/\d+/rating)".*?name="via" value="(\w+)"', re.DOTALL)
_MARK = re.compile(r'action="(/title/\d+/watchlist)"')


class Unexpected(Exception):
    """An answer that a person cannot go on from."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``at``: seconds since the run began, when it came. ``status``: 0 where none came."""

    at: float
    route: str
    status: int
    seconds: float
    release: str | None


class Ledger:
    """Every rating that was sent and every one that the site said it had, on a disk of ours."""

    def __init__(self, file: Path):
        self._file = file.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)

    def note(self, what: str, name: str, item_id: int, stars: str) -> None:
        self._writer.writerow((what, name, item_id, stars))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def acknowledged(file: Path) -> dict[tuple[str, int], tuple[float, set[float]]]:
    """By name and title: the last rating that was acknowledged, and what was sent after it."""
    told: dict[tuple[str, int], tuple[float, set[float]]] = {}
    with file.open(encoding="utf-8", newline="") as lines:
        for what, name, item_id, stars in csv.reader(lines):
            pair = name, int(item_id)
            if what == ACKNOWLEDGED:
                told[pair] = float(stars), set()
            elif pair in told:
                told[pair][1].add(float(stars))
    return told


@dataclass
class Street:
    """Where all of them come from. ``stop`` ends their visits."""

    address: str
    world: World
    token: str
    ledger: Ledger
    think_seconds: float
    began: float = field(default_factory=time.perf_counter)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    answers: list[Answer] = field(default_factory=list)
    newcomers: Iterator[int] = field(default_factory=count)

    @property
    def now(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.began

    async def pause(self, mean: float) -> None:
        """Exponential, cut off at ten times the mean."""
        seconds = min(random.expovariate(1 / mean), 10 * mean)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stop.wait(), seconds)


class Browser:
    """One address, its cookies and pictures, and the page that is open."""

    def __init__(self, street: Street, number: int):
        self._street = street
        self._session = aiohttp.ClientSession(
            street.address,
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            connector=aiohttp.TCPConnector(limit_per_host=6, keepalive_timeout=IDLE_SECONDS),
            headers={"X-Forwarded-For": str(IPv4Address("10.0.0.1") + number)},
            timeout=PATIENCE,
        )
        self._pictures: set[str] = set()
        self.path, self.page = "/", ""

    async def close(self) -> None:
        await self._session.close()

    def forget(self) -> None:
        """As after closing the browser: whoever comes next is a stranger."""
        self._session.cookie_jar.clear()
        self.path, self.page = "/", ""

    async def ask(
        self, route: str, path: str, form: Any = None, **headers: str
    ) -> tuple[str, str | None]:
        """The answer's text, and where it leads. Raises Unexpected."""
        began, status, text, release, leads_to = self._street.now, 0, "", None, None
        method = "GET" if form is None else "POST"
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self._session.request(
                method, path, data=form, headers=headers, allow_redirects=False
            ) as answer:
                text = await answer.text()
                status = answer.status
                release = answer.headers.get("X-Model-Version")
                leads_to = answer.headers.get("Location")
        now = self._street.now
        told = Answer(now, f"{method} {route}", status, now - began, release)
        self._street.answers.append(told)
        if status not in GOOD:
            raise Unexpected(f"{method} {path}: {status}")
        return text, leads_to

    async def open(self, route: str, path: str) -> None:
        """A page, with the pictures in view that the browser does not have yet."""
        text, leads_to = await self.ask(route, path, Accept="text/html")
        if leads_to is not None:
            await self.open(leads_to.partition("?")[0], leads_to)
            return
        self.path, self.page = path, text
        await self.look()

    async def look(self) -> None:
        in_view = dict.fromkeys(_PICTURE.findall(self.page)[:PICTURES_IN_VIEW])
        new = [picture for picture in in_view if picture not in self._pictures]
        self._pictures.update(new)
        await asyncio.gather(*(self.ask("/poster/…", picture) for picture in new))

    async def send(self, route: str, path: str, **fields: str) -> None:
        """A form of the open page; the page that follows is opened."""
        _, leads_to = await self.ask(route, path, {**self._token(), **fields})
        if leads_to is None:
            raise Unexpected(f"POST {path} was not taken")
        await self.open(leads_to.partition("?")[0], leads_to)

    async def act(self, route: str, path: str, **fields: str) -> None:
        """As the page's script sends a form."""
        given = {**self._token(), "next": self.path, **fields}
        form = aiohttp.FormData(given, default_to_multipart=True)
        await self.ask(route, path, form, Accept="application/json")

    def _token(self) -> dict[str, str]:
        found = _TOKEN.search(self.page)
        if found is None:
            raise Unexpected(f"{self.path} has no form")
        return {"csrf_token": html.unescape(found[1])}


class Person:
    """Comes, looks around and rates, leaves; then the next one comes to the same browser."""

    def __init__(self, street: Street, number: int, names: Sequence[str]):
        self._street = street
        self._browser = Browser(street, number)
        self._names = names
        self._name = ""

    async def live(self) -> None:
        street = self._street
        await street.pause(street.think_seconds)
        while not street.stop.is_set():
            try:
                await self._visit()
            except Unexpected:
                self._browser.forget()
                await street.pause(street.think_seconds)
        await self._browser.close()

    async def _visit(self) -> None:
        street = self._street
        if random.random() < NEWCOMERS:
            await self._register()
        else:
            await self._log_in()
        for _ in range(1 + int(random.expovariate(1 / ACTIONS_A_VISIT))):
            await street.pause(street.think_seconds)
            if street.stop.is_set():
                break
            [what] = random.choices([*MIX], [*MIX.values()])
            await getattr(self, what)()
        await self._browser.send("/logout", "/logout")
        self._browser.forget()

    async def _register(self) -> None:
        number = next(self._street.newcomers)
        self._name = f"newcomer {number}"
        await self._browser.open("/register", "/register")
        await self._street.pause(self._street.think_seconds)
        password = {"password": PASSWORD, "confirm": PASSWORD}
        address = f"newcomer{number}@example.org"
        await self._browser.send(
            "/register", "/register", username=self._name, email=address, **password
        )

    async def _log_in(self) -> None:
        self._name = random.choice(self._names)
        await self._browser.open("/login", "/login")
        await self._street.pause(self._street.think_seconds)
        await self._browser.send("/login", "/login", username=self._name, password=PASSWORD)

    async def home(self) -> None:
        await self._browser.open("/", "/")

    async def more(self) -> None:
        await self._browser.open("/?show=25", "/?show=25")

    async def popular(self) -> None:
        await self._browser.open("/popular", "/popular")

    async def my_ratings(self) -> None:
        await self._browser.open("/ratings", "/ratings")

    async def welcome(self) -> None:
        await self._browser.open("/welcome", "/welcome")

    async def title(self) -> None:
        """One that the open page links to."""
        await self._browser.open("/title/…", random.choice(await self._found(_TITLE)))

    async def search(self) -> None:
        """Suggestions while typing, at times with a letter wrong; then the list."""
        word = random.choice(self._street.world.words)
        if random.random() < 0.1:
            place = random.randrange(2, len(word))
            word = word[:place] + random.choice("aeiou") + word[place + 1 :]
        for end in range(2, len(word) + 1, 2):
            text, _ = await self._browser.ask(
                "/search?suggest", f"/search?suggest=1&q={word[:end]}", Accept="text/html"
            )
            self._browser.page += text
            await asyncio.sleep(BETWEEN_LETTERS)
        await self._browser.open("/search", f"/search?q={word}")

    async def rate(self) -> None:
        """A title of the open page; then the page is fetched again."""
        path, via = random.choice(await self._found(_RATING))
        stars = f"{random.randint(1, 10) / 2:g}"
        item_id = int(path.split("/")[2])
        ledger = self._street.ledger
        ledger.note(SENT, self._name, item_id, stars)
        await self._browser.act("/title/…/rating", path, rating=stars, via=via)
        ledger.note(ACKNOWLEDGED, self._name, item_id, stars)
        await self._browser.open(_route(self._browser.path), self._browser.path)

    async def set_aside(self) -> None:
        path = random.choice(await self._found(_MARK))
        await self._browser.act("/title/…/watchlist", path)
        await self._browser.open("/watchlist", "/watchlist")

    async def _found(self, what: re.Pattern[str]) -> list[Any]:
        """On the open page, else on the own one."""
        if not (found := what.findall(self._browser.page)):
            await self.home()
            found = what.findall(self._browser.page)
        if not found:
            raise Unexpected(f"{self._browser.path} has nothing like {what.pattern}")
        return found


class Program:
    """Reads by the REST API, about anyone."""

    def __init__(self, street: Street, number: int):
        self._street = street
        self._browser = Browser(street, number)

    async def live(self) -> None:
        street = self._street
        while not street.stop.is_set():
            await street.pause(street.think_seconds)
            with suppress(Unexpected):
                await self._read()
        await self._browser.close()

    async def _read(self) -> None:
        world = self._street.world
        user = world.first_id + random.randrange(len(world.names))
        title = random.randint(1, world.titles)
        paths = {
            "/user/…/recommendations": f"/user/{user}/recommendations",
            "/user/…/ratings/latest": f"/user/{user}/ratings/latest",
            "/user/…/estimate/…": f"/user/{user}/estimate/{title}",
            "/movie/…": f"/movie/{title}",
            "/movies/top": "/movies/top",
            "/search": f"/search?q={random.choice(world.words)[:4]}",
        }
        route, path = random.choice([*paths.items()])
        shown = {"Authorization": f"Bearer {self._street.token}"}
        await self._browser.ask(f"/api/v1{route}", f"/api/v1{path}", **shown)


def gather(street: Street, people: int) -> list[Any]:
    """All of them, the accounts shared out so that no two log in as the same."""
    programs = round(PROGRAMS * people)
    persons = people - programs
    own = [street.world.names[number::persons] for number in range(persons)]
    return [
        *(Person(street, number, names) for number, names in enumerate(own)),
        *(Program(street, persons + number) for number in range(programs)),
    ]


def _route(path: str) -> str:
    """As it is called when it is opened first."""
    if path.startswith("/search"):
        return "/search"
    return "/title/…" if path.startswith("/title/") else path
