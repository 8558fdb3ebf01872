"""Finds similar titles by the angle between their factors, and by the neighbourhood."""

from __future__ import annotations

import numpy as np

from recommender.arrays import Float64Array, FloatArray, IntArray
from recommender.item_index import UNKNOWN
from recommender.model import Model
from recommender.top_n import top_n

# Factors fitted on few ratings are unreliable: a cosine is shrunken by n / (n + this).
DOUBT = 10
# What a weight of the neighbourhood counts beside a cosine. Of the books in goodbooks-10k that
# belong to a series, 73 % of the five most similar are of the same series by the cosine alone, 82 %
# with 8 or 16 times the weights, and 81 % by the weights alone.
NEIGHBOUR = 8.0
# Rows per chunk: as many as the processor's cache holds in double precision.
AT_A_TIME = 1024


def similarity(factors: FloatArray, counts: IntArray, row: int) -> Float64Array:
    """Return ``cos(y_row, y_i) · n_i / (n_i + DOUBT)``, (items,); -inf for the title itself.

    ``factors`` (items, rank), ``counts`` (items,). The shrinkage is that of item-based
    neighbourhood models (Koren 2008, section 2.2). A zero vector is similar to none.
    """
    y = np.asarray(factors[row], dtype=np.float64)
    cosines, lengths = np.empty(len(factors)), np.empty(len(factors))
    for start in range(0, len(factors), AT_A_TIME):
        part = slice(start, start + AT_A_TIME)
        others = np.asarray(factors[part], dtype=np.float64)
        cosines[part], lengths[part] = others @ y, np.sqrt(np.einsum("ij,ij->i", others, others))
    lengths[lengths == 0] = np.inf
    cosines *= counts / (counts + DOUBT) / (lengths * lengths[row])
    cosines[row] = -np.inf
    return cosines


def similar_items(model: Model, item_id: int, n: int) -> list[int]:
    """Return ids of the ``n`` recommendable titles most similar to ``item_id``."""
    (row,) = model.items.index.rows([item_id])
    if row == UNKNOWN:
        return []
    arrays = model.items.arrays
    similarities = similarity(arrays.ranking_factors, arrays.item_counts, row)
    if model.neighbourhood:
        rows, weights = model.neighbourhood.weights_of(int(row))
        similarities[rows] += NEIGHBOUR * weights
    similarities = np.where(np.isfinite(model.items.popularity), similarities, -np.inf)
    return model.items.index.item_ids[top_n(similarities, n)].tolist()
