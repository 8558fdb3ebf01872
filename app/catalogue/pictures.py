"""Pictures of items at other hosts, which the content security policy must allow."""

from __future__ import annotations

from collections import Counter

from recommender.pictures import picture_host
from recommender.storage.release import Release

# More would make the header longer than proxies take; the pictures of the others are drawn.
MOST_HOSTS = 40


def picture_hosts(release: Release) -> tuple[str, ...]:
    """Return the hosts of the pictures of a release, most pictures first."""
    hosts = Counter(
        host for item in release.items() if item.image and (host := picture_host(item.image))
    )
    return tuple(host for host, _ in hosts.most_common(MOST_HOSTS))
