"""Data sets small enough to check by hand, in MovieLens formats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

RATINGS_HEADER = "userId,movieId,rating,timestamp\n"
MOVIES_HEADER = "movieId,title,genres\n"

# Quick fits for tests that are not about fitting.
QUICK = (
    *("--ranking-rank", "4", "--ranking-iterations", "3"),
    *("--rating-rank", "4", "--rating-iterations", "3", "--rating-bias-sweeps", "1"),
)

Rating = tuple[int, int, float, int]


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write these files to a folder; text as UTF-8 with unchanged line endings."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        raw = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(raw)
    return folder


def write_csv(folder: Path, ratings: Iterable[Rating], titles: Mapping[int, str]) -> Path:
    """The CSV layout. ``ratings``: (user, item, stars, seconds). ``titles``: by item id."""
    rows = "".join(f"{user},{item},{stars},{at}\n" for user, item, stars, at in ratings)
    movies = "".join(f'{item},"{title}",Drama\n' for item, title in titles.items())
    return write_files(
        folder, {"ratings.csv": RATINGS_HEADER + rows, "movies.csv": MOVIES_HEADER + movies}
    )


def two_tastes(people: int = 30, films: int = 20) -> list[Rating]:
    """Users with odd ids like films with odd ids, even ones even ids; nobody rates every film."""
    return [
        (user, item, 5.0 if (user + item) % 2 == 0 else 1.0, 1000 * user + item)
        for user in range(1, people + 1)
        for item in range(1, films + 1)
        if (user - item) % 3
    ]


def write_two_tastes(folder: Path, people: int = 30, films: int = 20) -> Path:
    titles = {item: f"Film {item} (2000)" for item in range(1, films + 1)}
    return write_csv(folder, two_tastes(people, films), titles)
