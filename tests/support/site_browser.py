"""A person's browser, as far as cookies and forms go, without a page's scripts."""

from __future__ import annotations

import re
import urllib.request
from http.cookiejar import CookieJar
from urllib.parse import urlencode

from tests.support.site import PASSWORD


class Browser:
    """A person's cookies, which every server on this host gets."""

    def __init__(self) -> None:
        handler = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(handler)

    def register(self, site: str, name: str) -> None:
        """Sign up and stay logged in."""
        form = {"username": name, "email": f"{name}@example.com"}
        self._post(f"{site}/register", {**form, "password": PASSWORD, "confirm": PASSWORD})
        assert self.is_logged_in(site)

    def is_logged_in(self, site: str) -> bool:
        with self._opener.open(f"{site}/ratings", timeout=60) as answer:
            return "/login" not in answer.geturl()

    def _post(self, address: str, form: dict[str, str]) -> None:
        with self._opener.open(address, timeout=60) as answer:
            token = re.search('name="csrf_token"[^>]*value="([^"]+)"', answer.read().decode())
        assert token
        body = urlencode({**form, "csrf_token": token[1]}).encode()
        with self._opener.open(address, body, timeout=60) as answer:
            assert answer.status == 200
