"""Redirect targets, which are pages of this site only."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flask import request, url_for

# A page repeats its address in each of its forms.
LONGEST = 1000
# A slash that is not followed by another or by a backslash, which browsers treat alike; no control
# characters.
_OWN_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x1f\x7f]*")


def is_own(target: str | None) -> bool:
    """Return whether ``target`` is a path of this site in every browser."""
    if not target or len(target) > LONGEST or not _OWN_PATH.fullmatch(target):
        return False
    parts = urlsplit(target)
    return not parts.scheme and not parts.netloc


def this_page() -> str:
    """Return the requested page as a form's ``next``, home if its address is too long."""
    return request.full_path if is_own(request.full_path) else url_for("home.index")


def next_page() -> str:
    """Return ``next`` of the query string or form if it is a page of this site, else home."""
    target = request.values.get("next")
    return target if target and is_own(target) else url_for("home.index")
