"""What a search found: the best candidates, as a table and in the configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recommender.errors import ConfigError
from recommender.storage.atomic_files import write_atomically
from spark_jobs.als.solver import Params
from spark_jobs.config.yaml_files import edit_yaml
from spark_jobs.protocols import METRICS
from spark_jobs.tuning.grid import Grid

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

METRIC = {"ranking": "NDCG@10", "rating": "RMSE"}
# By model and candidate, the measure on each fold.
Measures = dict[str, dict[Params, list[float]]]


def best(head: str, measured: Mapping[Params, Sequence[float]]) -> Params:
    """The candidate with the best mean; of equal ones the earlier."""
    return ranked(head, measured)[0]


def ranked(head: str, measured: Mapping[Params, Sequence[float]]) -> list[Params]:
    """The candidates by their mean, best first; equal ones in their order."""
    direction = METRICS[METRIC[head]].direction
    return sorted(measured, key=lambda params: -direction * np.mean(measured[params]))


def table(measures: Measures) -> str:
    """All results, best first: mean ± standard deviation over the folds."""
    lines = []
    for head, measured in measures.items():
        configured = next(iter(measured))
        folds = len(measured[configured])
        lines += ["", f"{head} head: {METRIC[head]}, mean ± standard deviation over {folds} folds"]
        for params in ranked(head, measured):
            values = measured[params]
            notes = [
                note
                for note, true in (
                    ("best", params == best(head, measured)),
                    ("as configured", params == configured),
                )
                if true
            ]
            lines.append(
                f"  {np.mean(values):.4f} ±{np.std(values, ddof=1):.4f}"
                f"  {differing_values(params, list(measured))}  {', '.join(notes)}".rstrip()
            )
    return "\n".join([*lines, ""])


def differing_values(params: Params, candidates: Sequence[Params]) -> str:
    """Those parameters in which the candidates differ."""
    every = [asdict(candidate) for candidate in candidates]
    differing = (name for name in every[0] if len({each[name] for each in every}) > 1)
    values = asdict(params)
    return ", ".join(f"{name} {values[name]:g}" for name in differing) or "one candidate alone"


def write_best(source: Traversable, target: Path, measures: Measures) -> None:
    """Write the winners into the configuration, and say what changed."""
    text = source.read_text(encoding="utf-8")
    changes = []
    for head, measured in measures.items():
        changed = _changed(next(iter(measured)), best(head, measured))
        text = edit_yaml(text, head, {name: new for name, (_, new) in changed.items()})
        changes += [f"{head}.{name} {old:g} → {new:g}" for name, (old, new) in changed.items()]
    if not changes and Path(str(source)) == target:
        print(f"The configuration is the best of them; {target} stays as it is.")
        return
    write_atomically(target, text.encode())
    print(f"Written to {target}: {', '.join(changes) or 'the configuration as it was'}.")


def _changed(before: Params, after: Params) -> dict[str, tuple[float, float]]:
    new = asdict(after)
    return {name: (old, new[name]) for name, old in asdict(before).items() if old != new[name]}


def check_target(source: Traversable, target: Path, grid: Grid) -> None:
    """Raises ConfigError where the winner could not be written, before there is one."""
    if not (target.is_file() or not target.exists()) or not os.access(target.parent, os.W_OK):
        raise ConfigError(f"{target}: cannot be written; name another file with --out")
    text = source.read_text(encoding="utf-8")
    try:
        for head, candidates in grid.items():
            text = edit_yaml(text, head, asdict(candidates[-1]))
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error
