"""The stages of the pipeline: what each reads, what it makes, and where.

Each stage works in the pipeline's folder, and what it makes replaces what was there when it is
whole: a stage that breaks off leaves the earlier result.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pyspark.sql import SparkSession

from recommender.errors import DataError, MarqueeError
from recommender.storage import s3
from recommender.storage.release import MANIFEST
from recommender.storage.release_store import ReleaseStore
from spark_jobs.config.configuration import Config
from spark_jobs.config.options import as_options, open_releases
from spark_jobs.config.pipeline import SAMPLE, Source
from spark_jobs.datasets import fetch
from spark_jobs.datasets.processed import ABOUT, write_processed
from spark_jobs.datasets.read import read_datasets
from spark_jobs.datasets.sample import write_sample
from spark_jobs.evaluation import promotion_gate
from spark_jobs.evaluation.measuring import EvaluationPlan, evaluate
from spark_jobs.evaluation.tables import tables
from spark_jobs.explore import by_month, describe
from spark_jobs.explore import summary as told
from spark_jobs.job_archive import ROOT
from spark_jobs.protocols import PROTOCOLS, SERVED
from spark_jobs.session import build_session
from spark_jobs.train import train
from spark_jobs.training_set import merge, tell

FLASK = (sys.executable, "-m", "flask", "--app", "app")


class NotGoodEnough(MarqueeError):
    """The gate does not let a release into service."""


@dataclass(frozen=True)
class Made:
    """``summary``: a line for the terminal, and others of what was odd. ``files``: must stay as
    they are while the stage is up to date. ``facts``: for later stages."""

    summary: str
    files: list[Path] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """What a stage works with. ``facts``: those of the stages that it needs, by name."""

    settings: Config
    store: ReleaseStore
    facts: Mapping[str, Mapping[str, Any]]

    @property
    def folder(self) -> Path:
        return Path(self.settings.pipeline.folder)

    @cached_property
    def spark(self) -> SparkSession:
        return build_session("marquee pipeline")


@dataclass(frozen=True)
class Stage:
    """``needs``: the stages whose results it reads. ``parameters``: what else its result depends
    on. ``run``: makes it, or raises MarqueeError."""

    needs: tuple[str, ...]
    parameters: Callable[[Work], Any]
    run: Callable[[Work], Made]


# --- acquire ---


def _sources(work: Work) -> Any:
    """Beside what is configured, which files a local source has: what is new there is acquired."""
    sources = work.settings.pipeline.sources
    return [(asdict(source), _state_of(Path(source.address).expanduser())) for source in sources]


def _state_of(place: Path) -> Any:
    if place.is_file():
        return fetch.checksum(place, "sha256")
    return _names(place) if place.is_dir() else None


def acquire(work: Work) -> Made:
    """The data as published, unpacked below ``raw``; a local folder is read where it is."""
    sources = work.settings.pipeline.sources
    raw = sources[0].local_folder or _bring(sources, work.folder)
    data = _innermost(raw)
    files = [data / name for name in _names(data)]
    if not files:
        raise DataError(f"{data}: is empty; give a folder that holds a ratings data set")
    size = sum(file.stat().st_size for file in files)
    return Made(f"{len(files)} files, {size / 1e6:,.1f} MB in {data}", files, {"folder": str(data)})


def _innermost(folder: Path) -> Path:
    """Where the files are: archives have their files in a folder that names the data set."""
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return _innermost(inside[0]) if len(inside) == 1 and inside[0].is_dir() else folder


def _bring(sources: tuple[Source, ...], folder: Path) -> Path:
    """Everything to a folder ``raw``. What has come is kept, for the next run, where it fails."""
    downloads, unfinished = folder / "downloads", folder / "raw.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    target = unfinished / folder.name  # which names a data set that comes without a folder
    target.mkdir(parents=True)
    downloads.mkdir(exist_ok=True)
    for source in sources:
        if source.address == SAMPLE:
            write_sample(target / SAMPLE)
        elif source.is_s3_folder:
            come = _place(source, downloads)
            s3.download_folder(source.address, come)
            come.rename(target / come.name)
        else:
            _bring_file(source, downloads, target)
    _replace(unfinished, folder / "raw")
    shutil.rmtree(downloads)
    return folder / "raw"


def _bring_file(source: Source, downloads: Path, folder: Path) -> None:
    file = Path(source.address).expanduser()
    if source.is_remote:
        file = _place(source, downloads)
        if not file.is_file():
            _download(source, file)
    if not file.is_file():
        raise DataError(f"{source.address}: no such file or folder; correct `from`")
    try:
        _check(source, file)
        _unpack(file, folder)
    except DataError:
        if source.is_remote:
            file.unlink()
        raise


def _place(source: Source, downloads: Path) -> Path:
    """Where a download goes: apart from what another address calls by the same name."""
    apart = downloads / hashlib.sha256(source.address.encode()).hexdigest()[:8]
    apart.mkdir(exist_ok=True)
    return apart / source.file_name


def _download(source: Source, file: Path) -> None:
    tell(f"Downloading {source.address}")
    if source.is_s3:
        s3.download(source.address, file)
        return
    try:
        fetch.download(source.address, file, tell)
    except fetch.NETWORK_ERRORS as error:
        raise DataError(
            f"{source.address}: cannot be downloaded ({getattr(error, 'reason', error)});"
            " try again, which goes on from what has come, or name another source"
        ) from error


def _check(source: Source, file: Path) -> None:
    for kind, expected in (("sha256", source.sha256), ("md5", source.md5)):
        if expected and (found := fetch.checksum(file, kind)) != expected.lower():
            raise DataError(
                f"{source.address}: its {kind} is {found}, not {expected}; try again, or correct"
                " the configuration if a new edition was published"
            )


def _unpack(file: Path, folder: Path) -> None:
    if file.suffix == ".zip":
        fetch.unpack(file, folder)
    elif file.suffix == ".gz":
        fetch.unpack_gzip(file, folder / file.stem)
    else:
        shutil.copyfile(file, folder / file.name)


def _names(folder: Path) -> list[str]:
    """Every file below a folder, but hidden ones, by its place there."""
    places = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(x) for x in places if not any(p.startswith(".") for p in x.parts))


def _replace(unfinished: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


# --- process ---


def _processed_as(work: Work) -> Any:
    return work.settings.dataset, work.settings.pipeline.upload


def process(work: Work) -> Made:
    """The raw data read, checked and written as the later stages read it, with a page about it."""
    from spark_jobs.reporting.html import exploration_page, write

    unfinished, folder = work.folder / "processed.unfinished", work.folder / "processed"
    shutil.rmtree(unfinished, ignore_errors=True)
    raw = work.facts["acquire"]["folder"]
    [dataset] = read_datasets(work.spark, work.settings.dataset, [raw])
    written = write_processed(dataset, unfinished)
    months = by_month([dataset])
    training = merge([dataset], work.settings)
    explored = describe(training, months)
    training.stars.unpersist()
    explored["command"] = shlex.join(["python", "-m", "spark_jobs.explore", "--data", raw])
    write(unfinished / "exploration.json", explored, exploration_page)
    _replace(unfinished, folder)
    tell(told(explored))
    upload = work.settings.pipeline.upload
    if upload:
        s3.upload_folder(folder, upload, last=ABOUT)
    files = [folder / name for name in _names(folder)]
    facts, left_out = training.catalogue, ""
    if written.untitled or explored["repeated"]:
        left_out = f" ({explored['repeated']:,} repeated, {written.untitled:,} without a title)"
    made = (
        f"{facts.ratings:,} ratings by {facts.users:,} people of {facts.items:,} titles"
        f"{left_out} in {folder}{f' and {upload}' if upload else ''}"
    )
    summary = "\n".join([made, *dataset.findings.lines()])
    return Made(summary, files, {"folder": str(folder)})


# --- train ---


def _fitted_with(work: Work) -> Any:
    settings = work.settings
    return {
        "dataset": settings.dataset,
        "noun": settings.noun,
        "seed": settings.seed,
        "ranking": asdict(settings.ranking),
        "rating": asdict(settings.rating),
    }


def _trained_with(work: Work) -> Any:
    """Of the gate, whom it measures on; what it asks of them is for ``publish``."""
    held_out = work.settings.gate.people, work.settings.gate.seed
    return _fitted_with(work), held_out, work.store.place


def fit(work: Work) -> Made:
    """A release, measured on people held out and not promoted."""
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
    pipeline = work.settings.pipeline
    return _fitted_with(work), pipeline.protocols, pipeline.seeds


def measure(work: Work) -> Made:
    """The parameters beside baselines, by the configured protocols."""
    from spark_jobs.reporting.html import evaluation_page, write

    settings, pipeline = work.settings, work.settings.pipeline
    processed = work.facts["process"]["folder"]
    plan = EvaluationPlan(pipeline.protocols, pipeline.seeds)
    report = evaluate(work.spark, [processed], settings, plan)
    given = ["--data", processed, "--protocol", ",".join(plan.protocols)]
    given += ["--seeds", ",".join(map(str, plan.seeds)), *as_options(settings)]
    report["command"] = shlex.join(["python", "-m", "spark_jobs.evaluate", *given])
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
    """Which database, without its password."""
    place = urlsplit(os.environ.get("DATABASE_URL", ""))
    rds = [os.environ.get(f"RDS_{name}") for name in ("HOSTNAME", "PORT", "DB_NAME")]
    where = [place.scheme, place.hostname, place.port, place.path, *rds]
    return where, work.settings.pipeline.import_ratings


def ingest(work: Work) -> Made:
    """The release's titles in the site's database, before it is in service."""
    version = work.facts["train"]["release"]
    _flask(work, "db", "upgrade")
    said = [_flask(work, "sync-catalogue", "--release", version)]
    if work.settings.pipeline.import_ratings:
        raw = str(Path(work.facts["acquire"]["folder"]).absolute())
        said.append(_flask(work, "import-ratings", "--release", version, raw))
    return Made("; ".join(said))


def _flask(work: Work, *command: str) -> str:
    """Run a command of the site, which this tier does not import; gives the last line it says."""
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
    return work.settings.pipeline.publish_to, asdict(work.settings.gate)


def publish(work: Work) -> Made:
    """The release in service, if the gate accepts it beside the one that is there now."""
    version, elsewhere = work.facts["train"]["release"], work.settings.pipeline.publish_to
    release = work.store.read(version)
    target = open_releases(elsewhere) if elsewhere else work.store
    before, sample = promotion_gate.in_service(target), release.parity_sample()
    judged = promotion_gate.judged({}, release, before, sample, work.settings.gate)
    if reasons := judged["gate"]["reasons"]:
        raise NotGoodEnough(
            f"{'; '.join(reasons)}. Promote it all the same: `flask releases promote {version}`"
        )
    if elsewhere:
        assert release.folder
        s3.upload_folder(release.folder, s3.join(target.place, version), last=MANIFEST)
    current = target.promote(version)
    was = current.previous or "none"
    return Made(f"release {current.version} is in service in {target.place} (before: {was})")


STAGES: dict[str, Stage] = {
    "acquire": Stage((), _sources, acquire),
    "process": Stage(("acquire",), _processed_as, process),
    "train": Stage(("process",), _trained_with, fit),
    "evaluate": Stage(("process",), _measured_with, measure),
    "ingest": Stage(("acquire", "train"), _database, ingest),
    "publish": Stage(
        ("train",),
        lambda work: (work.settings.pipeline.publish_to, asdict(work.settings.gate)),
        publish,
    ),
}
