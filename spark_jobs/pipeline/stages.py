"""The stages of the pipeline: their inputs, parameters and outputs."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import to_builtins
from msgspec.structs import asdict

from recommender.errors import DataError
from recommender.keys import NO_KEYS
from recommender.storage import s3
from recommender.storage.release import MANIFEST
from spark_jobs import exploration
from spark_jobs.config.configuration import Config, shown_params
from spark_jobs.config.options import as_options, open_releases
from spark_jobs.datasets.processed import ABOUT, write_processed
from spark_jobs.evaluation import promotion_gate
from spark_jobs.evaluation.measuring import evaluate
from spark_jobs.evaluation.protocol_splits import EvaluationPlan
from spark_jobs.evaluation.tables import tables
from spark_jobs.given_ids import known_keys
from spark_jobs.job_archive import ROOT
from spark_jobs.pipeline.acquire import acquire, acquired_from
from spark_jobs.pipeline.work import Made, NotGoodEnough, Stage, Work, list_files, replace_folder
from spark_jobs.protocols import PROTOCOLS, SERVED
from spark_jobs.training import train
from spark_jobs.training_set import merge, read_inputs, tell

FLASK = (sys.executable, "-m", "flask", "--app", "app")


# --- process ---


def _processed_as(work: Work) -> Any:
    return _data(work.settings), work.settings.pipeline.process.upload


def _data(settings: Config) -> Any:
    """What is read: the kind of data set, or a description of tables."""
    return to_builtins(settings.own) if settings.own else settings.dataset


def process(work: Work) -> Made:
    """Read, check and write the data for the later stages, and describe it on a page."""
    from spark_jobs.reporting.html import exploration_page, write

    unfinished, folder = work.folder / "processed.unfinished", work.folder / "processed"
    shutil.rmtree(unfinished, ignore_errors=True)
    raw = work.facts["acquire"]["folder"]
    known = known_keys(work.store) if work.settings.own else NO_KEYS
    [dataset] = read_inputs(work.spark, work.settings, [raw], known=known)
    written = write_processed(dataset, unfinished)
    months = exploration.by_month([dataset])
    training = merge([dataset], work.settings)
    explored = exploration.describe(training, months)
    training.stars.unpersist()
    named = "--config" if work.settings.own else "--data"
    explored["command"] = shlex.join(["python", "-m", "spark_jobs.explore", named, raw])
    write(unfinished / "exploration.json", explored, exploration_page)
    replace_folder(unfinished, folder)
    tell(exploration.summary(explored))
    upload = work.settings.pipeline.process.upload
    if upload:
        s3.upload_folder(folder, upload, last=ABOUT)
    files = [folder / name for name in list_files(folder)]
    facts, left_out = training.catalogue, ""
    if written.untitled or explored["repeated"]:
        left_out = f" ({explored['repeated']:,} repeated, {written.untitled:,} without a title)"
    counted = (
        f"{facts.ratings:,} ratings by {facts.users:,} people of {facts.items:,} titles"
        f"{left_out} in {folder}{f' and {upload}' if upload else ''}"
    )
    summary = "\n".join([counted, *dataset.findings.lines()])
    return Made(summary, files, {"folder": str(folder)})


# --- train ---


def _fitted_with(work: Work) -> Any:
    settings = work.settings
    return {
        "dataset": _data(settings),
        "noun": settings.noun,
        "seed": settings.seed,
        "ranking": shown_params(settings, "ranking"),
        "neighbourhood": shown_params(settings, "neighbourhood"),
        "rating": asdict(settings.rating),
    }


def _trained_with(work: Work) -> Any:
    """Of the gate, the users held out; its floors and margins concern ``publish``."""
    held_out = work.settings.gate.people, work.settings.gate.seed
    return _fitted_with(work), held_out, work.store.place


def fit(work: Work) -> Made:
    """Train a release, measure it on users held out, and do not promote it."""
    processed = work.facts["process"]["folder"]
    trained = train(work.spark, [processed], work.settings, work.store, promote="never")
    version = trained.release.version
    verdict = "; the gate will refuse it" if trained.reasons else ""
    folder = trained.release.folder
    return Made(
        f"release {version} in {work.store.place}{verdict}",
        [folder / MANIFEST] if folder else [],  # what is in S3 is not looked at again
        {"release": version},
    )


# --- evaluate ---


def _measured_with(work: Work) -> Any:
    plan = work.settings.pipeline.evaluate
    return _fitted_with(work), plan.protocols, plan.seeds


def measure(work: Work) -> Made:
    """Evaluate the parameters beside baselines, by the configured protocols."""
    from spark_jobs.reporting.html import evaluation_page, write

    settings, measured = work.settings, work.settings.pipeline.evaluate
    processed = work.facts["process"]["folder"]
    plan = EvaluationPlan(measured.protocols, measured.seeds)
    report = evaluate(work.spark, [processed], settings, plan)
    options = ["--data", processed, "--protocol", ",".join(plan.protocols)]
    options += ["--seeds", ",".join(map(str, plan.seeds)), *as_options(settings)]
    report["command"] = shlex.join(["python", "-m", "spark_jobs.evaluate", *options])
    page = write(work.folder / "evaluation.json", report, evaluation_page)
    tell(tables(report))
    headlines = [
        f"{name} {metric} {report['protocols'][name][SERVED][metric]['mean']:.3f}"
        for name in plan.protocols
        for metric in PROTOCOLS[name].headlines
    ]
    return Made(f"{', '.join(headlines)} in {page}", [page, page.with_suffix(".json")])


# --- ingest ---


def _database(work: Work) -> Any:
    """Return which database, without its password."""
    place = urlsplit(os.environ.get("DATABASE_URL", ""))
    rds = [os.environ.get(f"RDS_{name}") for name in ("HOSTNAME", "PORT", "DB_NAME")]
    where = [place.scheme, place.hostname, place.port, place.path, *rds]
    return where, work.settings.pipeline.ingest.ratings


def ingest(work: Work) -> Made:
    """Add the release's titles to the site's database before it is in service."""
    version = work.facts["train"]["release"]
    _flask(work, "db", "upgrade")
    lines = [_flask(work, "sync-catalogue", "--release", version)]
    if work.settings.pipeline.ingest.ratings:
        raw = str(Path(work.facts["acquire"]["folder"]).absolute())
        lines.append(_flask(work, "import-ratings", "--release", version, raw))
    return Made("; ".join(lines))


def _flask(work: Work, *command: str) -> str:
    """Run a command of the site, which this tier does not import; return its last output line."""
    done = subprocess.run(  # our own command  # noqa: S603  # nosec B603
        [*FLASK, *command],
        cwd=ROOT,
        env={**os.environ, "RELEASES": work.store.place},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise DataError(
            f"`flask {shlex.join(command)}` failed: {last.removeprefix('error: ')} (it needs the"
            " site's settings and requirements.txt; leave ingest out where the site is elsewhere)"
        )
    return (done.stdout.strip().splitlines() or [""])[-1]


# --- publish ---


def _published_to(work: Work) -> Any:
    """Return the target and the gate's conditions."""
    return work.settings.pipeline.publish.to, asdict(work.settings.gate)


def publish(work: Work) -> Made:
    """Put the release into service if the gate accepts it."""
    version, elsewhere = work.facts["train"]["release"], work.settings.pipeline.publish.to
    release = work.store.read(version)
    target = open_releases(elsewhere) if elsewhere else work.store
    before, sample = target.in_service(), release.parity_sample()
    judged = promotion_gate.judged({}, release, before, sample, work.settings.gate)
    if reasons := judged["gate"]["reasons"]:
        raise NotGoodEnough(
            f"{'; '.join(reasons)}. Promote it all the same:"
            f" `flask releases promote {version} --force`"
        )
    if elsewhere:
        assert release.folder
        s3.upload_folder(release.folder, s3.join(target.place, version), last=MANIFEST)
    current = target.promote(version)
    was = current.previous or "none"
    return Made(f"release {current.version} is in service in {target.place} (before: {was})")


STAGES: dict[str, Stage] = {
    "acquire": Stage((), acquired_from, acquire),
    "process": Stage(("acquire",), _processed_as, process),
    "train": Stage(("process",), _trained_with, fit),
    "evaluate": Stage(("process",), _measured_with, measure),
    "ingest": Stage(("acquire", "train"), _database, ingest),
    "publish": Stage(("train",), _published_to, publish),
}
