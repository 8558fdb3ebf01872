"""The result of a search: the best candidates, as a table and as a file of parameters."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec.structs import asdict

from recommender.errors import ConfigError
from recommender.params import ModelParams
from recommender.storage.atomic_files import write_atomically
from spark_jobs.config.configuration import AUTO, Parameters, read_params
from spark_jobs.config.yaml_files import write_yaml
from spark_jobs.protocols import METRICS

COMMENT = "Found by spark_jobs/tune.py; train, evaluate and the pipeline read it by --params."
METRIC = {"ranking": "NDCG@10", "neighbourhood": "NDCG@10", "rating": "RMSE"}
# By model and candidate, the measure on each fold that it was tried on.
Measures = dict[str, dict[ModelParams, list[float]]]


def best(model: str, measured: Mapping[ModelParams, Sequence[float]]) -> ModelParams:
    """Return the best candidate; the earlier one of equals."""
    return ranked(model, measured)[0]


def ranked(model: str, measured: Mapping[ModelParams, Sequence[float]]) -> list[ModelParams]:
    """Sort the candidates, best first: those that were tried on more folds before those that were
    left out, then by their mean. Equal ones keep their order."""
    direction = METRICS[METRIC[model]].direction

    def place(params: ModelParams) -> tuple[int, float]:
        values = measured[params]
        return -len(values), -direction * float(np.mean(values))

    return sorted((params for params in measured if measured[params]), key=place)


def table(measures: Measures) -> str:
    """Format all results, best first: mean ± standard deviation over the folds."""
    lines = []
    for model, measured in measures.items():
        configured = next(iter(measured))
        order = ranked(model, measured)
        folds = len(measured[order[0]])
        what = f"{METRIC[model]}, mean ± standard deviation over {_folds(folds)}"
        if any(len(measured[params]) < folds for params in order):
            what += "; means over fewer folds, of candidates left out, do not compare with them"
        lines += ["", f"{model} model: {what}"]
        for params in order:
            values = measured[params]
            notes = ["best"] if params == order[0] else []
            notes += ["as configured"] if params == configured else []
            notes += [f"left out after {_folds(len(values))}"] if len(values) < folds else []
            spread = f"±{np.std(values, ddof=1):.4f}" if len(values) > 1 else " " * len("±0.0000")
            lines.append(
                f"  {np.mean(values):.4f} {spread}"
                f"  {differing_values(params, list(measured))}  {', '.join(notes)}".rstrip()
            )
    return "\n".join([*lines, ""])


def _folds(number: int) -> str:
    return f"{number} fold" if number == 1 else f"{number} folds"


def differing_values(params: ModelParams, candidates: Sequence[ModelParams]) -> str:
    """Return the parameters in which the candidates differ."""
    every = [asdict(candidate) for candidate in candidates]
    differing = (name for name in every[0] if len({each[name] for each in every}) > 1)
    values = asdict(params)
    shown = (f"{name} {_shown(values[name])}" for name in differing)
    return ", ".join(shown) or "one candidate alone"


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def write_best(
    target: Path, measures: Measures, known: Parameters, auto: Collection[str] = ()
) -> None:
    """Write the best parameters into a file of their own, and print what differs from the
    configuration. ``known``: what the file has of a model that was not tuned, by model. ``auto``:
    what training chooses; it stays so where the search tried no other value."""
    chosen, changes = dict(known), []
    for model, measured in measures.items():
        before, chosen[model] = asdict(next(iter(measured))), asdict(best(model, measured))
        changes += [
            f"{model}.{name} {_shown(before[name])} → {_shown(new)}"
            for name, new in chosen[model].items()
            if new != before[name]
        ]
        same = [name for name, new in chosen[model].items() if new == before[name]]
        chosen[model] |= {name: AUTO for name in same if f"{model}.{name}" in auto}
    write_atomically(target, write_yaml(chosen, COMMENT).encode())
    found = ", ".join(changes) or "the parameters as configured, which are the best"
    print(f"Written to {target}: {found}.")
    print(f"To use them: python -m spark_jobs.train --params {shlex.quote(str(target))}")


def check_target(target: Path) -> None:
    """Raise ConfigError, before the search, if its result could not be written: an existing file
    must hold parameters alone, so that no configuration is lost."""
    if not (target.is_file() or not target.exists()) or not os.access(target.parent, os.W_OK):
        raise ConfigError(f"{target}: cannot be written; name another file with --out")
    if target.exists():
        try:
            read_params(target)
        except ConfigError as error:
            raise ConfigError(
                f"{error}; it is not replaced: name another file with --out"
            ) from error
