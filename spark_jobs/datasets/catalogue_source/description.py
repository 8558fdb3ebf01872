"""How a configuration file describes a catalogue of one's own: its words, its scale, its tables."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct, field

from recommender.errors import ConfigError
from recommender.feedback import EXPLICIT, IMPLICIT, KINDS
from recommender.item_facts import KINDS as FACT_KINDS
from recommender.item_facts import MOST_FACTS, NUMBER, Label, Unit, fact_name
from recommender.params import NotNegative
from recommender.validation import LARGEST_FLOAT

Text = Annotated[str, Meta(pattern=r"\S", title="text that is not blank")]
PositiveNumber = Annotated[float, Meta(gt=0, le=LARGEST_FLOAT, title="a number above 0")]
FORMATS = ("parquet", "csv", "json", "orc", "avro", "jdbc")
# By the ending of a file's name, below ".gz" and the like.
FORMAT_BY_ENDING = {
    **dict.fromkeys(("csv", "tsv", "txt"), "csv"),
    **dict.fromkeys(("json", "jsonl", "ndjson"), "json"),
    **{name: name for name in ("parquet", "orc", "avro")},
}
NEWEST, SUM, MAX, COUNT = AGGREGATES = ("newest", "sum", "max", "count")
KEY = "{key}"


class FromEnvironment(Struct, frozen=True, forbid_unknown_fields=True):
    """A value that the file does not hold: that of an environment variable."""

    env: Text

    def read(self, where: str) -> str:
        """Raises ConfigError where the variable is not set."""
        if value := os.environ.get(self.env):
            return value
        raise ConfigError(f"{where}: the environment variable {self.env} is not set; set it")


Option = str | bool | int | float | FromEnvironment


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """``many``: where it is not ``one`` with an s."""

    one: Text
    many: str = ""

    @property
    def plural(self) -> str:
        return self.many or f"{self.one}s"


class PointScale(Struct, frozen=True, forbid_unknown_fields=True):
    """The scale that ratings are given on."""

    max: PositiveNumber
    min: NotNegative = 1.0
    step: PositiveNumber = 1.0

    def __post_init__(self) -> None:
        if self.min >= self.max:
            raise ValueError(f"min ({self.min:g}) must be below max ({self.max:g})")


class CatalogueSection(Struct, frozen=True, forbid_unknown_fields=True):
    """``noun``: what the catalogue calls an item. ``scale``: of explicit feedback. ``measure``:
    what an implicit value counts; hours where there are values and no ``measure``."""

    name: Text
    noun: Words
    feedback: Annotated[str, Meta(pattern=f"^({'|'.join(KINDS)})$", title=" or ".join(KINDS))]
    scale: PointScale | None = None
    measure: Words | None = None

    def __post_init__(self) -> None:
        if self.feedback == EXPLICIT and self.scale is None:
            raise ValueError("explicit feedback needs a scale, such as {min: 1, max: 5, step: 1}")
        if self.feedback == IMPLICIT and self.scale is not None:
            raise ValueError("a scale is of explicit feedback alone; leave it out")
        if self.feedback == EXPLICIT and self.measure is not None:
            raise ValueError("a measure is of implicit feedback alone; leave it out")


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """Where rows are: files at ``path``, or with ``format: jdbc`` what a ``table`` or ``query`` of
    a database at ``url`` returns. ``options``: as Spark's reader of the format takes them."""

    path: str | tuple[str, ...] = ()
    format: Annotated[str, Meta(pattern=f"^({'|'.join(FORMATS)})$", title=", ".join(FORMATS))] = ""
    url: str = ""
    table: str = ""
    query: str = ""
    user: Option = ""
    password: str | FromEnvironment = ""
    options: dict[str, Option] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.password and isinstance(self.password, str):
            raise ValueError(
                "password must be {env: NAME}, which names an environment variable: it is not to"
                " stand in a file"
            )
        if self.format == "jdbc":
            if not self.url or bool(self.table) == bool(self.query):
                raise ValueError("format jdbc needs a url, and a table or a query")
            if re.search(r"password|user=|//[^/?]*@", self.url, re.IGNORECASE):
                raise ValueError(
                    "url must not hold a user or a password; write `user` and `password`, such as"
                    " {env: DB_PASSWORD}, which names an environment variable"
                )
        elif not self.paths:
            raise ValueError("path is missing: of a file, a folder, or a pattern")
        elif not self.kind:
            raise ValueError(f"format must be said: one of {', '.join(FORMATS)}")

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path,) if isinstance(self.path, str) else self.path

    @property
    def kind(self) -> str:
        """The format: as said, else by the ending of the first path; "" if neither tells."""
        if self.format:
            return self.format
        name = re.sub(r"\.(gz|bz2|zst|xz)$", "", self.paths[0].rstrip("/").lower())
        return FORMAT_BY_ENDING.get(name.rsplit(".", 1)[-1], "")

    @property
    def shown(self) -> str:
        """What messages call it."""
        if self.kind == "jdbc":
            return f"{self.url.split('?')[0]}, {self.table or 'query'}"
        return ", ".join(self.paths)


class RatingColumns(Struct, frozen=True, forbid_unknown_fields=True):
    """Names of columns. ``value``: absent where having an item is all that is known."""

    user: Text
    item: Text
    value: str = ""
    time: str = ""


class RatingTable(Table, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``aggregate``: what a repeated pair counts as. ``timezone``: of times that name none.
    ``most_per_user``: of one user, so many ratings count. ``bad_rows``: a larger share of bad rows
    fails."""

    columns: RatingColumns
    aggregate: Annotated[
        str, Meta(pattern=f"^({'|'.join(AGGREGATES)})?$", title=", ".join(AGGREGATES))
    ] = ""
    timezone: str = "UTC"
    most_per_user: Annotated[int, Meta(ge=1)] = 100_000
    bad_rows: Annotated[float, Meta(ge=0, le=1)] = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"timezone must be a name such as Europe/Berlin, not {self.timezone!r}"
            ) from error


class SplitColumn(Struct, frozen=True, forbid_unknown_fields=True):
    """A column with several values in one text, ``sep`` between them."""

    column: Text
    sep: Annotated[str, Meta(min_length=1)]


class LinkTemplate(Struct, frozen=True, forbid_unknown_fields=True):
    """The address of an item's own page, in which its key takes the place of ``{key}``."""

    template: str

    def __post_init__(self) -> None:
        if KEY not in self.template or not re.match(r"https?://[^\s/]", self.template):
            raise ValueError(
                f"template must be a web address with {KEY} in it, such as"
                f" https://shop.example/{KEY}, not {self.template!r}"
            )


class ItemColumns(Struct, frozen=True, forbid_unknown_fields=True):
    """Names of columns; those of ``genres`` and ``creators`` may hold several values. ``link``: a
    column of web addresses, or how one follows from the key. A cell of ``available`` is yes or no,
    or how many there are."""

    item: Text
    title: Text
    year: str = ""
    genres: str | SplitColumn = ""
    creators: str | SplitColumn = ""
    image: str = ""
    link: str | LinkTemplate = ""
    description: str = ""
    available: str = ""


class FactColumn(Struct, frozen=True, forbid_unknown_fields=True):
    """A fact of the catalogue's own. ``kind``: where it is not said, as ``fact_columns`` finds."""

    column: Text
    label: Label
    unit: Unit = ""
    kind: Annotated[
        str, Meta(pattern=f"^({'|'.join(FACT_KINDS)})?$", title=" or ".join(FACT_KINDS))
    ] = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError(f"column {self.column!r} has no letter or digit; rename it")
        if self.unit and self.kind not in ("", NUMBER):
            raise ValueError("a unit is of numbers alone; leave out unit, or write kind: number")

    @property
    def name(self) -> str:
        return fact_name(self.column)


class ItemTable(Table, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``bad_rows``: a larger share of items without key or title fails."""

    columns: ItemColumns
    facts: tuple[FactColumn, ...] = ()
    bad_rows: Annotated[float, Meta(ge=0, le=1)] = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.facts) > MOST_FACTS:
            raise ValueError(
                f"facts: there are {len(self.facts)}, and at most {MOST_FACTS} may be; leave some"
                " out"
            )
        for what, names in (
            ("label", [fact.label.casefold() for fact in self.facts]),
            ("column", [fact.name for fact in self.facts]),
        ):
            if again := [name for n, name in enumerate(names) if name in names[:n]]:
                raise ValueError(f"facts: two have the {what} {again[0]!r}; give each its own")


class OwnCatalogue(Struct, frozen=True, forbid_unknown_fields=True):
    """The sections of a configuration file that describe a catalogue. ``path``: of the file."""

    catalogue: CatalogueSection
    ratings: RatingTable
    items: ItemTable
    path: str = ""

    def __post_init__(self) -> None:
        about, value = self.catalogue, self.ratings.columns.value
        if about.feedback == EXPLICIT and not value:
            raise ValueError("ratings, columns: explicit feedback needs a `value` column")
        if self.counts_rows and self.ratings.aggregate not in ("", COUNT):
            raise ValueError(
                f"ratings: without a `value` column rows are counted; leave out aggregate"
                f" {self.ratings.aggregate}"
            )

    @property
    def folder(self) -> Path:
        """That relative paths are relative to."""
        return Path(self.path).parent

    @property
    def having(self) -> bool:
        """Whether all that is known is who has what."""
        return not self.ratings.columns.value and self.catalogue.measure is None

    @property
    def counts_rows(self) -> bool:
        return not self.ratings.columns.value and self.catalogue.measure is not None

    @property
    def aggregate(self) -> str:
        """What a repeated pair counts as."""
        if self.having:
            return MAX
        if self.counts_rows:
            return COUNT
        default = NEWEST if self.catalogue.feedback == EXPLICIT else SUM
        return self.ratings.aggregate or default
