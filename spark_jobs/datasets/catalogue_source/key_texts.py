"""Texts of keys as arrays of bytes, between Arrow, files and the keys of a release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.arrays import Int64Array
from recommender.errors import DataError
from recommender.item_index import UNKNOWN
from recommender.keys import Keys
from spark_jobs.datasets.findings import EXAMPLES, Findings

Positions = NDArray[np.int32]
ALIKE = "keys that differ by case or blanks only from another one ({})"


class KeyTexts(NamedTuple):
    """Text ``n`` is ``text[starts[n]:starts[n + 1]]``, in UTF-8."""

    text: NDArray[np.uint8]
    starts: Int64Array

    @classmethod
    def of(cls, texts: pa.Array) -> KeyTexts:
        """``texts``: without nulls."""
        large = pa.concat_arrays([texts]).cast(pa.large_string())
        _, offsets, data = large.buffers()
        first = large.offset
        starts = np.frombuffer(offsets, np.int64)[first : first + len(large) + 1]
        text = np.frombuffer(data or b"", np.uint8)[starts[0] : starts[-1]]
        return cls(text, starts - starts[0])

    def arrow(self) -> pa.Array:
        buffers = [None, *map(pa.py_buffer, (np.ascontiguousarray(self.starts), self.text))]
        return pa.Array.from_buffers(pa.large_string(), len(self.starts) - 1, buffers)


def arrow_keys(keys: Keys) -> pa.Array:
    """All keys in order of their ids."""
    return KeyTexts(np.asarray(keys.text), np.asarray(keys.starts)).arrow()


def add_keys(known: Keys, seen: Sequence[pa.Array], most: int, side: str) -> Keys:
    """Return ``known`` with the keys of ``seen`` that are new after them, in order of the keys.

    Raises DataError where there are more than ``most`` in all.
    """
    before = arrow_keys(known)
    distinct = pc.unique(pa.chunked_array([*seen], pa.large_string()))
    new = distinct.filter(pc.invert(pc.is_in(distinct, value_set=before)))
    if len(before) + len(new) > most:
        raise DataError(
            f"{len(before) + len(new):,} keys of {side}, where {most:,} can have ids; give fewer"
        )
    every = pa.concat_arrays([before, new.take(pc.sort_indices(new))])
    order = pc.sort_indices(every).to_numpy().astype(np.int32)
    return Keys(known.first_id, *KeyTexts.of(every), order)


def positions_of(keys: pa.Array, among: pa.Array) -> Positions:
    """Return where each of ``keys`` stands ``among`` others, UNKNOWN for one that does not."""
    found = pc.index_in(keys, value_set=among)
    return np.asarray(pc.fill_null(found, UNKNOWN).to_numpy(zero_copy_only=False), np.int32)


def alike(keys: pa.Array, side: str) -> Findings:
    """Count keys that are another one but for case and blanks, with examples."""
    plain = pc.utf8_lower(pc.utf8_trim_whitespace(keys))
    counts = pc.value_counts(plain)
    repeated = counts.filter(pc.greater(counts.field("counts"), 1))
    if not len(repeated):
        return Findings()
    total = pc.sum(repeated.field("counts")).as_py() - len(repeated)
    examples = []
    for text in sorted(repeated.field("values").to_pylist())[:EXAMPLES]:
        together = keys.filter(pc.equal(plain, text)).to_pylist()
        examples.append(" and ".join(map(repr, sorted(together)[:EXAMPLES])))
    kind = ALIKE.format(side)
    return Findings({kind: total}, {kind: examples})
