"""What the jobs check before Spark starts, and the help of each."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from docs.generated import job_parsers
from recommender.errors import ConfigError, DataError
from recommender.model import Model
from recommender.storage.release_store import ReleaseStore
from spark_jobs import evaluate, explore, recommend, train, tune
from spark_jobs.command import check_folders
from spark_jobs.config.configuration import Config
from spark_jobs.config.pipeline import Pipeline, Source
from spark_jobs.output_folder import OutputFolder
from spark_jobs.pipeline.acquire import acquire
from spark_jobs.pipeline.work import Work
from tests.support.datasets import write_files
from tests.support.releases import tiny_games_release, tiny_release

JOBS = {
    "evaluate": (evaluate, ()),
    "explore": (explore, ()),
    "recommend": (recommend, ("--out", "best")),
    "train": (train, ()),
    "tune": (tune, ()),
}


@pytest.fixture
def no_spark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Any start of Spark fails."""
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    monkeypatch.chdir(tmp_path)
    for job, _ in JOBS.values():
        monkeypatch.setattr(job, "build_session", lambda name: pytest.fail("Spark was started"))


@pytest.mark.parametrize("job", job_parsers())
def test_help_begins_with_two_examples_that_the_job_accepts(job: str) -> None:
    parser = job_parsers()[job]
    first, *examples = parser.format_help().split("\n\n")[0].splitlines()
    assert first == "examples:"
    assert len(examples) == 2
    for example in examples:
        python, option, module, *arguments = shlex.split(example)
        assert (python, option, module) == ("python", "-m", job)
        parser.parse_args(arguments)


@pytest.mark.usefixtures("no_spark")
@pytest.mark.parametrize("job", JOBS)
def test_job_rejects_a_missing_folder_before_spark_starts(
    capsys: pytest.CaptureFixture[str], job: str
) -> None:
    module, options = JOBS[job]
    assert module.main(["--data", "ml-25n", *options]) == 2
    expected = "error: ml-25n: no such folder; give one that holds a ratings data set\n"
    assert capsys.readouterr().err == expected


@pytest.mark.usefixtures("no_spark")
def test_train_rejects_missing_exported_ratings_before_spark_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(["--data", str(tmp_path), "--ratings", "exprted"]) == 2
    assert "error: exprted: no such folder" in capsys.readouterr().err


def test_check_folders_ignores_addresses_and_the_folders_of_a_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check_folders(["s3://bucket/ml", "hdfs:///ml", "file:/nowhere"])
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    check_folders(["/nowhere"])


def test_check_folders_rejects_a_file(tmp_path: Path) -> None:
    write_files(tmp_path, {"ratings.csv": "userId"})
    with pytest.raises(DataError, match="is a file; give the folder"):
        check_folders([str(tmp_path / "ratings.csv")])


@pytest.mark.usefixtures("no_spark")
def test_recommend_rejects_an_existing_folder_before_spark_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path / "best", {"_SUCCESS": ""})
    assert recommend.main(["--data", str(tmp_path), "--out", "best"]) == 2
    assert "--out best: exists; give a new folder, or --overwrite" in capsys.readouterr().err


def test_acquire_rejects_a_missing_local_file_before_it_downloads_others(tmp_path: Path) -> None:
    sources = (Source("http://127.0.0.1:1/a.gz"), Source("/nowhere/b.gz"))
    settings = Config(pipeline=Pipeline(folder=str(tmp_path), acquire=sources))
    with pytest.raises(DataError, match=r"^/nowhere/b\.gz: no such file or folder"):
        acquire(Work(settings, ReleaseStore(tmp_path), {}))


def test_output_folder_checks_a_folder_with_a_colon_in_its_name(tmp_path: Path) -> None:
    write_files(tmp_path / "2026:12", {"_SUCCESS": ""})
    with pytest.raises(ConfigError, match="exists; give a new folder"):
        OutputFolder(str(tmp_path / "2026:12"), overwrite=False)


def test_output_folder_checks_an_address_only_with_spark() -> None:
    OutputFolder("s3://bucket/best", overwrite=False)


def test_output_folder_accepts_what_a_job_wrote_when_overwriting(tmp_path: Path) -> None:
    write_files(tmp_path / "best", {"_SUCCESS": "", "part-0.parquet": "", ".part-0.crc": ""})
    OutputFolder(str(tmp_path / "best"), overwrite=True)


@pytest.mark.parametrize("file", ["notes.txt", ".bashrc"])
def test_output_folder_rejects_a_folder_of_other_files_when_overwriting(
    tmp_path: Path, file: str
) -> None:
    write_files(tmp_path / "best", {"_SUCCESS": "", file: "mine"})
    with pytest.raises(ConfigError, match=f"is not a folder that this job wrote .it holds {file}"):
        OutputFolder(str(tmp_path / "best"), overwrite=True)


def test_output_folder_rejects_a_file_when_overwriting(tmp_path: Path) -> None:
    write_files(tmp_path, {"best": "mine"})
    with pytest.raises(ConfigError, match="is not a folder that this job wrote"):
        OutputFolder(str(tmp_path / "best"), overwrite=True)


def test_recommendations_have_a_movie_id_only_in_a_catalogue_of_films() -> None:
    films, games = (recommend.schema(Model(made())) for made in (tiny_release, tiny_games_release))
    assert films.endswith("item_id: bigint, movie_id: bigint, title: string, score: double>>")
    assert games.endswith("item_id: bigint, title: string, score: double>>")
    assert "movie_id" not in games
