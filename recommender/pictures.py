"""Addresses of pictures at other hosts."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# Nothing else may become part of a header of the site.
_HOST = re.compile(r"https://[a-z0-9.-]{1,253}(:[0-9]{1,5})?")


def picture_host(address: str) -> str | None:
    """Return "https://covers.example" of an https address, None of any other."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    host = f"{parts.scheme}://{parts.netloc.lower()}"
    return host if _HOST.fullmatch(host) else None
