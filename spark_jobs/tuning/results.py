"""Results of tuning, kept in a file so that an interrupted search continues where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import asdict
from numpy.typing import NDArray

from recommender.errors import ConfigError
from spark_jobs.als.rating_blocks import Block
from spark_jobs.evaluation.splits import mixed
from spark_jobs.training_set import TrainingSet

# Of each line of results.
BEGINNING = b'{"of": {'


@dataclass(frozen=True)
class TuningResults:
    """Measures by key, one JSON line each, written as soon as they are known."""

    path: Path
    values: dict[str, float]

    @classmethod
    def read(cls, path: Path) -> TuningResults:
        """Raises ConfigError for a file of another kind, or one that cannot be written."""
        try:
            with path.open("ab+") as file:
                file.seek(0)
                *lines, torn = file.read().split(b"\n")
                rows = [json.loads(line) for line in lines]
                values = {key(**row["of"]): float(row["value"]) for row in rows}
                if not BEGINNING.startswith(torn[: len(BEGINNING)]):
                    raise ValueError("its last line has no end")
                # The start of a line that was being written when the process was killed.
                file.truncate(file.tell() - len(torn))
            return cls(path, values)
        except OSError as error:
            raise ConfigError(f"--results {path}: cannot be used ({error})") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"--results {path}: not results of tuning ({error}); name another file"
            ) from error

    def add(self, of: str, value: float) -> None:
        self.values[of] = value
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"of": json.loads(of), "value": value}) + "\n")
            file.flush()
            os.fsync(file.fileno())


def key(**of: Any) -> str:
    """Return the key of a result: its data, folds, model and all parameters, as JSON."""
    return json.dumps(of, sort_keys=True)


def fingerprint(training: TrainingSet) -> str:
    """Return a hash of the ratings and the catalogue, independent of the order of the ratings."""
    stars = training.stars
    ids = stars.users.share((stars.users.ids, stars.items.ids))

    def digest(block: Block) -> NDArray[np.uint64]:
        user_ids, item_ids = ids.value
        values = block.values.astype(np.float32).view(np.uint32)
        return mixed(0, user_ids[block.rows], item_ids[block.columns], values).sum(keepdims=True)

    ratings = int(stars.users.rows(digest).sum(dtype=np.uint64))
    items = json.dumps([asdict(item) for item in training.items])
    return hashlib.sha256(f"{ratings} {items}".encode()).hexdigest()[:16]
