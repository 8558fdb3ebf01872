"""Pictures of items at other hosts, which the content security policy must allow."""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import urlsplit

from recommender.storage.release import Release

# More would make the header longer than proxies take; the pictures of the others are drawn.
MOST_HOSTS = 40
# Nothing else may become part of the header.
_HOST = re.compile(r"https://[a-z0-9.-]{1,253}(:[0-9]{1,5})?")


def picture_host(address: str) -> str | None:
    """Return "https://covers.example" of an https address, None of any other."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    host = f"{parts.scheme}://{parts.netloc.lower()}"
    return host if _HOST.fullmatch(host) else None


def picture_hosts(release: Release) -> tuple[str, ...]:
    """Return the hosts of the pictures of a release, most pictures first."""
    hosts = Counter(
        host for item in release.items() if item.image and (host := picture_host(item.image))
    )
    return tuple(host for host, _ in hosts.most_common(MOST_HOSTS))
