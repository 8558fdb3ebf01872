"""Read what a person uploads: tell what it is, and what it says of each title.

Each service has a module with a small table of the kinds of its files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import PurePosixPath
from typing import BinaryIO

from app.portability.entries import Contents, FileRow
from app.portability.readers import goodreads, imdb, letterboxd, marquee, movielens, steam, trakt
from app.portability.readers.tables import Table, find_table, first_records
from app.portability.text import TextFile
from app.portability.uploads import ImportProblem, UnknownKind, check_size, unpack
from recommender.feedback import EXPLICIT

# The order matters where a table has the columns of two kinds.
KINDS = (
    *(*marquee.KINDS, *imdb.KINDS, *goodreads.KINDS),
    *(*movielens.KINDS, *letterboxd.KINDS),
)
Found = Table | trakt.TraktFile


def read_upload(name: str, upload: BinaryIO) -> Contents:
    """Detect what a file or a zip of files is. Raises ImportProblem if that is not supported.

    In a zip, files of no known kind are not read.
    """
    texts = [TextFile(file) for file in unpack(name, upload)]
    libraries = [text for text in texts if _is_steam(text, alone=len(texts) == 1)]
    found = [file for text in texts if (file := _find(text)) is not None]
    check_size(text.file for text in (libraries or [file.text for file in found] or texts))
    sources = {file.source for file in found} | ({steam.SOURCE} if libraries else set())
    if not sources:
        raise _unknown(texts)
    if len(sources) > 1:
        raise ImportProblem(
            f"This zip holds files of {' and of '.join(sorted(sources))}. Send one at a time."
        )
    names = [(PurePosixPath(file.name).name, file.kind_name) for file in found]
    if len(found) > 1:
        for file, (file_name, _) in zip(found, names, strict=True):
            file.prefix = f"{file_name[:60]}: "
    if len(set(names)) < len(names) or len(libraries) > 1:
        raise ImportProblem("This zip holds more than one export. Send one at a time.")
    return steam.read_steam(libraries[0]) if libraries else _together(found)


def _is_steam(text: TextFile, alone: bool) -> bool:
    """Return whether a file is a Steam library. Other JSON may lie beside another's export."""
    start = text.beginning.lstrip()[: steam.START]
    return start.startswith("{") and (alone or any(word in start for word in steam.WORDS))


def _find(text: TextFile) -> Found | None:
    start = text.beginning.lstrip()[:1]
    if start == "{" or "\0" in text.beginning:
        return None
    return trakt.find(text) if start == "[" else find_table(text, KINDS)


def _together(found: Sequence[Found]) -> Contents:
    """Read the files of one service in the light of each other."""
    first = found[0]
    feedbacks = {file.kind.feedback for file in found if isinstance(file, Table)} - {""}
    rows: Iterator[FileRow]
    if traces := [file for file in found if isinstance(file, trakt.TraktFile)]:
        return Contents(trakt.SOURCE, EXPLICIT, trakt.read(traces))
    tables = [file for file in found if isinstance(file, Table)]
    read = _READ_TOGETHER.get(first.source)
    rows = read(tables) if read else chain.from_iterable(table.rows() for table in tables)
    return Contents(first.source, next(iter(feedbacks), ""), rows, tables[0].kind.noun)


def _unknown(texts: Sequence[TextFile]) -> ImportProblem:
    """Return what to say of files of no known kind."""
    if len(texts) > 1:
        return ImportProblem(
            "This zip holds no ratings.csv, nor another file that we read. Send the export as it"
            " was downloaded."
        )
    text = texts[0]
    if "\0" in text.beginning:
        return ImportProblem("This is not a text file. Send the export as it was downloaded.")
    if text.beginning.lstrip()[:1] == "<":
        return ImportProblem(
            "We do not know this kind of file: it is a web page, perhaps the one where you log in."
            " Log in there, download the export again, and send that."
        )
    first = next(iter(first_records(text)), [])
    shown = ", ".join(cell[:40] for cell in first[:6] if cell) or "nothing"
    return UnknownKind(f"We do not know this kind of file: its first line says “{shown}”.")


_READ_TOGETHER: dict[str, Callable[[Sequence[Table]], Iterator[FileRow]]] = {
    "Letterboxd": letterboxd.read,
    "MovieLens": movielens.read,
}
