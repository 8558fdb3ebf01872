"""Find titles by words in any case, accents or order, with or without articles, with typos.

An index in memory, one per release and process; 60,000 titles take about a second to index.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA

from recommender.catalogue import CatalogueItem
from recommender.formats.titles import search_key
from recommender.storage.release import Release

ARTICLES = frozenset("the a an le la les un une el los las il lo der die das den ein eine".split())
# How a title matches, best first. Among equals the one with more ratings comes first.
WHOLE, WORDS, BEGINNINGS, TYPO, NOT = range(5)
# (letters of a word, at least; typos that it may have).
FORGIVEN = ((8, 2), (4, 1))
LONGEST_STEM = 14
MOST_WORDS, MOST_FORGIVEN = 12, 4
Rows = NDArray[np.int32]
Kinds = NDArray[np.int8]
NO_ROWS: Rows = np.empty(0, np.int32)
LONGEST_TEXT = 255  # of what the database stores of names and creators
# Positions in the catalogue of the titles with each key.
Places = dict[str, "array[int]"]


class Match(NamedTuple):
    """How a title matches; the least is the best. ``rated``: minus its number of ratings."""

    kind: int
    rated: int
    item_id: int


class TitleIndex:
    """Finds the ids of ``items``; ``counts`` are their numbers of ratings, by id.

    Rows are titles, most rated first, so that the first rows of a kind are the best of it.
    """

    @classmethod
    def of(cls, release: Release) -> TitleIndex:
        arrays = release.arrays
        counts = dict(zip(arrays.item_ids.tolist(), arrays.item_counts.tolist(), strict=True))
        return cls(release.items(), counts)

    def __init__(self, items: Iterable[CatalogueItem], counts: Mapping[int, int]):
        ids, prints = array("l"), array("q")
        words: Places = defaultdict(partial(array, "l"))
        runs: Places = defaultdict(partial(array, "l"))
        # Read as a stream: the heap would not shrink after holding the catalogue as objects.
        for place, item in enumerate(items):
            ids.append(item.item_id)
            prints.append(fingerprint(item.title, item.year, "|".join(item.creators)))
            title = search_key(item.title).split()
            significant = _without_articles(title)
            for run in {"".join(title), "".join(significant)}:
                runs[run].append(place)
            creators = search_key(" ".join(item.creators)).split()
            for word in {*title, *creators, *([str(item.year)] if item.year else [])}:
                words[word].append(place)
        item_ids = np.array(ids, np.int64)
        rated = np.array([counts.get(item_id, 0) for item_id in ids], np.int64)
        order = np.lexsort((item_ids, -rated))
        row_of = np.empty(len(order), np.int32)
        row_of[order] = np.arange(len(order), dtype=np.int32)
        self._ids, self._rated = item_ids[order], rated[order]
        self._prints = np.array(prints, np.int64)[order]
        self._words, self._runs = _Postings(words, row_of), _Postings(runs, row_of)
        self._stems = {n: _Stems(self._words.keys, n) for n in range(3, LONGEST_STEM + 2)}
        self._similar = lru_cache(maxsize=4096)(self._similar_words)

    def find(self, query: str, limit: int) -> list[int]:
        """Return ids of the ``limit`` best matches: titles that have every word of ``query``, in
        their name or among their creators.

        The whole title comes before whole words, these before beginnings of words. If there are
        none, typos are forgiven.
        """
        return [match.item_id for match in self.matches(query, limit)]

    def matches(self, query: str, limit: int, left_out: Rows = NO_ROWS) -> list[Match]:
        """Return the same as ``find`` with how each matches, without the rows ``left_out``."""
        words = search_key(query).split()[:MOST_WORDS]
        significant = _without_articles(words)
        if not significant or limit <= 0:
            return []
        kinds_by_word = [self._kinds_of(word) for word in significant]
        kinds = np.maximum.reduce(kinds_by_word)
        for run in {"".join(words), "".join(significant)}:  # "spiderman" finds "Spider-Man"
            rows = self._runs.beginning(run)
            kinds[rows] = np.minimum(kinds[rows], BEGINNINGS)
        kinds[self._runs.exactly("".join(significant))] = WHOLE
        kinds[left_out] = NOT
        if (kinds == NOT).all():
            kinds = self._with_typos(significant, kinds_by_word)
            kinds[left_out] = NOT
        best = np.concatenate([np.flatnonzero(kinds == kind)[:limit] for kind in range(NOT)])
        best = best[:limit]
        columns = kinds[best], -self._rated[best], self._ids[best]
        return [Match(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]

    def fingerprints(self) -> dict[int, int]:
        """Return the fingerprint of each title by id."""
        return dict(zip(self._ids.tolist(), self._prints.tolist(), strict=True))

    def rows_of(self, item_ids: Collection[int]) -> Rows:
        """Return the rows of those titles that the index has."""
        return np.flatnonzero(np.isin(self._ids, list(item_ids))).astype(np.int32)

    def _kinds_of(self, word: str) -> Kinds:
        """Return how each title matches one word, shape (titles,)."""
        kinds = np.full(len(self._ids), NOT, np.int8)
        kinds[self._words.beginning(word)] = BEGINNINGS
        if len(word) > 1:  # one letter is a beginning, also where it is a word
            kinds[self._words.exactly(word)] = WORDS
        return kinds

    def _with_typos(self, words: Sequence[str], kinds_by_word: Sequence[Kinds]) -> Kinds:
        """Allow typos in the words that begin no title's word; if there are none, in all words."""
        is_unknown = [bool((kinds == NOT).all()) for kinds in kinds_by_word]
        is_wrong = is_unknown if any(is_unknown) else [True] * len(words)
        if sum(is_wrong) > MOST_FORGIVEN:
            return np.full(len(self._ids), NOT, np.int8)
        forgiven = list(kinds_by_word)
        for place in np.flatnonzero(is_wrong).tolist():
            forgiven[place] = forgiven[place].copy()
            for numbers in self._similar(words[place]):
                rows = self._words.rows(numbers)
                forgiven[place][rows] = np.minimum(forgiven[place][rows], TYPO)
        return np.asarray(np.maximum.reduce(forgiven))

    def _similar_words(self, word: str) -> tuple[slice, ...]:
        """Return the words that begin with ``word``, typos allowed (optimal string alignment).

        A typo is a letter too many, too few or wrong, or two letters swapped.
        """
        wrong = next((wrong for least, wrong in FORGIVEN if len(word) >= least), 0)
        if not wrong or len(word) > LONGEST_STEM:
            return ()
        matches: list[slice] = []
        for length in range(len(word) - 1, len(word) + 2):
            matches += self._stems[length].similar(word, wrong)
        return tuple(matches)


class _Stems:
    """The first ``length`` letters of the words, each once, and which words begin so."""

    def __init__(self, words: Sequence[str], length: int):
        starts, letters, last = array("l"), array("Q"), None
        for number, word in enumerate(words):
            if (stem := word[:length]) != last:
                starts.append(number)
                letters.append(_letters(stem))
                last = stem
        self._words, self._length = words, length
        self._starts = np.array([*starts, len(words)], np.int32)
        self._letters = np.array(letters, np.uint64)

    def similar(self, word: str, wrong: int) -> Iterator[slice]:
        """Yield numbers of the words whose stem is at most ``wrong`` typos from ``word``."""
        # A typo changes the set of letters by at most two, which rules out nearly all of them.
        differing = np.bitwise_count(self._letters ^ np.uint64(_letters(word)))
        for number in np.flatnonzero(differing <= 2 * wrong).tolist():
            first, end = self._starts[number : number + 2].tolist()
            stem = self._words[first][: self._length]
            if OSA.distance(word, stem, score_cutoff=wrong) <= wrong:
                yield slice(first, end)


class _Postings:
    """Sorted keys, and the rows that belong to each, one after the other in one array."""

    def __init__(self, places: Mapping[str, array[int]], row_of: Rows):
        self.keys = sorted(places)
        postings = [places[key] for key in self.keys]
        self._starts = np.cumsum([0, *map(len, postings)], dtype=np.int64)
        self._flat = row_of[np.fromiter(chain.from_iterable(postings), np.int64)]

    def rows(self, numbers: slice) -> Rows:
        """Return the rows of the keys with those numbers."""
        return self._flat[self._starts[numbers.start] : self._starts[numbers.stop]]

    def beginning(self, text: str) -> Rows:
        end = bisect_left(self.keys, text + chr(0x10FFFF))
        return self.rows(slice(bisect_left(self.keys, text), end))

    def exactly(self, text: str) -> Rows:
        number = bisect_left(self.keys, text)
        there = number < len(self.keys) and self.keys[number] == text
        return self.rows(slice(number, number + there))


def fingerprint(title: str, year: int | None, creators: str) -> int:
    """Return a number that differs in this process where what is searched does; ``creators``: with
    "|" between them."""
    return hash((title[:LONGEST_TEXT], year, creators[:LONGEST_TEXT]))


def _without_articles(words: list[str]) -> list[str]:
    return [word for word in words if word not in ARTICLES] or words


def _letters(word: str) -> int:
    """Return the set of letters in ``word`` as bits."""
    bits = 0
    for letter in word:
        bits |= 1 << ord(letter) % 64
    return bits
