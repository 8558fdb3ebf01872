"""What a browser would execute or fetch on a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser


class ExecutableMarkup(HTMLParser):
    """``found``: event handlers, inline styles and scripts, ``javascript:`` links, and sources
    outside the site and its posters."""

    def __init__(self, page: str):
        super().__init__()
        self.found: list[str] = []
        self._in_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        for name, value in attrs:
            link = re.sub(r"[\t\r\n]", "", value or "").strip().lower()  # as browsers do
            runs = name in ("href", "src", "action") and link.startswith("javascript:")
            leaves = name == "src" and not re.match("/(?!/)|https://image.tmdb.org/", link)
            if name.startswith("on") or name == "style" or runs or leaves:
                self.found.append(f"<{tag} {name}={value!r}>")

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.found.append(f"<script>{data}")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False
