"""Data sets to S3 and back, every file checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from recommender.errors import DataError, StorageError
from recommender.storage import s3
from spark_jobs.datasets import transfer
from tests.support.aws import FaultProxy

pytest_plugins = ["tests.support.fixtures.s3"]

FILES = {"ratings.csv": "userId,movieId\n1,2\n", "movies.csv": "", "extra/tags.csv": "ä"}


def write_files(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return folder


@pytest.fixture
def uploaded(bucket: str, tmp_path: Path) -> str:
    """The URL of a small uploaded data set."""
    transfer.upload(write_files(tmp_path / "data", FILES), f"{bucket}/data/ml")
    return f"{bucket}/data/ml"


def put(address: str, content: bytes) -> None:
    bucket, key = s3.split(address)
    s3.client().put_object(Bucket=bucket, Key=key, Body=content)


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_transfer_command_uploads_and_downloads_a_data_set(
    bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, place = write_files(tmp_path / "data", FILES), f"{bucket}/ml"
    assert transfer.main([str(data), place]) == 0
    assert capsys.readouterr().out == f"3 files of {data} are in {place}, whole.\n"
    assert transfer.main([place, str(tmp_path / "again")]) == 0
    assert contents(tmp_path / "again") == contents(data) == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "data"]


def test_upload_sends_the_checksums_last(uploaded: str, proxy: FaultProxy) -> None:
    puts = [path.split("/ml/")[1] for method, path, _ in proxy.seen if method == "PUT"]
    assert puts == ["extra/tags.csv", "movies.csv", "ratings.csv", "SHA256SUMS"]


def test_download_rejects_files_that_differ_from_the_checksums(
    uploaded: str, tmp_path: Path
) -> None:
    for name, content in (("ratings.csv", b"1,3\n"), ("new.csv", b"")):
        put(f"{uploaded}/{name}", content)
        with pytest.raises(DataError, match=rf"{uploaded}/{name}: is not what SHA256SUMS says"):
            transfer.download(uploaded, tmp_path / "again")
        put(f"{uploaded}/ratings.csv", FILES["ratings.csv"].encode())
        assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("sums", [b"x\n", b"\xff  a\n"])
def test_download_names_checksums_that_cannot_be_read(
    uploaded: str, tmp_path: Path, sums: bytes
) -> None:
    put(f"{uploaded}/SHA256SUMS", sums)
    with pytest.raises(DataError, match=r"SHA256SUMS: cannot be read"):
        transfer.download(uploaded, tmp_path / "again")


def test_download_rejects_an_unfinished_upload(bucket: str, tmp_path: Path) -> None:
    put(f"{bucket}/ml/ratings.csv", b"")
    with pytest.raises(DataError, match=r"has no SHA256SUMS; upload the data set again"):
        transfer.download(f"{bucket}/ml", tmp_path / "again")


def test_download_resumes_after_an_interruption(
    uploaded: str, proxy: FaultProxy, tmp_path: Path
) -> None:
    proxy.fault = lambda method, path: "error" if path.endswith("/ratings.csv") else ""
    with pytest.raises(StorageError):
        transfer.download(uploaded, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    proxy.fault = lambda *_: ""
    proxy.seen.clear()
    transfer.download(uploaded, tmp_path / "again")
    assert contents(tmp_path / "again") == FILES
    gets = [path for method, path, _ in proxy.seen if method == "GET" and "list-type" not in path]
    assert [path.split("/ml/")[1] for path in gets] == ["ratings.csv"]


@pytest.mark.parametrize(
    ("source", "destination", "output"),
    [
        ("here", "there", "give a folder and a place in S3"),
        ("s3://bucket/a", "s3://bucket/b", "give a folder and a place in S3"),
        ("empty", "s3://bucket/a", "holds no files"),
        ("nowhere", "s3://bucket/a", "holds no files"),
        ("s3://bucket/a", "empty", "exists; remove it, or name another folder"),
        ("full", "s3://b/a", "is not an S3 URL"),
    ],
)
def test_transfer_command_prints_a_one_line_error(
    source: str,
    destination: str,
    output: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    write_files(Path("full"), FILES)
    assert transfer.main([source, destination]) == 2
    error = capsys.readouterr().err
    assert output in error
    assert error.count("\n") == 1
