"""From published data to a release in service, in stages that are skipped if up to date."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pyspark.sql import SparkSession

from recommender.storage import s3
from recommender.storage.release_store import ReleaseStore
from recommender.storage.s3_release_store import open_store
from spark_jobs.config.configuration import dataset_of, load_config
from spark_jobs.datasets.read import read_datasets
from spark_jobs.pipeline import __main__ as command
from spark_jobs.pipeline.runner import State
from spark_jobs.pipeline.stages import STAGES
from spark_jobs.pipeline.work import Work
from tests.support.datasets import QUICK, write_two_tastes
from tests.support.publisher import Publisher
from tests.support.steam_files import GAME, MANY, library

pytest_plugins = ["tests.support.fixtures.s3", "tests.support.fixtures.publisher"]

Section = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A folder with a configuration and its outputs."""

    folder: Path

    @property
    def made(self) -> Path:
        return self.folder / "made"

    @property
    def store(self) -> ReleaseStore:
        return ReleaseStore(self.folder / "releases")

    def run(
        self, section: Section, *arguments: str, gate: Section | None = None
    ) -> tuple[int, str]:
        """Run the pipeline with this section; return (exit status, output)."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            status = command.main(self.options(section, *arguments, gate=gate))
        return status, output.getvalue()

    def options(self, section: Section, *arguments: str, gate: Section | None = None) -> list[str]:
        file = self.folder / "pipeline.yaml"
        section = {"folder": str(self.made), **section}
        gate = {"floors": {}, "margins": {}} if gate is None else gate
        file.write_text(yaml.safe_dump({"pipeline": section, "gate": gate}), encoding="utf-8")
        return ["--config", str(file), "--releases", str(self.store.folder), *QUICK, *arguments]

    def state(self) -> dict[str, Any]:
        return json.loads((self.made / "state.json").read_text(encoding="utf-8"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def states(output: str) -> dict[str, str]:
    """The state of each stage in the summary at the end."""
    lines = [
        line for line in output.splitlines() if line.split(" ")[0] in STAGES and " s  " in line
    ]
    lines += [line for line in output.splitlines() if "not run" in line]
    return {line.split()[0]: line[10:21].strip() for line in lines}


def archive(folder: Path) -> bytes:
    """Return a data set as published by GroupLens: a zip with a folder in it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        for file in sorted(folder.iterdir()):
            target.write(file, f"{folder.name}/{file.name}")
    return packed.getvalue()


@pytest.fixture
def tastes(tmp_path: Path) -> Path:
    return write_two_tastes(tmp_path / "tastes")


# --- a whole run ---


@dataclass(frozen=True)
class Whole:
    """A run of every stage on data from a local folder. ``section``: of its configuration."""

    place: Place
    section: Section
    status: int
    output: str
    database: Path


@pytest.fixture(scope="module")
def whole(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    folder = tmp_path_factory.mktemp("whole")
    write_two_tastes(folder / "tastes")
    section = {
        "acquire": [{"from": str(folder / "tastes")}],
        "evaluate": {"protocols": ["A"], "seeds": [0]},
        "ingest": {"ratings": True},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEBUG", "True")
        patch.setenv("SECRET_KEY", "only-for-tests-0123456789")
        patch.setenv("DATABASE_URL", f"sqlite:///{folder / 'site.db'}")
        place = Place(folder)
        status, output = place.run(section)
        yield Whole(place, section, status, output, folder / "site.db")


def test_pipeline_runs_every_stage_and_reports_results(whole: Whole) -> None:
    assert whole.status == 0, whole.output
    assert states(whole.output) == dict.fromkeys(STAGES, "done")
    version = whole.place.store.current().version
    for line in (
        f"2 files, 0.0 MB in {whole.place.folder / 'tastes'}",
        f"400 ratings by 30 people of 20 titles in {whole.place.made / 'processed'}",
        f"release {version} in {whole.place.store.folder}",
        f"in {whole.place.made / 'evaluation.html'}",
        f"20 titles from release {version}; ",
        f"release {version} is in service in {whole.place.store.folder} (before: none)",
    ):
        assert line in whole.output


def test_pipeline_promotes_a_release_with_its_data_and_parameters(whole: Whole) -> None:
    store = whole.place.store
    release = store.read(store.current().version)
    assert store.versions() == [release.version]
    assert release.catalogue.name == "tastes"
    assert (release.catalogue.ratings, release.catalogue.items) == (400, 20)
    assert release.inputs[0]["path"] == str(whole.place.made / "processed")
    assert "RMSE" in release.metrics


def test_pipeline_fills_the_database_before_the_site_starts(whole: Whole) -> None:
    with contextlib.closing(sqlite3.connect(whole.database)) as database:
        titles = database.execute("SELECT count(*) FROM items").fetchone()
        ratings = database.execute("SELECT count(*) FROM ratings").fetchone()
        state = database.execute("SELECT version FROM catalogue_state").fetchone()
    assert (titles[0], ratings[0]) == (20, 400)
    assert state[0] == whole.place.store.current().version


def test_pipeline_writes_report_pages(whole: Whole) -> None:
    for page in ("processed/exploration.html", "evaluation.html"):
        assert "<html" in (whole.place.made / page).read_text(encoding="utf-8")
    measured = json.loads((whole.place.made / "evaluation.json").read_text(encoding="utf-8"))
    assert list(measured["protocols"]) == ["A"]
    assert f"--data {whole.place.made / 'processed'} --protocol A --seeds 0" in measured["command"]


def test_processed_data_equals_the_source(whole: Whole, spark: SparkSession) -> None:
    raw, processed = (
        read_datasets(spark, "movielens", [str(folder)])[0]
        for folder in (whole.place.folder / "tastes", whole.place.made / "processed")
    )
    assert processed.items == raw.items
    assert (processed.name, processed.rows) == (raw.name, raw.rows)
    for ours, theirs in zip(
        processed.ratings.rows.collect(), raw.ratings.rows.collect(), strict=True
    ):
        for one, other in zip(ours, theirs, strict=True):
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)


def test_second_run_is_up_to_date(whole: Whole) -> None:
    before = whole.place.state()
    status, output = whole.place.run(whole.section)
    assert status == 0
    assert states(output) == dict.fromkeys(STAGES, "up to date")
    assert whole.place.state() == before
    assert len(whole.place.store.versions()) == 1


def outdated(whole: Whole, *arguments: str, gate: Section | None = None, **changes: Any) -> str:
    """Return the stages that would run after these changes to the configuration."""
    options = whole.place.options({**whole.section, **changes}, *arguments, gate=gate)
    parsed = command._parser().parse_args(options)
    work = Work(load_config(parsed), open_store(parsed.releases), {})
    state = State(whole.place.made)
    return " ".join(stage for stage in STAGES if not state.is_current(stage, work))


AFTER_PROCESS = "train evaluate ingest publish"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ""),
        (("--seed", "2"), AFTER_PROCESS),
        (("--ranking-alpha", "2"), AFTER_PROCESS),
        (("--rating-rank", "3"), AFTER_PROCESS),
        (("--releases", "elsewhere"), "train ingest publish"),
    ],
    ids=str,
)
def test_changed_parameter_outdates_its_stage_and_later_ones(
    whole: Whole, arguments: tuple[str, ...], expected: str
) -> None:
    assert outdated(whole, *arguments) == expected


def test_changed_stage_setting_outdates_only_that_stage(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outdated(whole, evaluate={"protocols": ["A", "B"]}) == "evaluate"
    assert outdated(whole, evaluate={"protocols": ["A"], "seeds": [1]}) == "evaluate"
    assert outdated(whole, ingest={"ratings": False}) == "ingest"
    assert outdated(whole, publish={"to": "s3://bucket/releases"}) == "publish"
    assert outdated(whole, gate={"floors": {"RMSE": 0.1}, "margins": {}}) == "publish"
    assert outdated(whole, gate={"people": 5}) == "train ingest publish"
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:secret@other/marquee")
    assert outdated(whole) == "ingest"


def test_changed_source_outdates_every_stage(whole: Whole) -> None:
    assert outdated(whole, acquire=[{"from": "https://example.com/a.zip"}]) == " ".join(STAGES)


@contextlib.contextmanager
def put_aside(file: Path) -> Iterator[None]:
    file.rename(file.with_name("aside"))
    try:
        yield
    finally:
        file.with_name("aside").rename(file)


def test_missing_or_changed_outputs_are_made_again(whole: Whole) -> None:
    version = whole.place.store.current().version
    parts = sorted((whole.place.made / "processed" / "ratings").iterdir())
    with put_aside(whole.place.store.folder / version / "release.json"):
        assert outdated(whole) == "train ingest publish"
    with put_aside(parts[0]):
        assert outdated(whole) == f"process {AFTER_PROCESS}"
    page = whole.place.made / "evaluation.html"
    before = page.read_bytes()
    page.write_bytes(before + b" ")
    assert outdated(whole) == "evaluate"
    page.write_bytes(before)
    assert outdated(whole) == ""


def test_changed_source_data_outdates_every_stage(whole: Whole) -> None:
    ratings = whole.place.folder / "tastes" / "ratings.csv"
    before = ratings.read_text(encoding="utf-8")
    ratings.write_text(before + "31,1,4.0,99\n", encoding="utf-8")
    assert outdated(whole) == " ".join(STAGES)
    ratings.write_text(before, encoding="utf-8")
    links = ratings.with_name("links.csv")
    links.write_text("movieId,imdbId,tmdbId\n", encoding="utf-8")
    assert outdated(whole) == " ".join(STAGES)
    links.unlink()
    assert outdated(whole) == ""


def test_release_rejected_by_the_gate_is_not_published(whole: Whole) -> None:
    version = whole.place.store.current().version
    (whole.place.store.folder / "current.json").rename(whole.place.folder / "aside.json")
    gate = {"floors": {"RMSE": 0.0}, "margins": {}}
    status, output = whole.place.run(whole.section, gate=gate)
    assert status == 3
    assert states(output) == {**dict.fromkeys(STAGES, "up to date"), "publish": "refused"}
    assert "is above its floor of 0" in output
    assert f"`flask releases promote {version} --force`" in output
    assert not (whole.place.store.folder / "current.json").exists()
    (whole.place.folder / "aside.json").rename(whole.place.store.folder / "current.json")


def test_single_stage_runs_and_repeats_with_again(whole: Whole) -> None:
    for arguments, state in (((), "up to date"), (("--again",), "done")):
        status, output = whole.place.run(whole.section, "--stage", "evaluate", *arguments)
        assert (status, states(output)) == (0, {"evaluate": state})
    assert outdated(whole) == ""  # no stage reads the output of evaluate


def test_repeated_stage_outdates_its_dependents(
    place: Place, tastes: Path, spark: SparkSession
) -> None:
    section = {"acquire": [{"from": str(tastes)}]}
    assert place.run(section, "--stage", "acquire,process")[0] == 0
    assert place.run(section, "--stage", "acquire", "--again")[0] == 0
    status, output = place.run(section, "--stage", "acquire,process")
    assert (status, states(output)) == (0, {"acquire": "up to date", "process": "done"})


def test_single_stage_names_the_stages_to_run_before(whole: Whole) -> None:
    other = {**whole.section, "acquire": [{"from": str(whole.place.made / "processed")}]}
    for stage, missing in (
        ("process", "acquire"),
        ("evaluate", "acquire,process"),
        ("publish", "acquire,process,train"),
    ):
        status, output = whole.place.run(other, "--stage", stage)
        assert (status, states(output)) == (2, {stage: "failed"})
        assert f"{stage} needs what acquire makes" in output
        assert f"run --stage {missing} first" in output


def test_publish_uploads_an_accepted_release_to_s3(
    whole: Whole, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, state = whole.place.folder / "cache", whole.place.made / "state.json"
    before = state.read_bytes()
    monkeypatch.setenv("RELEASE_CACHE", str(cache))
    section = {**whole.section, "publish": {"to": f"{bucket}/releases"}}
    status, output = whole.place.run(section, "--stage", "publish")
    assert (status, states(output)) == (0, {"publish": "done"}), output
    store = open_store(f"{bucket}/releases", str(cache))
    version = whole.place.store.current().version
    assert store.current().version == version
    assert store.read(version).catalogue.ratings == 400
    state.write_bytes(before)


# --- acquire ---


def acquire(place: Place, *sources: Section) -> tuple[int, str]:
    return place.run({"acquire": list(sources)}, "--stage", "acquire")


def test_acquire_downloads_verifies_and_unpacks_an_archive(
    place: Place, publisher: Publisher, tastes: Path
) -> None:
    content = archive(tastes)
    address = publisher.publish("ml.zip", content)
    checksums = {
        "sha256": hashlib.sha256(content).hexdigest().upper(),
        "md5": hashlib.md5(content).hexdigest(),
    }
    status, output = acquire(place, {"from": address, **checksums})
    assert (status, states(output)) == (0, {"acquire": "done"})
    raw = place.made / "raw"
    assert f"2 files, 0.0 MB in {raw / 'made' / 'tastes'}" in output
    for name in ("ratings.csv", "movies.csv"):
        assert (raw / "made" / "tastes" / name).read_bytes() == (tastes / name).read_bytes()
    assert {path.name for path in place.made.iterdir()} == {".lock", "raw", "state.json"}


def test_acquire_downloads_once_and_repeats_with_again(
    place: Place, publisher: Publisher, tastes: Path
) -> None:
    section = {"acquire": [{"from": publisher.publish("ml.zip", archive(tastes))}]}
    for arguments, state, times in (
        ((), "done", 1),
        ((), "up to date", 1),
        (("--again",), "done", 2),
    ):
        status, output = place.run(section, "--stage", "acquire", *arguments)
        assert (status, states(output)) == (0, {"acquire": state})
        assert len(publisher.asked) == times


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_acquire_stops_and_keeps_earlier_files_when_checksum_is_wrong(
    place: Place, publisher: Publisher, tastes: Path, kind: str
) -> None:
    address = publisher.publish("ml.zip", archive(tastes))
    assert acquire(place, {"from": address})[0] == 0
    wrong = "0" * (64 if kind == "sha256" else 32)
    section = {"acquire": [{"from": address, kind: wrong}]}
    status, output = place.run(section, "--stage", "acquire,process")
    assert status == 2
    assert states(output) == {"acquire": "failed", "process": "not run"}
    assert f"{address}: its {kind} is " in output
    assert f"not {wrong}; try again, or correct the configuration" in output
    assert (place.made / "raw" / "made" / "tastes" / "ratings.csv").is_file()
    assert not [path for path in (place.made / "downloads").rglob("*") if path.is_file()]


def test_acquire_resumes_after_an_interruption(
    place: Place, publisher: Publisher, tastes: Path
) -> None:
    content = archive(tastes)
    source = {
        "from": publisher.publish("ml.zip", content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    publisher.breaks = [500, 0]
    status, output = acquire(place, source)
    assert (status, states(output)) == (2, {"acquire": "failed"})
    assert f"cannot be downloaded (it broke off after 500 of {len(content):,} bytes)" in output
    publisher.asked.clear()
    assert acquire(place, source)[0] == 0
    assert publisher.asked == [("/ml.zip", "bytes=500-")]


def test_acquire_distinguishes_files_of_the_same_name_from_two_urls(
    place: Place, publisher: Publisher
) -> None:
    old = publisher.publish("old/ratings.csv", b"old")
    assert acquire(place, {"from": old}, {"from": old.replace("ratings", "missing")})[0] == 2
    assert acquire(place, {"from": publisher.publish("new/ratings.csv", b"new")})[0] == 0
    assert (place.made / "raw" / "made" / "ratings.csv").read_bytes() == b"new"


def test_acquire_accepts_several_files_packed_or_plain(
    place: Place, publisher: Publisher, tastes: Path
) -> None:
    packed = gzip.compress((tastes / "ratings.csv").read_bytes())
    titles = (tastes / "movies.csv").read_bytes()
    status, output = acquire(
        place,
        {"from": publisher.publish("ratings.csv.gz", packed)},
        {"from": publisher.publish("movies.csv", titles)},
    )
    assert status == 0, output
    raw = place.made / "raw" / "made"
    assert (raw / "ratings.csv").read_bytes() == (tastes / "ratings.csv").read_bytes()
    assert (raw / "movies.csv").read_bytes() == titles


def test_acquire_reads_a_local_folder_in_place_and_unpacks_a_local_file(
    place: Place, tastes: Path
) -> None:
    assert f"2 files, 0.0 MB in {tastes}" in acquire(place, {"from": str(tastes)})[1]
    assert not (place.made / "raw").exists()
    file = place.folder / "ml.zip"
    file.write_bytes(archive(tastes))
    assert f"in {place.made / 'raw' / 'made' / 'tastes'}" in acquire(place, {"from": str(file)})[1]
    assert states(acquire(place, {"from": str(file)})[1]) == {"acquire": "up to date"}
    write_two_tastes(tastes, people=31)
    file.write_bytes(archive(tastes))
    assert states(acquire(place, {"from": str(file)})[1]) == {"acquire": "done"}
    assert file.exists()


def test_acquire_accepts_the_built_in_sample(place: Place) -> None:
    status, output = acquire(place, {"from": "sample"})
    assert status == 0, output
    assert (place.made / "raw" / "made" / "sample" / "dataset.json").is_file()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda p: p.publish("a.zip", b"<html>Moved</html>"), "a.zip cannot be unpacked: File is"),
        (lambda p: p.publish("a", b"").replace("/a", "/b.zip"), "cannot be downloaded (Not Found)"),
        (lambda p: "http://127.0.0.1:1/a.zip", "Connection refused"),
        (lambda p: "/nowhere/a.zip", "/nowhere/a.zip: no such file or folder"),
    ],
    ids=["a web page", "not found", "nobody there", "no file"],
)
def test_acquire_prints_a_one_line_error_when_source_is_invalid(
    place: Place, publisher: Publisher, make: Any, expected: str
) -> None:
    status, output = acquire(place, {"from": make(publisher)})
    assert (status, states(output)) == (2, {"acquire": "failed"})
    assert expected in output
    assert "Traceback" not in output


def test_pipeline_reads_from_s3_and_uploads_processed_data(
    place: Place, tastes: Path, bucket: str, spark: SparkSession
) -> None:
    s3.upload_folder(tastes, f"{bucket}/raw/tastes", last="movies.csv")
    section = {
        "acquire": [{"from": f"{bucket}/raw/tastes"}],
        "process": {"upload": f"{bucket}/processed/tastes"},
    }
    status, output = place.run(section, "--stage", "acquire,process")
    assert (status, states(output)) == (0, {"acquire": "done", "process": "done"}), output
    there = s3.listing(f"{bucket}/processed/tastes")
    assert {"processed.json", "items.jsonl.gz", "exploration.html"} <= set(there)
    read_back = replace(place, folder=place.folder / "other")
    read_back.folder.mkdir()
    section = {"acquire": [{"from": f"{bucket}/processed/tastes"}]}
    status, output = read_back.run(section, "--stage", "acquire,process")
    assert status == 0, output
    assert "400 ratings by 30 people of 20 titles" in output


def test_acquire_downloads_an_archive_from_s3(place: Place, tastes: Path, bucket: str) -> None:
    (place.folder / "ml.zip").write_bytes(archive(tastes))
    s3.upload(place.folder / "ml.zip", f"{bucket}/ml.zip")
    checksum = hashlib.sha256(archive(tastes)).hexdigest()
    status, output = acquire(place, {"from": f"{bucket}/ml.zip", "sha256": checksum})
    assert status == 0, output
    assert (place.made / "raw" / "made" / "tastes" / "ratings.csv").is_file()
    status, output = acquire(place, {"from": f"{bucket}/nothing"})
    assert status == 2
    assert "there is nothing" in output


# --- process, ingest, and errors ---


def test_process_names_bad_input_and_keeps_the_earlier_result(
    place: Place, tastes: Path, spark: SparkSession
) -> None:
    section = {"acquire": [{"from": str(tastes)}]}
    assert place.run(section, "--stage", "acquire,process")[0] == 0
    before = (place.made / "processed" / "processed.json").read_bytes()
    with (tastes / "ratings.csv").open("a") as ratings:
        ratings.write("1,1,five,0\n")
    status, output = place.run(section)
    assert status == 2
    later = dict.fromkeys(list(STAGES)[2:], "not run")
    assert states(output) == {"acquire": "done", "process": "failed", **later}
    assert f"{tastes}/ratings.csv, line 402: the rating is not a number" in output
    assert (place.made / "processed" / "processed.json").read_bytes() == before


def test_pipeline_processes_games_and_summarises_rejected_lines(
    place: Place, publisher: Publisher, spark: SparkSession
) -> None:
    files = {
        "users_items.json.gz": ["not a literal", library("eve", _400=90), *MANY],
        "steam_games.json.gz": [repr(GAME)],
    }
    sources = [
        {"from": publisher.publish(name, gzip.compress("\n".join(lines).encode()))}
        for name, lines in files.items()
    ]
    arguments = ("--stage", "acquire,process", "--dataset", "steam")
    for state in ("done", "up to date"):
        status, output = place.run({"acquire": sources}, *arguments)
        assert (status, states(output)) == (0, {"acquire": state, "process": state}), output
        assert f"301 ratings by 301 people of 1 titles in {place.made / 'processed'}" in output
        assert "\n            1 lines that cannot be read: line 1: not a Python literal" in output
    processed = str(place.made / "processed")
    assert dataset_of([processed]) == "steam"
    [dataset] = read_datasets(spark, "steam", [processed])
    assert (dataset.feedback, dataset.rows) == ("implicit", 301)
    assert dataset.findings.counts == {"lines that cannot be read": 1}
    assert dataset.ratings.rows.first().values[0] in (1.0, 1.5)


def test_process_skips_and_counts_ratings_of_unlisted_items(
    place: Place, tastes: Path, spark: SparkSession
) -> None:
    with (tastes / "ratings.csv").open("a") as ratings:
        ratings.write("1,99,5.0,0\n1,3,4.0,999999\n")
    status, output = place.run({"acquire": [{"from": str(tastes)}]}, "--stage", "acquire,process")
    assert status == 0, output
    assert "400 ratings by 30 people of 20 titles (1 repeated, 1 without a title)" in output


def test_truncated_processed_data_is_rejected(
    place: Place, tastes: Path, spark: SparkSession
) -> None:
    assert place.run({"acquire": [{"from": str(tastes)}]}, "--stage", "acquire,process")[0] == 0
    part = next((place.made / "processed" / "ratings").iterdir())
    part.write_bytes(part.read_bytes()[:100])
    section = {"acquire": [{"from": str(place.made / "processed")}], "folder": f"{place.made}-2"}
    status, output = place.run(section, "--stage", "acquire,process")
    assert status == 2
    assert f"{part}: cannot be read" in output
    assert "run the pipeline's stage `process` again" in output


def test_ingest_reports_the_error_of_flask_when_the_site_is_not_set_up(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "short")
    status, output = whole.place.run(whole.section, "--stage", "ingest", "--again")
    assert (status, states(output)) == (2, {"ingest": "failed"})
    assert "`flask db upgrade` failed: " in output
    assert "SECRET_KEY: too easy to guess" in output


def test_second_run_in_the_same_folder_is_rejected(place: Place, tastes: Path) -> None:
    section = {"acquire": [{"from": str(tastes)}]}
    place.made.mkdir()
    with (place.made / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, output = place.run(section, "--stage", "acquire")
    assert status == 2
    assert output == f"error: {place.made}: another run is at work there; wait for its end\n"
    assert place.run(section, "--stage", "acquire")[0] == 0


def test_pipeline_prints_a_one_line_error_when_configuration_is_invalid(
    place: Place, tastes: Path
) -> None:
    section = {"acquire": [{"from": str(tastes)}]}
    place.run(section, "--stage", "acquire")
    for changed, arguments, expected in (
        ({}, ("--stage", "serve"), "--stage: 'serve' is none of acquire, process, train,"),
        ({"folder": str(tastes / "movies.csv")}, (), "cannot be written (File exists)"),
        ({"folder": ""}, (), "pipeline: folder must be text that is not blank"),
    ):
        status, output = place.run({**section, **changed}, *arguments)
        assert status == 2
        assert output.startswith("error: ")
        assert output.count("\n") == 1
        assert expected in output
    (place.made / "state.json").write_text("{")
    status, output = place.run(section)
    assert status == 2
    assert "state.json: cannot be read" in output
    assert "remove it, and every stage runs again" in output


def test_pipeline_reads_the_earlier_state_when_killed_while_writing(
    place: Place, tastes: Path
) -> None:
    section = {"acquire": [{"from": str(tastes)}]}
    place.run(section, "--stage", "acquire")
    (place.made / ".state.json.1.unfinished").write_text('{"acqu')
    status, output = place.run(section, "--stage", "acquire")
    assert (status, states(output)) == (0, {"acquire": "up to date"})
