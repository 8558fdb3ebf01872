"""Retraining on a schedule: export → train → gate → promote, and its schedulers."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from botocore.session import Session as BotoSession
from botocore.stub import Stubber
from flask import Flask
from flask.testing import FlaskClient

from recommender.storage import s3
from recommender.storage.release_store import ReleaseStore
from spark_jobs.datasets import transfer
from spark_jobs.datasets.read import read_datasets
from tests.support.datasets import QUICK, RATINGS_HEADER, write_two_tastes
from tests.support.site import ROOT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytest_plugins = ["tests.support.fixtures.s3"]

SCRIPTS = ROOT / "deploy" / "retrain"
SHOWN = "printf %s\\n"  # in place of the job: prints the arguments of the job


@pytest.fixture
def settings(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Settings as under cron, with the environment of the tests as the active one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ours = {"LOCK": str(tmp_path / "lock"), "DATA": str(tmp_path / "ml")}
    return {**os.environ, **environ, **ours, "PATH": path, "VIRTUAL_ENV": sys.prefix}


def retrain(settings: Mapping[str, str], *step: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", SCRIPTS / "retrain.sh", *step],
        env=dict(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


def test_retrain_uses_new_ratings(
    app: Flask, ann: FlaskClient, store: ReleaseStore, settings: dict[str, str], tmp_path: Path
) -> None:
    people = store.read(store.current().version).catalogue.max_user_id
    data = write_two_tastes(tmp_path / "ml", people)
    # The title that Ann has rated, as the release in service has it.
    titles = (data / "movies.csv").read_text().replace("Film 1 (2000)", "Space Station (1979)")
    (data / "movies.csv").write_text(titles)
    rows = len((data / "ratings.csv").read_text().splitlines()) - 1
    assert ann.post("/title/1/rating", data={"rating": "4.5"}).status_code < 400
    old = store.current().version
    gate = tmp_path / "gate.yaml"
    gate.write_text("gate: {floors: {}, margins: {}}\n")

    done = retrain({**settings, "OPTIONS": " ".join(("--config", str(gate), *QUICK))})
    assert done.returncode == 0, done.stdout + done.stderr
    new = store.read(store.current().version)
    assert new.version != old
    assert new.metrics
    assert ann.get("/").headers["X-Model-Version"] == new.version
    # Ratings of the data set, and Ann's.
    assert (new.catalogue.ratings, new.catalogue.users) == (rows + 1, people + 1)
    assert [read["rows"] for read in new.inputs] == [rows, 1]
    # No exported ratings remain.
    assert not Path(new.inputs[1]["path"]).exists()


def test_retrain_returns_the_status_of_a_job_that_the_gate_refused(
    app: Flask, settings: dict[str, str]
) -> None:
    # In place of the job, which exits so: test_promotion_gate.py.
    refused = retrain({**settings, "TRAIN": "python -c __import__('sys').exit(3)"})
    assert refused.returncode == 3
    assert "retrain: status 3; the release in service stays" in refused.stderr


def test_retrain_passes_data_ratings_and_options_to_the_job(
    app: Flask, settings: dict[str, str]
) -> None:
    given = {"DATA": "one two", "TRAIN": SHOWN, "OPTIONS": "--warm-start --seed 3"}
    done = retrain({**settings, **given})
    assert done.returncode == 0, done.stderr
    _exported, *words = done.stdout.splitlines()
    assert words[0] == "--ratings"
    assert words[2:] == ["--data", "one", "--data", "two", "--warm-start", "--seed", "3"]


def test_retrain_exports_to_and_trains_from_s3(
    app: Flask, bucket: str, settings: dict[str, str], tmp_path: Path
) -> None:
    settings |= {name: os.environ[name] for name in os.environ if name.startswith("AWS_")}
    settings |= {"RATINGS": f"{bucket}/ratings", "TRAIN": SHOWN}
    exported = retrain(settings, "export")
    assert exported.returncode == 0, exported.stderr
    assert s3.listing(f"{bucket}/ratings") == {"ratings.csv": len(RATINGS_HEADER)}
    trained = retrain(settings, "train")
    expected = ["--ratings", f"{bucket}/ratings", "--data", str(tmp_path / "ml")]
    assert trained.stdout.splitlines() == expected


def test_retrain_exits_when_another_run_holds_the_lock(settings: dict[str, str]) -> None:
    with Path(settings["LOCK"]).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = retrain({**settings, "TRAIN": SHOWN})
    assert (second.returncode, second.stdout) == (75, "")
    assert second.stderr == "retrain: another run has not ended; nothing was done\n"


def test_retrain_appends_to_a_log_in_a_folder_that_it_makes(
    settings: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "new" / "folder" / "retrain.log"
    given = {**settings, "RATINGS": str(tmp_path), "TRAIN": SHOWN, "LOG": str(log)}
    for _ in range(2):
        done = retrain(given, "train")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert log.read_text().splitlines().count("--ratings") == 2
    (tmp_path / "file").touch()
    done = retrain({**given, "LOG": str(tmp_path / "file" / "retrain.log")}, "train")
    assert done.returncode == 2
    assert "cannot be written; name another file" in done.stderr


def test_retrain_names_missing_settings(settings: dict[str, str]) -> None:
    del settings["DATA"]
    for step, printed in (
        ([], "DATA names the folders of the data set"),
        (["export"], "RATINGS names the place between export and train"),
        (["trian"], "no such step: trian; leave it out, or say export or train"),
    ):
        done = retrain(settings, *step)
        assert (done.returncode, done.stderr) == (2, f"error: {printed}\n")


def test_retrain_does_not_train_when_the_export_failed(settings: dict[str, str]) -> None:
    done = retrain({**settings, "TRAIN": SHOWN})
    assert (done.returncode, done.stdout) == (1, "")
    assert "no release has been promoted yet" in done.stderr


def test_train_reads_data_and_ratings_from_s3_on_one_machine(
    spark: SparkSession, bucket: str, tmp_path: Path
) -> None:
    transfer.upload(write_two_tastes(tmp_path / "ml"), f"{bucket}/data/ml")
    given = tmp_path / "ratings.csv"
    given.write_text(f"{RATINGS_HEADER}31,1,4.5,1\n")
    s3.upload(given, f"{bucket}/ratings/ratings.csv")
    places = f"{bucket}/data/ml", f"{bucket}/ratings"
    data, ratings = read_datasets(spark, "movielens", places[:1], places[1:])
    assert (data.rows, data.name, ratings.rows) == (400, "ml", 1)
    # The release names the source, not the temporary copies.
    assert (data.path, ratings.path) == places


@pytest.fixture
def emr() -> Iterator[tuple[ModuleType, Any, Stubber]]:
    """The script, and a client that validates requests like boto3 and returns stubbed responses."""
    spec = importlib.util.spec_from_file_location("emr_serverless", SCRIPTS / "emr_serverless.py")
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    client = BotoSession().create_client(
        "emr-serverless",
        region_name="eu-central-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    with Stubber(client) as answers:
        yield script, client, answers


EMR = (
    *("--application", "00abc", "--role", "arn:aws:iam::123456789012:role/training"),
    *("--code", "s3://ours/code", "--logs", "s3://ours/logs", "--"),
    *("--data", "s3://ours/data/ml", "--releases", "s3://ours/releases"),
)


@pytest.mark.parametrize(("end", "status"), [("SUCCESS", 0), ("FAILED", 3), ("CANCELLED", 3)])
def test_emr_script_starts_a_job_and_waits(
    emr: tuple[ModuleType, Any, Stubber],
    end: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script, client, answers = emr
    asked = script.request(script._parser().parse_args(EMR))
    run = {"applicationId": "00abc", "jobRunId": "00run"}
    service = "arn:aws:emr-serverless:eu-central-1:123456789012"
    output = {**run, "arn": f"{service}:/applications/00abc/jobruns/00run"}
    answers.add_response("start_job_run", output, asked)
    about = {
        **output,
        "createdBy": "arn:aws:iam::123456789012:user/cron",
        "createdAt": 0,
        "updatedAt": 0,
        "executionRole": asked["executionRoleArn"],
        "releaseLabel": "emr-7.9.0",
        "jobDriver": asked["jobDriver"],
    }
    for state in ("PENDING", "RUNNING", end):
        job = {**about, "state": state, "stateDetails": f"it is {state}"}
        answers.add_response("get_job_run", {"jobRun": job}, run)
    monkeypatch.setattr(script, "POLL_SECONDS", 0)
    monkeypatch.setattr(script.Session, "client", lambda *_: client)
    assert script.main(EMR) == status
    assert capsys.readouterr().out == f"Job 00run ended as {end}: it is {end}\n"
    answers.assert_no_pending_responses()
    submit = asked["jobDriver"]["sparkSubmit"]
    assert submit["entryPoint"] == "s3://ours/code/train.py"
    assert submit["entryPointArguments"] == list(EMR[9:])
    settings = dict(pair.split("=", 1) for pair in submit["sparkSubmitParameters"].split(" ")[1::2])
    # The interpreter is in the folder into which the archive is unpacked.
    archive = settings["spark.archives"]
    assert archive == "s3://ours/code/environment.tar.gz#environment"
    for name in ("executorEnv", "emr-serverless.driverEnv"):
        assert settings[f"spark.{name}.PYSPARK_PYTHON"] == "./environment/bin/python"


def test_emr_script_prints_the_error_when_the_job_cannot_start(
    emr: tuple[ModuleType, Any, Stubber],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script, client, answers = emr
    answers.add_client_error("start_job_run", "ResourceNotFoundException", "no application 00abc")
    monkeypatch.setattr(script.Session, "client", lambda *_: client)
    assert script.main(EMR) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert "no application 00abc" in printed


def test_airflow_example_runs_the_steps_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Airflow is not installed here: a substitute records the calls."""
    made: list[dict[str, Any]] = []
    order: list[tuple[str, str]] = []

    class Recorded:
        def __init__(self, **given: Any) -> None:
            self.given = given
            made.append(given)

        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...
        def __rshift__(self, other: Recorded) -> None:
            order.append((self.given["task_id"], other.given["task_id"]))

    for name, attribute in (
        ("airflow.providers.standard.operators.bash", "BashOperator"),
        ("airflow.sdk", "DAG"),
    ):
        module = ModuleType(name)
        setattr(module, attribute, Recorded)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "airflow", ModuleType("airflow"))
    monkeypatch.setenv("MARQUEE_HOME", str(ROOT))
    runpy.run_path(str(SCRIPTS / "airflow_dag.py"))
    dag, *steps = made
    assert dag["max_active_runs"] == 1
    assert order == [("export", "train")]
    for step in steps:
        script, word = step["bash_command"].split()
        assert os.access(script, os.X_OK)
        assert word == step["task_id"]
        assert step["skip_on_exit_code"] == 3
    documented = (SCRIPTS / "retrain.sh").read_text()
    assert all(f"# {name} " in documented for name in dag["default_args"]["env"])
