"""Fits what the words for an item let expect of its factors: recommender.item_prior."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from recommender.arrays import Float64Array
from recommender.catalogue import CatalogueItem
from recommender.item_prior import ItemPrior, words_of
from recommender.storage.release import ItemArrays

# In ratings: how far what the words say is shrunken towards the mean of all items.
SHRINKAGE = 100.0
# Of creators those with as many fitted items at least, and of all words the most frequent.
LEAST_ITEMS, MOST_WORDS = 5, 1000
# Items at a time: their words as flags have about 30 MB.
AT_A_TIME = 4096


def fit_item_prior(items: Sequence[CatalogueItem], arrays: ItemArrays) -> ItemPrior:
    """Return the prior, by ridge regression over the fitted items:

        ŷ = mean y + Wᵀ·(f − mean f)       (Fᵀ·C·F + SHRINKAGE·I) W = Fᵀ·C·Y

    ``f``: a 1 for each word of an item. ``F`` and ``Y`` are centred; ``C``: each item counts as
    often as it was rated. ``items``: the catalogue's; those without a rating are left out.
    """
    by_id = {item.item_id: item for item in items}
    item_words = [words_of(by_id[item_id]) for item_id in arrays.item_ids.tolist()]
    words = _frequent(item_words)
    column = {word: number for number, word in enumerate(words)}
    width = arrays.ranking_factors.shape[1] + arrays.rating_factors.shape[1] + 1
    total = float(arrays.item_counts.sum())
    # Sums over all items, of the words after a 1, and of what they let expect.
    left = np.zeros((1 + len(words), 1 + len(words)))
    right = np.zeros((1 + len(words), width))
    for start in range(0, len(item_words), AT_A_TIME):
        part = slice(start, start + AT_A_TIME)
        flags = np.zeros((len(item_words[part]), 1 + len(words)))
        flags[:, 0] = 1
        for row, known in enumerate(item_words[part]):
            flags[row, [1 + column[word] for word in known if word in column]] = 1
        weighted = (flags * arrays.item_counts[part, None]).T
        left += weighted @ flags
        right += weighted @ _targets(arrays, part)
    mean_words, mean_targets = left[0, 1:] / total, right[0] / total
    covariance = left[1:, 1:] - total * np.outer(mean_words, mean_words)
    covariance[np.diag_indices_from(covariance)] += SHRINKAGE
    weights = np.linalg.solve(covariance, right[1:] - total * np.outer(mean_words, mean_targets))
    base = mean_targets - mean_words @ weights
    return ItemPrior(tuple(words), np.vstack([base, weights]).astype(np.float32))


def _frequent(item_words: Sequence[set[str]]) -> list[str]:
    counts = Counter(word for words in item_words for word in words)
    frequent = [
        word for word, n in counts.items() if n >= LEAST_ITEMS or not word.startswith("by ")
    ]
    return sorted(sorted(frequent, key=lambda word: (-counts[word], word))[:MOST_WORDS])


def _targets(arrays: ItemArrays, part: slice) -> Float64Array:
    columns = (
        arrays.ranking_factors[part],
        arrays.rating_factors[part],
        arrays.item_bias[part, None],
    )
    return np.hstack(columns).astype(np.float64)
