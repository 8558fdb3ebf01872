"""Keys: the ids that users and items have in the tables they come from, beside those given here."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Int64Array
from recommender.catalogue import FIRST_KEYED_USER, LARGEST_ID

FIRST_KEYED_ITEM = 1
# Of one key, in characters: every database can index that.
LONGEST_KEY = 255


@dataclass(frozen=True)
class Keys:
    """Keys of one side in the order of their ids, which count up from ``first_id``.

    ``text``: their UTF-8 bytes one after another, uint8. Key ``n`` is
    ``text[starts[n]:starts[n + 1]]``; ``starts`` int64, (keys + 1,). ``order``: positions in order
    of the keys' bytes, int32. The arrays may be mapped from files.
    """

    first_id: int
    text: NDArray[np.uint8]
    starts: Int64Array
    order: NDArray[np.int32]

    @classmethod
    def build(cls, first_id: int, keys: Iterable[str]) -> Keys:
        """``keys``: without repetition, in order of the ids to give."""
        encoded = [key.encode() for key in keys]
        starts = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(key) for key in encoded], out=starts[1:])
        order = np.array(sorted(range(len(encoded)), key=encoded.__getitem__), np.int32)
        return cls(first_id, np.frombuffer(b"".join(encoded), np.uint8), starts, order)

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[str]:
        """Yield the keys in order of their ids."""
        return (self._bytes(position).decode() for position in range(len(self)))

    def id_of(self, key: str) -> int | None:
        """Return the id that was given to a key, None for one that is not known."""
        try:
            wanted = key.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which no key has
            return None
        place = bisect_left(range(len(self)), wanted, key=lambda n: self._bytes(int(self.order[n])))
        if place == len(self) or self._bytes(position := int(self.order[place])) != wanted:
            return None
        return self.first_id + position

    def key_of(self, given_id: int) -> str | None:
        """Return the key of an id, None for an id that was not given to any."""
        position = given_id - self.first_id
        return self._bytes(position).decode() if 0 <= position < len(self) else None

    def _bytes(self, position: int) -> bytes:
        return self.text[self.starts[position] : self.starts[position + 1]].tobytes()


@dataclass(frozen=True)
class CatalogueKeys:
    """All keys that a catalogue ever had, also of users and items that are gone: no id is given
    twice."""

    users: Keys
    items: Keys


NO_KEYS = CatalogueKeys(Keys.build(FIRST_KEYED_USER, ()), Keys.build(FIRST_KEYED_ITEM, ()))
# How many there may be.
MOST_KEYS = {"users": LARGEST_ID - FIRST_KEYED_USER, "items": FIRST_KEYED_USER}
