"""Runs stages in their order, and remembers which are up to date."""

from __future__ import annotations

import fcntl
import hashlib
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from recommender.errors import ConfigError, MarqueeError
from recommender.storage.atomic_files import write_atomically
from recommender.storage.release_store import ReleaseStore
from spark_jobs.config.configuration import Config
from spark_jobs.datasets.fetch import checksum
from spark_jobs.pipeline.stages import STAGES
from spark_jobs.pipeline.work import Made, NotGoodEnough, Work
from spark_jobs.training_set import tell

STATE = "state.json"


@dataclass(frozen=True)
class Record:
    """A stage that succeeded. ``run``: a random id of this run. ``of``: a hash of its
    parameters and of the runs it read from. ``files``: sha256 of what it made, by path."""

    run: str
    of: str
    files: dict[str, str]
    facts: dict[str, Any]
    summary: str


@dataclass(frozen=True)
class Outcome:
    """Of one stage. ``state``: done, up to date, failed, refused, or not run."""

    stage: str
    state: str
    seconds: float = 0.0
    summary: str = ""


class State:
    """The records of earlier runs, in ``state.json`` of the pipeline's folder."""

    def __init__(self, folder: Path):
        self._path = folder / STATE
        self.records = self._read()

    def _read(self) -> dict[str, Record]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Record])
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{self._path}: cannot be read ({error}); remove it, and every stage runs again"
            ) from error

    def is_current(self, stage: str, work: Work) -> bool:
        """Return whether the stage, and those it needs, would give the same result again."""
        record = self.records.get(stage)
        return (
            record is not None
            and all(self.is_current(need, work) for need in STAGES[stage].needs)
            and record.of == self.fingerprint(stage, work)
            and all(_sha256(file) == made for file, made in record.files.items())
        )

    def fingerprint(self, stage: str, work: Work) -> str:
        read = {need: self.records[need].run for need in STAGES[stage].needs}
        text = json.dumps([STAGES[stage].parameters(work), read], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def keep(self, stage: str, work: Work, made: Made) -> None:
        self.records[stage] = Record(
            run=secrets.token_hex(8),
            of=self.fingerprint(stage, work),
            files={str(file): checksum(file, "sha256") for file in made.files},
            facts=made.facts,
            summary=made.summary,
        )
        records = {name: asdict(record) for name, record in self.records.items()}
        write_atomically(self._path, (json.dumps(records, indent=2) + "\n").encode())


def run(
    settings: Config,
    store: ReleaseStore,
    state: State,
    stages: Sequence[str],
    again: bool = False,
) -> list[Outcome]:
    """Run those stages that are not up to date (all of them ``again``), until one fails."""
    facts: dict[str, Any] = {}
    work = Work(settings, store, facts)
    outcomes: list[Outcome] = []
    for number, stage in enumerate(stages):
        outcome = _run_stage(stage, work, facts, state, again)
        outcomes.append(outcome)
        if outcome.state in ("failed", "refused"):
            return outcomes + [Outcome(later, "not run") for later in stages[number + 1 :]]
    return outcomes


def _run_stage(stage: str, work: Work, facts: dict[str, Any], state: State, again: bool) -> Outcome:
    started = time.monotonic()

    def outcome(how: str, summary: str) -> Outcome:
        return Outcome(stage, how, time.monotonic() - started, summary)

    if not again and state.is_current(stage, work):
        return outcome("up to date", state.records[stage].summary)
    tell(f"{stage} …")
    try:
        facts.update(_facts(stage, work, state))
        made = STAGES[stage].run(work)
        state.keep(stage, work, made)
    except NotGoodEnough as error:
        return outcome("refused", str(error))
    except MarqueeError as error:
        return outcome("failed", str(error))
    return outcome("done", made.summary)


def _facts(stage: str, work: Work, state: State) -> dict[str, Any]:
    """Return the facts of the stages it needs. Raises ConfigError, saying which to run, if one is
    not up to date."""
    needs = _all_needs(stage)
    missing = [need for need in needs if not state.is_current(need, work)]
    if missing:
        raise ConfigError(
            f"{stage} needs what {missing[0]} makes, which is not there or is of another"
            f" configuration; run --stage {','.join(missing)} first"
        )
    return {need: state.records[need].facts for need in needs}


def _all_needs(stage: str) -> list[str]:
    """Return the stages that a stage needs, directly or indirectly, in their order."""
    direct = STAGES[stage].needs
    every = {*direct, *(further for need in direct for further in _all_needs(need))}
    return [name for name in STAGES if name in every]


def _sha256(file: str) -> str | None:
    path = Path(file)
    return (
        _remembered(path, path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else None
    )


@cache
def _remembered(path: Path, size: int, changed: int) -> str:
    """Hash a file once while its size and time of change stay the same."""
    return checksum(path, "sha256")


@contextmanager
def alone(folder: Path) -> Iterator[Path]:
    """Lock the folder against other runs. Raises ConfigError if one is active."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise ConfigError(
            f"pipeline, folder: {folder} cannot be written ({error.strerror}); name another"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"{folder}: another run is at work there; wait for its end"
            ) from error
        yield folder
