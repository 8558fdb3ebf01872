"""The watchlist in the order in which its owner would like it, and one title drawn from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from app.feedback.user_lists import WATCHLIST, marked_items
from app.home.list_filters import ListFilters
from app.models import Item
from app.recommend.service import main_reason, predicted
from recommender.explanations import explain
from recommender.model import Model
from recommender.weighted_draw import draw

# The newest titles of a longer watchlist are ranked.
MOST = 1_000


@dataclass(frozen=True)
class RankedItem:
    """``guess``: what the model predicts for the user; None for an item that it lacks."""

    item: Item
    guess: float | None


@dataclass(frozen=True)
class Pick:
    """A drawn item: one of ``of``, which had this ``chance``. ``because``: the rated item that
    speaks most for it, if any does."""

    item: Item
    guess: float
    chance: float
    of: int
    because: int | None


def ranked_watchlist(
    user_id: int, model: Model | None, ratings: Mapping[int, float]
) -> list[RankedItem]:
    """Return the items of the watchlist, the best prediction first, then those without one."""
    items = marked_items(user_id, WATCHLIST, MOST)
    guesses = predicted(model, ratings, items) if model and items else {}
    ranked = [RankedItem(item, guesses.get(item.id)) for item in items]
    # Sorting is stable: among equals the newest stays first.
    return sorted(ranked, key=lambda r: (r.guess is None, -(r.guess or 0.0)))


def passing(
    ranked: Sequence[RankedItem], filters: ListFilters, minutes: int | None = None
) -> list[RankedItem]:
    """Return those that pass the genres and years of the filters, and whose running time is known
    and below ``minutes``, if that is given."""
    passed = [r for r in ranked if _passes(r.item, filters)]
    return [r for r in passed if minutes is None or 0 < (r.item.minutes or 0) < minutes]


def genres_of(ranked: Collection[RankedItem]) -> list[str]:
    """Return the genres on the list, by name."""
    return sorted({genre for r in ranked for genre in r.item.genre_list})


def pick(
    ranked: Sequence[RankedItem], seed: int, model: Model, ratings: Mapping[int, float]
) -> Pick | None:
    """Draw one of the available items, those with a better prediction more often."""
    able = [(r.item, r.guess) for r in ranked if r.guess is not None and r.item.available]
    if not able:
        return None
    ((place, chance),) = draw([guess for _, guess in able], seed)
    item, guess = able[place]
    because = main_reason(explain(model, ratings, item.id))
    return Pick(item, guess, chance, len(able), because)


def _passes(item: Item, filters: ListFilters) -> bool:
    genres, wanted = set(item.genre_list), set(filters.include)
    if (wanted and not wanted & genres) or genres & set(filters.exclude):
        return False
    low, high = filters.year_from, filters.year_to
    if low is None and high is None:
        return True
    return item.year is not None and (low or 0) <= item.year <= (high or item.year)
