"""Guesses how tables describe a catalogue, from names of columns and a sample of their rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from recommender.errors import DataError
from recommender.feedback import EXPLICIT, IMPLICIT

# By role, names of columns without capitals and signs, the likeliest first.
NAMES: Mapping[str, tuple[str, ...]] = {
    "user": (
        *("userid", "user", "userno", "userkey", "readerno", "readerid", "reader", "customerid"),
        *("customer", "memberid", "member", "listenerid", "listener", "playerid", "player"),
        *("accountid", "account", "clientid", "visitorid", "personid", "person", "who"),
    ),
    "item": (
        *("itemid", "item", "isbn", "isbn13", "sku", "bookid", "productid", "product", "articleid"),
        *("artistid", "artist", "albumid", "trackid", "songid", "movieid", "filmid", "gameid"),
        *("game", "courseid", "titleid", "book", "id", "key"),
    ),
    "value": (
        *("rating", "stars", "score", "points", "grade", "vote", "value", "plays", "playcount"),
        *("listens", "count", "quantity", "hours", "minutes", "amount"),
    ),
    "time": (
        *("timestamp", "time", "ratedat", "ratedon", "createdat", "date", "datetime", "day", "at"),
        *("returnedon", "boughtat", "playedat", "orderedat", "updatedat", "when"),
    ),
    "title": ("title", "name", "originaltitle", "itemname", "productname", "label"),
    "year": (
        "year",
        "publicationyear",
        "originalpublicationyear",
        "published",
        "released",
        "since",
    ),
    "genres": (
        "genres",
        "genre",
        "subjects",
        "subject",
        "tags",
        "categories",
        "category",
        "styles",
    ),
    "creators": (
        *("authors", "author", "creators", "creator", "artists", "designers", "designer"),
        *("directors", "director", "writers", "writer"),
    ),
    "image": ("image", "imageurl", "cover", "coverurl", "picture", "photo", "thumbnail", "poster"),
    "description": ("description", "blurb", "summary", "about", "overview", "abstract"),
    "link": ("link", "url", "website", "webpage", "weblink", "homepage"),
}
# A time that has no usual name, such as played_on, lentAt or loan date.
TIME_ENDING = re.compile(r"(?i:[\W_](at|on|date|day))$|[a-z](At|On|Date|Day)$")
# A value column of such a name counts something.
MEASURES = {
    **{"plays": "play", "playcount": "play", "listens": "listen", "quantity": "purchase"},
    **{"count": "time", "hours": "", "minutes": "minute"},
}
# A scale of stars or points ends here; larger numbers are counts.
HIGHEST_POINT = 100
LIST_SEPARATORS = ("|", "; ", ", ", ";")


@dataclass(frozen=True)
class Sketch:
    """A table: ``path`` as the file will name it, ``sep`` of a CSV file, and a sample of the texts
    of each column."""

    path: str
    columns: Mapping[str, Sequence[str]]
    sep: str = ""


@dataclass
class Guess:
    """Columns by role, and which of them are not sure."""

    ratings: Sketch
    items: Sketch
    rating_columns: dict[str, str] = field(default_factory=dict)
    item_columns: dict[str, str] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)


def guess(tables: Sequence[Sketch]) -> Guess:
    """Tell ratings and items apart, and name their columns. Raises DataError where there is no
    table of users, or none with titles."""
    ratings = _best(tables, ("user", "item", "value", "time"), "user")
    items = _best([t for t in tables if t is not ratings] or [ratings], tuple(NAMES)[4:], "title")
    found = Guess(ratings, items)
    for role in ("user", "item", "value", "time"):
        column = find_column(role, ratings.columns, found.rating_columns.values())
        if column:
            found.rating_columns[role] = column
    if "item" not in found.rating_columns:
        rest = [name for name in ratings.columns if name not in found.rating_columns.values()]
        if not rest:
            raise DataError(f"{ratings.path}: no column can be that of items; there is one alone")
        found.rating_columns["item"] = rest[0]
        found.unsure.add("item")
    for role in ("title", "year", "genres", "creators", "image", "description", "link"):
        if column := find_column(role, items.columns, found.item_columns.values()):
            found.item_columns[role] = column
    found.item_columns["item"] = _shared_key(found)
    return found


def find_column(role: str, columns: Iterable[str], taken: Iterable[str] = ()) -> str | None:
    """Return the column whose name fits a role best, if any does."""
    plain = {re.sub(r"[\W_]", "", name.lower()): name for name in columns if name not in taken}
    usual = next((plain[name] for name in NAMES[role] if name in plain), None)
    if usual is None and role == "time":
        return next((name for name in plain.values() if TIME_ENDING.search(name)), None)
    return usual


def _best(tables: Sequence[Sketch], roles: Sequence[str], needed: str) -> Sketch:
    """Return the table with a column for the ``needed`` role, and for most of ``roles``."""
    with_needed = [table for table in tables if find_column(needed, table.columns)]
    if not with_needed:
        seen = "; ".join(f"{table.path}: {', '.join(table.columns)}" for table in tables)
        raise DataError(
            f"no table has a column that looks like a {needed} ({seen}); write catalogue.yaml by"
            " hand, as docs/own_data.md shows"
        )
    return max(with_needed, key=lambda t: sum(bool(find_column(r, t.columns)) for r in roles))


def _shared_key(found: Guess) -> str:
    """Return the items' column that holds the most keys of the ratings, whatever its name."""
    wanted = set(found.ratings.columns[found.rating_columns["item"]])

    def shared(column: str) -> tuple[int, bool]:
        same_name = column == found.rating_columns["item"]
        return len(wanted & set(found.items.columns[column])), same_name

    best = max(found.items.columns, key=shared)
    if shared(best)[0] < len(wanted):
        found.unsure.add("key")
    return best


def feedback_of(values: Sequence[float], column: str) -> str:
    """Return the kind of feedback that a column of values looks like."""
    plain = re.sub(r"[\W_]", "", column.lower())
    counted = plain in MEASURES or len(set(values)) < 2 or max(values) > HIGHEST_POINT
    return IMPLICIT if counted else EXPLICIT


def list_separator(texts: Sequence[str]) -> str | None:
    """Return what separates several values in a text, where anything seems to."""
    counts = {sep: sum(sep in text for text in texts) for sep in LIST_SEPARATORS}
    best = max(counts, key=lambda sep: counts[sep])
    return best if counts[best] else None


def as_yaml(found: Guess, name: str, values: Sequence[float]) -> str:
    """Return the text of a first configuration file; `# ?` marks what was guessed."""
    ratings, value = found.rating_columns, found.rating_columns.get("value", "")
    kind = feedback_of(values, value) if value and values else IMPLICIT
    having = kind == IMPLICIT and len(set(values)) < 2
    lines = [
        "# How Marquee reads these tables: docs/own_data.md explains every line.",
        "# Lines that end in `# ?` are guesses: look at them first.",
        "catalogue:",
        f"  name: {_quoted(name)}  # ?",
        f"  noun: {{one: {_noun(found)}}}  # ? and `many:` where it is not that with an s",
        f"  feedback: {kind}  # ? explicit: how people like it; implicit: what they have or use",
        *_scale(kind, values, value, having),
        "ratings:",
        *_place(found.ratings),
        "  columns:",
        f"    user: {_quoted(ratings['user'])}",
        f"    item: {_quoted(ratings['item'])}{_mark(found, 'item')}",
    ]
    if value and not having:
        lines.append(f"    value: {_quoted(value)}  # ?")
    if "time" in ratings:
        lines.append(f"    time: {_quoted(ratings['time'])}  # ?")
        lines.append("  timezone: UTC  # ? of times that name none, such as Europe/Berlin")
    lines += ["items:", *_place(found.items), "  columns:"]
    lines.append(f"    item: {_quoted(found.item_columns['item'])}{_mark(found, 'key')}")
    for role, column in found.item_columns.items():
        if role != "item":
            lines.append(f"    {role}: {_item_column(role, column, found.items)}  # ?")
    if "link" not in found.item_columns:
        lines.append("#   link: {template: 'https://shop.example/{key}'}  # an item's own page")
    lines += _unused(found)
    return "\n".join(lines) + "\n"


def _unused(found: Guess) -> list[str]:
    """Return comments that name the columns of which no use was made."""
    lines = []
    for what, table, used in (
        ("ratings", found.ratings, found.rating_columns),
        ("items", found.items, found.item_columns),
    ):
        others = [_comment(name) for name in table.columns if name not in used.values()]
        if others:
            lines += [f"# Not used of {what}:", *(f"#   {name}" for name in others)]
    if any(name not in found.item_columns.values() for name in found.items.columns):
        lines.append(
            "# Numbers and short texts of items may be shown: `facts` in docs/own_data.md."
        )
    return lines


def _comment(name: str) -> str:
    """Return a column's name as a comment of one line may hold it."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]", " ", _quoted(name)).split())


def _scale(kind: str, values: Sequence[float], column: str, having: bool) -> list[str]:
    if kind == EXPLICIT:
        low, high = min(values), max(values)
        step = 1 if all(float(v).is_integer() for v in values) else 0.5
        return [f"  scale: {{min: {low:g}, max: {high:g}, step: {step:g}}}  # ?"]
    measure = MEASURES.get(re.sub(r"[\W_]", "", column.lower()), "time")
    return [] if having or not measure else [f"  measure: {{one: {measure}}}  # ?"]


def _place(table: Sketch) -> list[str]:
    lines = [f"  path: {_quoted(table.path)}"]
    return [*lines, f"  options: {{sep: {_quoted(table.sep)}}}"] if table.sep else lines


def _item_column(role: str, column: str, table: Sketch) -> str:
    sep = list_separator(table.columns[column]) if role in ("genres", "creators") else None
    if sep is None:
        return _quoted(column)
    return f"{{column: {_quoted(column)}, sep: {_quoted(sep)}}}"


def _mark(found: Guess, role: str) -> str:
    return "  # ?" if role in found.unsure else ""


def _noun(found: Guess) -> str:
    """The name of the item column without what makes it an id, such as book of book_id."""
    plain = re.sub(r"(?i)[_ ]?(id|no|key|isbn|sku)$", "", found.rating_columns["item"])
    return plain.lower() if re.fullmatch(r"[A-Za-z]+", plain) else "item"


def _quoted(text: str) -> str:
    """Return a text as YAML takes it."""
    if re.fullmatch(r"[A-Za-z][\w./-]*", text) and text.lower() not in ("yes", "no", "on", "off"):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return f'"{escaped}"'
