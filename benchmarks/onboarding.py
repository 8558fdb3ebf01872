"""Simulate newcomers to compare our questions with asking about the most popular items.

    python -m benchmarks.onboarding --data ../shared/data/ml-latest-small

The users of a MovieLens folder are split into folds; for each fold a release is trained without
its users, who are then simulated as newcomers. A newcomer's ratings are split 80:20 at random.
Each question is answered from the 80 %: a title that is not among them counts as not seen, and
uses up the question.
After 5, 10 and 15 questions the whole catalogue is ranked; relevant are the titles of the other
20 % that the newcomer rated 4 or more. Differences are between the same people and splits.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.results import markdown_table
from recommender import metrics
from recommender.model import Model
from recommender.onboarding import next_question
from recommender.storage.release_store import ReleaseStore

AFTER = (5, 10, 15)
FOLDS, SPLITS = 5, 3
RELEVANT, CUT = 4.0, 10
Ratings = dict[int, float]
Ask = Callable[[Model, Ratings, list[int], np.random.Generator], int | None]


@dataclass(frozen=True)
class Newcomer:
    answers: Ratings
    relevant: frozenset[int]


def ours(
    model: Model, ratings: Ratings, unseen: list[int], _rng: np.random.Generator
) -> int | None:
    return next_question(model, ratings, unseen)


def most_popular(
    model: Model, ratings: Ratings, unseen: list[int], _rng: np.random.Generator
) -> int | None:
    arrays = model.release.arrays
    asked = np.isin(arrays.item_ids, [*ratings, *unseen])
    return int(arrays.item_ids[np.argmax(np.where(asked, -1, arrays.item_counts))])


def at_random(
    model: Model, ratings: Ratings, unseen: list[int], rng: np.random.Generator
) -> int | None:
    left = np.setdiff1d(model.release.arrays.item_ids, [*ratings, *unseen])
    return int(rng.choice(left)) if len(left) else None


WAYS: dict[str, Ask] = {"random": at_random, "most popular": most_popular, "ours": ours}


def interview(model: Model, newcomer: Newcomer, ask: Ask, rng: np.random.Generator) -> list[float]:
    """Return NDCG after each number of questions in ``AFTER``, and the number of rated answers."""
    ratings: Ratings = {}
    unseen: list[int] = []
    reached = []
    for number in range(1, max(AFTER) + 1):
        item = ask(model, ratings, unseen, rng)
        if item in newcomer.answers:
            ratings[item] = newcomer.answers[item]
        elif item is not None:
            unseen.append(item)
        if number in AFTER:
            ranked = [r.item_id for r in model.recommend(model.fold_in(ratings), CUT)]
            hits = metrics.hits(np.array(ranked), np.array([*newcomer.relevant]), CUT)
            reached.append(metrics.ndcg(hits, len(newcomer.relevant)))
    return [*reached, float(len(ratings))]


def newcomers(people: Sequence[Ratings], rng: np.random.Generator) -> list[Newcomer]:
    """Each person's ratings split 80:20; users without a relevant item in the 20 % are left out."""
    found = []
    for ratings in people:
        ids = rng.permutation(sorted(ratings)).tolist()
        answers = ids[: int(len(ids) * 0.8)]
        relevant = frozenset(i for i in ids[len(answers) :] if ratings[i] >= RELEVANT)
        if relevant:
            found.append(Newcomer({item: ratings[item] for item in answers}, relevant))
    return found


def simulate(model: Model, people: Sequence[Ratings], seed: int) -> dict[str, NDArray[np.float64]]:
    """Return, by strategy, one row per newcomer: NDCG after 5, 10, 15, and rated answers."""
    guests = newcomers(people, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    return {
        way: np.array([interview(model, newcomer, ask, rng) for newcomer in guests])
        for way, ask in WAYS.items()
    }


def read(data: Path) -> dict[int, Ratings]:
    people: dict[int, Ratings] = defaultdict(dict)
    with (data / "ratings.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            people[int(row["userId"])][int(row["movieId"])] = float(row["rating"])
    return people


def train_without(data: Path, held_out: set[int], folder: Path) -> Model:
    """Return a model trained without the given users."""
    from spark_jobs import train

    rest = folder / "data"
    rest.mkdir(parents=True)
    for name in ("movies.csv", "links.csv"):
        shutil.copy(data / name, rest)
    with (data / "ratings.csv").open() as lines, (rest / "ratings.csv").open("w") as kept:
        kept.write(next(lines))
        kept.writelines(line for line in lines if int(line.partition(",")[0]) not in held_out)
    if train.main(["--data", str(rest), "--releases", str(folder / "releases")]):
        raise SystemExit(2)
    store = ReleaseStore(folder / "releases")
    return Model(store.read(store.current().version))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a MovieLens CSV folder")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    people = read(options.data)
    dealt = np.random.default_rng(options.seed).permutation(sorted(people))
    results: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    for fold in range(FOLDS):
        held_out = set(dealt[fold::FOLDS].tolist())
        with TemporaryDirectory() as folder:
            model = train_without(options.data, held_out, Path(folder))
            for split in range(SPLITS):
                seed = 1000 * options.seed + 10 * fold + split
                outcome = simulate(model, [people[u] for u in sorted(held_out)], seed)
                for way, rows in outcome.items():
                    results[way].append(rows)
    print(table({way: np.concatenate(rows) for way, rows in results.items()}))


def table(results: dict[str, NDArray[np.float64]]) -> str:
    """Return a Markdown table of means, and of our lead over popularity with 95 % intervals."""
    lines = []
    for way, rows in results.items():
        *reached, rated = rows.mean(axis=0)
        lines.append([way, *(f"{mean:.4f}" for mean in reached), f"{rated:.2f}"])
    lead = results["ours"][:, :-1] - results["most popular"][:, :-1]
    half = 1.96 * lead.std(axis=0) / np.sqrt(len(lead))
    cells = [f"{m:+.4f} ± {h:.4f}" for m, h in zip(lead.mean(axis=0), half, strict=True)]
    lines.append(["ours − most popular", *cells, ""])
    header = ["questions", *(f"after {n}" for n in AFTER), "rated of 15"]
    return "\n".join([*markdown_table(header, lines), "", f"{len(lead)} newcomers"])


if __name__ == "__main__":
    main()
