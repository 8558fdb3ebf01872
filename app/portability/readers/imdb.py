"""Ratings, watchlists and lists of IMDb, as its three generations of exports have them."""

from __future__ import annotations

from app.portability.entries import WISHED, Entry
from app.portability.readers.tables import Kind, Row
from recommender.feedback import EXPLICIT
from recommender.formats.steam import BadLine
from recommender.formats.titles import search_key

_RATINGS = ("yourrating", "yourated")

# What is no film, by what its type contains in a language that IMDb offers; the first that fits.
_TYPES = (
    ("a podcast", "podcast balado पॉडकास्ट"),
    ("an episode", "episod folge एपिसोड"),
    ("a game", "game spiel jeu juego gioco jogo गेम"),
    ("a music video", "music musik clip म्यूज़िक संगीत"),
    ("a series", "serie सीरीज़ सीरीज धारावाहिक"),
)


def not_a_title(kind_of_title: str) -> str:
    """Return what a type of IMDb's calls something that is no film, in any of its languages; ""
    for films, and for what is not known. Shorts and videos are films."""
    compact = _compact(kind_of_title)
    whys = (why for why, parts in _NO_FILMS if any(part in compact for part in parts))
    return next(whys, "")


def _compact(text: str) -> str:
    return search_key(text).replace(" ", "")


_NO_FILMS = tuple((why, tuple(map(_compact, parts.split()))) for why, parts in _TYPES)


def _parse(row: Row) -> Entry:
    title, original = row.text("title"), row.text("originaltitle")
    imdb_id = row.imdb_id("const")
    if not (title or original or imdb_id):
        raise BadLine("no title")
    return Entry(
        row.line,
        title or original,
        row.year("year"),
        imdb_id=imdb_id,
        stars=row.stars(*_RATINGS, of=10),
        at=row.at(),
        # Lists hold what one wants to see, unless the name says otherwise.
        mark=row.mark or WISHED,
        original_title=original,
        not_a_title=not_a_title(row.text("titletype")),
        genres=row.several("genres"),
        creators=row.several("directors"),
    )


def _kind(name: str, *columns: str, dates: tuple[str, ...], rated: bool) -> Kind:
    any_of, without = (_RATINGS, ()) if rated else ((), _RATINGS)
    return Kind(
        "IMDb", name, ("const", *columns), _parse, any_of, without, dates, feedback=EXPLICIT
    )


KINDS = (
    _kind("ratings", dates=("daterated", "created"), rated=True),
    _kind("list", "title", dates=("created",), rated=False),
)
