"""The result of a search: the best candidates, as a table and in the configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import asdict

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


def best(model: str, measured: Mapping[Params, Sequence[float]]) -> Params:
    """Return the candidate with the best mean; the earlier one of equals."""
    return ranked(model, measured)[0]


def ranked(model: str, measured: Mapping[Params, Sequence[float]]) -> list[Params]:
    """Sort the candidates by their mean, best first; equal ones keep their order."""
    direction = METRICS[METRIC[model]].direction
    return sorted(measured, key=lambda params: -direction * np.mean(measured[params]))


def table(measures: Measures) -> str:
    """Format all results, best first: mean ± standard deviation over the folds."""
    lines = []
    for model, measured in measures.items():
        configured = next(iter(measured))
        folds = len(measured[configured])
        what = f"{METRIC[model]}, mean ± standard deviation over {folds} folds"
        lines += ["", f"{model} model: {what}"]
        for params in ranked(model, measured):
            values = measured[params]
            notes = ["best"] if params == best(model, measured) else []
            notes += ["as configured"] if params == configured else []
            lines.append(
                f"  {np.mean(values):.4f} ±{np.std(values, ddof=1):.4f}"
                f"  {differing_values(params, list(measured))}  {', '.join(notes)}".rstrip()
            )
    return "\n".join([*lines, ""])


def differing_values(params: Params, candidates: Sequence[Params]) -> str:
    """Return the parameters in which the candidates differ."""
    every = [asdict(candidate) for candidate in candidates]
    differing = (name for name in every[0] if len({each[name] for each in every}) > 1)
    values = asdict(params)
    return ", ".join(f"{name} {values[name]:g}" for name in differing) or "one candidate alone"


def write_best(source: Traversable, target: Path, measures: Measures) -> None:
    """Write the best parameters into the configuration, and print what changed."""
    text = source.read_text(encoding="utf-8")
    changes = []
    for model, measured in measures.items():
        before, after = asdict(next(iter(measured))), asdict(best(model, measured))
        changed = {name: new for name, new in after.items() if new != before[name]}
        if changed:
            text = edit_yaml(text, model, changed)
        changes += [f"{model}.{name} {before[name]:g} → {new:g}" for name, new in changed.items()]
    if not changes and Path(str(source)) == target:
        print(f"The configuration is the best of them; {target} stays as it is.")
        return
    write_atomically(target, text.encode())
    print(f"Written to {target}: {', '.join(changes) or 'the configuration as it was'}.")


def check_target(source: Traversable, target: Path, grid: Grid) -> None:
    """Raise ConfigError, before the search, if its result could not be written."""
    if not (target.is_file() or not target.exists()) or not os.access(target.parent, os.W_OK):
        raise ConfigError(f"{target}: cannot be written; name another file with --out")
    text = source.read_text(encoding="utf-8")
    try:
        for model, candidates in grid.items():
            text = edit_yaml(text, model, asdict(candidates[-1]))
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error
