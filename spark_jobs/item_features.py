"""Features of items as numbers: genres, decade and number of ratings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommender.catalogue import CatalogueItem
from recommender.item_prior import genres_and_decade


def item_features(
    items: Sequence[CatalogueItem], item_ids: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the features of ``item_ids``, (ids, features): ``log(1 + count)``, and a 1 for each
    genre of the item and for its decade."""
    by_id = {item.item_id: item for item in items}
    rows = [by_id[item_id] for item_id in item_ids.tolist()]
    words = [genres_and_decade(row) for row in rows]
    known = {word: n for n, word in enumerate(sorted(set().union(*words)))}
    flags = np.zeros((len(rows), len(known)))
    for row, item_words in enumerate(words):
        flags[row, [known[word] for word in item_words]] = 1
    return np.column_stack([np.log1p(counts), flags])


def centred(features: NDArray[np.floating], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Scale the features to mean 0 and rows of mean square length 1, over all ratings."""
    weights = counts / counts.sum()
    moved = features - weights @ features
    length = np.sqrt(weights @ (moved**2).sum(axis=1))
    return np.asarray(moved / length if length else moved, np.float64)
