"""A release made ready to answer: fold a person in, rank the catalogue, predict stars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from recommender import group_aggregation, onboarding
from recommender.explanations import Explanation, contributions
from recommender.feedback import feedback_of
from recommender.fold_in import (
    Ridge,
    fold_in_ranking,
    fold_in_ranking_many,
    gram,
)
from recommender.item_index import UNKNOWN, ItemIndex
from recommender.item_metadata import Filter, ItemMetadata
from recommender.item_similarity import similarity
from recommender.popularity import within_band
from recommender.rating_model import RatingModel
from recommender.storage.release import Release
from recommender.top_n import BestFirst, scores_of, top_n

RatingsByItem = Mapping[int, float]
# How many numbers one array of a pass over many people may hold: 8 MB in single precision.
PASS = 2_000_000


NOTHING = np.empty(0, np.int64)
# The bias and rating vector of anyone where nobody gives stars.
NO_STARS: tuple[float, NDArray[np.floating]] = (0.0, np.empty(0))


@dataclass(frozen=True)
class Person:
    """Someone folded into the model. ``rated_rows``: what the model has that they rated already."""

    ranking_vector: NDArray[np.floating]
    bias: float
    rating_vector: NDArray[np.floating]
    rated_rows: NDArray[np.int64]


@dataclass(frozen=True)
class Recommendation:
    """``score`` orders the list and means nothing by itself. ``predicted_rating`` is in stars;
    where nobody gives any it is None, and there is a ``match`` instead (``Model.match``)."""

    item_id: int
    score: float
    predicted_rating: float | None
    match: float | None


class Model:
    """The models of one release. Ratings are stars, or hours played, by item id; unknown items are
    ignored. Where hours are, there is no rating model, and nothing is predicted in stars."""

    def __init__(self, release: Release):
        arrays = release.arrays
        self.release = release
        self.version = release.version
        self.catalogue = release.catalogue
        self.item_index = ItemIndex(arrays.item_ids)
        self.feedback = feedback_of(release.catalogue, release.ranking)
        self._ranking_ridge = Ridge.of(release.ranking, len(arrays.item_ids))
        self._rating_head = RatingModel.of(release)
        self._gram = gram(arrays.ranking_factors)
        popularity = release.ranking.popularity_weight * np.log1p(arrays.item_counts)
        too_few = arrays.item_counts < release.ranking.min_ratings
        self._popularity = np.where(too_few, -np.inf, popularity)
        self._best_first = BestFirst(arrays.ranking_factors, self._popularity)

    @cached_property
    def item_metadata(self) -> ItemMetadata:
        """Genres and years; read from the release at first use."""
        return ItemMetadata(self.release)

    def fold_in(self, ratings: RatingsByItem) -> Person:
        """A person as the model sees them, from their ratings of this moment."""
        arrays, ranking = self.release.arrays, self.release.ranking
        rows, given = self._known(ratings)
        head = self._rating_head
        bias, rating_vector = head.fold_in(rows, given) if head else NO_STARS
        ranking_vector = fold_in_ranking(
            self._gram,
            arrays.ranking_factors[rows],
            self.feedback.preference(given),
            ranking.alpha,
            self._ranking_ridge,
        )
        return Person(ranking_vector, bias, rating_vector, rows)

    def recommend(
        self,
        person: Person,
        n: int,
        hidden: Iterable[int] = (),
        wanted: Filter | None = None,
        known: int = 0,
    ) -> list[Recommendation]:
        """The ``n`` best items the person has not rated, best first, without the ``hidden`` ids.

        ``score_i = x·y_i + β·log(1 + count_i)``: someone unknown (x = 0) gets the popular list.
        ``wanted``: those that qualify alone; there are ``n`` whenever so many do. ``known``: how
        well known they are to be, a key of ``popularity.BANDS``.
        """
        allowed = None
        if wanted is not None and wanted != Filter():
            allowed = self.item_metadata.qualified(wanted)
        if known:
            band = within_band(self.release.arrays.item_counts, known)
            allowed = band if allowed is None else band & allowed
        excluded = np.concatenate([person.rated_rows, self.item_index.known_rows(hidden)])
        rows, scores = self.best(person.ranking_vector, n, excluded, allowed)
        return self._listed(person, rows, scores)

    def _listed(
        self, person: Person, rows: NDArray[np.int64], scores: NDArray[np.float64]
    ) -> list[Recommendation]:
        head = self._rating_head
        stars = (
            head.predict(person.bias, person.rating_vector, rows).tolist()
            if head
            else [None] * len(rows)
        )
        match = [None] * len(rows) if head else self._match(person, rows).tolist()
        ids = self.item_index.item_ids[rows].tolist()
        return [
            Recommendation(*row) for row in zip(ids, scores.tolist(), stars, match, strict=True)
        ]

    def best(
        self,
        vector: NDArray[np.floating],
        n: int,
        excluded_rows: NDArray[np.integer],
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rows and scores of the ``n`` best items for a ranking vector, as in ``recommend``.

        ``allowed``: (items,), those that qualify alone.
        """
        return self._best_first.top(vector, n, excluded_rows, allowed)

    def recommend_many(
        self, people: Sequence[RatingsByItem], n: int, hidden: Sequence[Iterable[int]] = ()
    ) -> list[list[Recommendation]]:
        """``recommend`` for each of ``people``, by their ratings, in stacked solves.

        ``hidden``: ids to leave out, for each of them where given.
        """
        known = [self._known(ratings) for ratings in people]
        unwanted = [self.item_index.known_rows(ids) for ids in hidden] or [NOTHING] * len(people)
        lists: list[list[Recommendation]] = [[]] * len(people)
        for some in self._passes([len(rows) for rows, _ in known]):
            told = self._recommend_stack([known[i] for i in some], [unwanted[i] for i in some], n)
            for i, recommended in zip(some, told, strict=True):
                lists[i] = recommended
        return lists

    def _passes(self, counts: Sequence[int]) -> Iterator[list[int]]:
        """Positions of the people of each pass: those with like numbers of ratings together."""
        widest = max(self._gram.shape[0], self.release.arrays.rating_factors.shape[1])
        some: list[int] = []
        for i in sorted(range(len(counts)), key=lambda i: counts[i]):
            if some and (len(some) + 1) * max(counts[i], widest) * widest > PASS:
                yield some
                some = []
            some.append(i)
        if some:
            yield some

    def _recommend_stack(
        self,
        known: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
        unwanted: Sequence[NDArray[np.int64]],
        n: int,
    ) -> list[list[Recommendation]]:
        arrays, ranking = self.release.arrays, self.release.ranking
        rows, given, rated = _padded(known)
        x = fold_in_ranking_many(
            self._gram,
            arrays.ranking_factors[rows],
            self.feedback.preference(given),
            rated,
            ranking.alpha,
            self._ranking_ridge,
        )
        head = self._rating_head
        biases, p = (
            head.fold_in_many(rows, given, rated)
            if head
            else (np.zeros(len(known)), np.zeros((len(known), 0)))
        )
        return [
            self._listed(
                Person(x[u], float(biases[u]), p[u], own),
                *self.best(x[u], n, np.concatenate([own, unwanted[u]])),
            )
            for u, (own, _) in enumerate(known)
        ]

    def estimate(self, person: Person, item_ids: Iterable[int]) -> dict[int, float]:
        """Predicted stars of those items that the model knows; of none where nobody gives stars."""
        if self._rating_head is None:
            return {}
        rows = self.item_index.known_rows(item_ids)
        stars = self._rating_head.predict(person.bias, person.rating_vector, rows)
        return dict(zip(self.item_index.item_ids[rows].tolist(), stars.tolist(), strict=True))

    def match(self, person: Person, item_ids: Iterable[int]) -> dict[int, float]:
        """How well those items that the model knows fit what the person has, from 0 to 1: at 1 as
        well as what they have does on average."""
        rows = self.item_index.known_rows(item_ids)
        match = self._match(person, rows).tolist()
        return dict(zip(self.item_index.item_ids[rows].tolist(), match, strict=True))

    def explain(self, ratings: RatingsByItem, item_id: int) -> Explanation | None:
        """What each rating adds to the score of ``item_id``, exactly; None for an unknown item."""
        (row,) = self.item_index.rows([item_id])
        if row == UNKNOWN:
            return None
        arrays, ranking = self.release.arrays, self.release.ranking
        rows, given = self._known(ratings)
        parts = contributions(
            self._gram,
            arrays.ranking_factors[rows],
            self.feedback.preference(given),
            ranking.alpha,
            self._ranking_ridge,
            arrays.ranking_factors[row],
        )
        popularity = ranking.popularity_weight * float(np.log1p(arrays.item_counts[row]))
        ids = self.item_index.item_ids[rows].tolist()
        by_id = dict(zip(ids, parts.tolist(), strict=True))
        return Explanation(by_id, popularity, float(parts.sum()) + popularity)

    def rank(self, person: Person, item_id: int, hidden: Iterable[int] = ()) -> int | None:
        """Where ``item_id`` stands in the person's whole list, 1 at the top; None where nowhere."""
        (row,) = self.item_index.rows([item_id])
        if row == UNKNOWN:
            return None
        excluded = np.concatenate([person.rated_rows, self.item_index.known_rows(hidden)])
        return self._best_first.rank(person.ranking_vector, int(row), excluded)

    def similar(self, item_id: int, n: int) -> list[int]:
        """Ids of the ``n`` titles most like ``item_id`` that can be recommended."""
        (row,) = self.item_index.rows([item_id])
        if row == UNKNOWN:
            return []
        arrays = self.release.arrays
        near = similarity(arrays.ranking_factors, arrays.item_counts, row)
        near = np.where(np.isfinite(self._popularity), near, -np.inf)
        return self.item_index.item_ids[top_n(near, n)].tolist()

    def next_question(self, ratings: RatingsByItem, unseen: Iterable[int] = ()) -> int | None:
        """The item to ask a newcomer about next: one they may well know, that the answers so far
        leave in doubt (``onboarding.chance_to_know``), and that people like, since a rating in
        favour teaches the ranking head most. None where nothing is left to ask.
        """
        arrays, ranking = self.release.arrays, self.release.ranking
        rows, _ = self._known(ratings)
        unseen_rows = self.item_index.known_rows(unseen)
        open_rows = self._askable[~np.isin(self._askable, np.concatenate([rows, unseen_rows]))]
        if not len(open_rows):
            return None
        known = onboarding.chance_to_know(
            self._gram,
            arrays.ranking_factors[open_rows],
            arrays.item_counts[open_rows] / max(self.catalogue.users, 1),
            arrays.ranking_factors[rows],
            arrays.ranking_factors[unseen_rows],
            ranking.alpha,
            self._ranking_ridge,
        )
        hoped = self.feedback.expected_preference(
            arrays.item_means[open_rows], arrays.item_counts[open_rows], self.release.mean_rating
        )
        return int(self.item_index.item_ids[open_rows[np.argmax(known * hoped**2)]])

    @cached_property
    def _askable(self) -> NDArray[np.int64]:
        """Rows of the titles most rated of those that can be recommended, ascending."""
        counts = np.where(np.isfinite(self._popularity), self.release.arrays.item_counts, -np.inf)
        return np.sort(top_n(counts, onboarding.ASKABLE))

    def onboarding_progress(self, ratings: RatingsByItem) -> onboarding.OnboardingProgress:
        """How far the list still moves. ``ratings`` in the order in which they were given."""
        given = list(ratings.items())
        lists = [
            {r.item_id for r in self.recommend(self.fold_in(dict(told)), onboarding.LIST, ratings)}
            for told in (given[: len(given) - step] for step in range(onboarding.STEPS + 1))
        ]
        kept = [len(new & old) for new, old in pairwise(lists)]
        of = max(len(lists[0]), 1)
        settled = len(given) >= onboarding.FEWEST and min(kept) >= onboarding.SETTLED * of
        return onboarding.OnboardingProgress(kept[0] if given else 0, of, settled)

    def recommend_group(
        self, people: Sequence[RatingsByItem], way: str, n: int
    ) -> list[tuple[int, float, list[float]]]:
        """The ``n`` best items for an evening of ``people``: (id, the group's liking, each one's),
        in predicted stars, or from 0 to 1 (``match``) where nobody gives stars.

        What anyone has rated already is left out. ``way``: see ``group.agree``.
        """
        folded = [self.fold_in(ratings) for ratings in people]
        rated = np.concatenate([person.rated_rows for person in folded])
        scores = np.stack([self.scores(person) for person in folded])
        # A veto may strike many titles: it is heard before the list is cut short.
        every, head = np.arange(len(self.item_index)), self._rating_head
        everyone = np.stack(
            [
                head.predict(p.bias, p.rating_vector, every) if head else self._match(p, every)
                for p in folded
            ]
        )
        agreed = group_aggregation.agree(
            everyone,
            way,
            group_aggregation.VETO_BELOW if head else group_aggregation.VETO_BELOW_MATCH,
        )
        scores = np.where(np.isfinite(agreed), scores, -np.inf)
        rows = group_aggregation.shortlist(scores, rated, max(group_aggregation.SHORTLIST, n))
        best = rows[np.argsort(-agreed[rows], kind="stable")][:n]
        ids = self.item_index.item_ids[best].tolist()
        return [
            (item_id, float(agreed[row]), everyone[:, row].tolist())
            for item_id, row in zip(ids, best, strict=True)
        ]

    def _known(self, ratings: RatingsByItem) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rows and values of those ratings whose item the model knows."""
        rows = self.item_index.rows(ratings)
        known = rows != UNKNOWN
        return rows[known], np.fromiter(ratings.values(), dtype=np.float64)[known]

    def scores(self, person: Person) -> NDArray[np.float64]:
        """``x·y_i + β·log(1 + count_i)``; -inf for what is never recommended."""
        factors = self.release.arrays.ranking_factors
        return scores_of(factors, self._popularity, person.ranking_vector)

    def _match(self, person: Person, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """``x·y_i`` over its mean of what the person has, between 0 and 1. Training pulls it
        towards 1 for what people have, and shrinks it for those who have little."""
        factors, x = self.release.arrays.ranking_factors, person.ranking_vector
        own = factors[person.rated_rows] @ x
        usual = own.mean() if len(own) else 0.0
        return (factors[rows] @ x / usual).clip(0, 1) if usual > 0 else np.zeros(len(rows))


def _padded(
    known: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Rows, values, and which places are taken, each (users, most ratings of any)."""
    counts = np.array([len(rows) for rows, _ in known])
    rated = np.arange(counts.max(initial=0)) < counts[:, None]
    rows, given = np.zeros(rated.shape, np.int64), np.zeros(rated.shape)
    rows[rated] = np.concatenate([rows for rows, _ in known])
    given[rated] = np.concatenate([given for _, given in known])
    return rows, given, rated


@dataclass(frozen=True)
class Parity:
    """The largest absolute difference between folded-in and trained vectors, by head."""

    users: int
    ranking: float
    rating: float

    TOLERANCE = 1e-4

    @property
    def holds(self) -> bool:
        return self.ranking <= self.TOLERANCE and self.rating <= self.TOLERANCE


def check_parity(release: Release) -> Parity:
    """Fold the release's sample of trained users in again and compare with what training found."""
    model, sample = Model(release), release.parity_sample()
    ranking, rating = [0.0], [0.0]
    for row, ratings in sample.users():
        person = model.fold_in(ratings)
        ranking.append(np.abs(person.ranking_vector - sample.ranking_vectors[row]).max())
        rating.append(np.abs(person.rating_vector - sample.rating_vectors[row]).max(initial=0.0))
    return Parity(len(sample.user_ids), float(np.max(ranking)), float(np.max(rating)))
