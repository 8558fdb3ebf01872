"""Objects in S3, against moto's server over real HTTP, and against one that fails."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from recommender.errors import ConfigError, NotStored, SetupError, StorageError
from recommender.storage import s3
from tests.support.aws import FaultProxy
from tests.support.site import ROOT

pytest_plugins = ["tests.support.fixtures.s3"]


def stored(address: str) -> bytes:
    bucket, key = s3.split(address)
    return bytes(s3.client().get_object(Bucket=bucket, Key=key)["Body"].read())


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://my-bucket.eu/a/b", ("my-bucket.eu", "a/b")),
        ("s3://bucket/a/b/", ("bucket", "a/b")),
        ("s3://bucket/a b/ä?#%", ("bucket", "a b/ä?#%")),
    ],
)
def test_split_returns_bucket_and_key(address: str, parts: tuple[str, str]) -> None:
    assert s3.split(address) == parts


@pytest.mark.parametrize(
    "address",
    ["", "s3://", "s3:///key", "s3://Bad_Bucket/x", "s3:/bucket", "https://b/x", "s3://ä"],
)
def test_split_rejects_an_invalid_url(address: str) -> None:
    with pytest.raises(ConfigError, match="is not an S3 URL; it looks like s3://bucket/folder"):
        s3.split(address)


def test_s3_module_imports_boto3_lazily() -> None:
    code = "import sys, recommender.storage.s3; sys.exit('boto3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_s3_error_says_how_to_install_boto3_when_it_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "boto3.exceptions", None)
    with pytest.raises(SetupError, match="pip install boto3"):
        s3.read("s3://bucket/x")


def test_download_returns_the_uploaded_content(bucket: str, tmp_path: Path) -> None:
    for content in (b"", b"a few ratings"):
        s3.upload(write(tmp_path / "up.csv", content), f"{bucket}/ratings/up.csv")
        s3.download(f"{bucket}/ratings/up.csv", tmp_path / "new" / "down.csv")
        assert (tmp_path / "new" / "down.csv").read_bytes() == content
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["down.csv"]


def test_upload_sends_a_large_file_in_parts(bucket: str, proxy: FaultProxy, tmp_path: Path) -> None:
    content = bytes(range(256)) * (2 * 8 * 1024**2 // 256) + b"and a third part"
    s3.upload(write(tmp_path / "large", content), f"{bucket}/large")
    parts = [path for method, path, _ in proxy.seen if method == "PUT" and "partNumber=" in path]
    assert len(parts) == 3
    s3.download(f"{bucket}/large", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == content


def test_download_resumes_when_the_connection_breaks(
    bucket: str, proxy: FaultProxy, tmp_path: Path
) -> None:
    s3.upload(write(tmp_path / "up", b"0123456789" * 1000), f"{bucket}/up")
    proxy.break_next("GET", "truncate", 1)
    s3.download(f"{bucket}/up", tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == b"0123456789" * 1000
    assert [status for method, _, status in proxy.seen if method == "GET"] == [206, 206]


def test_download_resumes_in_a_later_call_while_the_object_is_unchanged(
    bucket: str, proxy: FaultProxy, tmp_path: Path
) -> None:
    s3.upload(write(tmp_path / "up", b"x" * 8000), f"{bucket}/up")
    proxy.fault = lambda method, _: "truncate" if method == "GET" else ""
    with pytest.raises(StorageError, match=f"{bucket}/up: "):
        s3.download(f"{bucket}/up", tmp_path / "down")
    assert not (tmp_path / "down").exists()
    (left,) = tmp_path.glob(".down.*.unfinished")
    assert left.stat().st_size == 7000  # a half, then half of the rest each time
    left.write_bytes(b"y" * 7000)
    proxy.fault = lambda *_: ""
    s3.download(f"{bucket}/up", tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == b"y" * 7000 + b"x" * 1000
    left.write_bytes(b"y" * 7000)
    s3.upload(write(tmp_path / "up", b"z" * 8000), f"{bucket}/up")
    s3.download(f"{bucket}/up", tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == b"z" * 8000
    assert list(tmp_path.glob(".*")) == []


def test_listing_returns_names_relative_to_the_folder(bucket: str) -> None:
    for key in ("a/one.csv", "a/b/two.csv", "ab/other.csv", "a/", "three.csv"):
        s3.client().put_object(Bucket=s3.split(bucket)[0], Key=key, Body=key.encode())
    assert s3.listing(f"{bucket}/a") == {"one.csv": 9, "b/two.csv": 11}
    assert s3.listing(f"{bucket}/a/") == s3.listing(f"{bucket}/a")
    assert set(s3.listing(bucket)) == {"a/one.csv", "a/b/two.csv", "ab/other.csv", "three.csv"}
    assert s3.listing(f"{bucket}/nothing") == {}


def test_upload_folder_sends_the_named_file_last(
    bucket: str, proxy: FaultProxy, tmp_path: Path
) -> None:
    for name in ("a.json", "b.csv", "c/d.csv"):
        write(tmp_path / name, name.encode())
    s3.upload_folder(tmp_path, f"{bucket}/set", last="a.json")
    puts = [path.split("/set/")[1] for method, path, _ in proxy.seen if method == "PUT"]
    assert puts == ["b.csv", "c/d.csv", "a.json"]


def test_download_folder_skips_complete_files(
    bucket: str, proxy: FaultProxy, tmp_path: Path
) -> None:
    for name in ("a.csv", "b/c.csv"):
        write(tmp_path / "up" / name, name.encode())
    s3.upload_folder(tmp_path / "up", f"{bucket}/set", last="a.csv")
    write(tmp_path / "down" / "a.csv", b"short")
    s3.download_folder(f"{bucket}/set", tmp_path / "down")
    assert (tmp_path / "down" / "b" / "c.csv").read_bytes() == b"b/c.csv"
    gets = [path for method, path, _ in proxy.seen if method == "GET" and "list-type" not in path]
    assert [path.split("/set/")[1] for path in gets] == ["b/c.csv"]


@pytest.mark.parametrize("key", ["../out", "a/../../out", "/out", "a//b", "./a", "a\\b", "a\tb"])
def test_download_folder_rejects_a_key_outside_of_the_folder(
    bucket: str, tmp_path: Path, key: str
) -> None:
    for name in ("good", key):
        s3.client().put_object(Bucket=s3.split(bucket)[0], Key=f"set/{name}", Body=b"x")
    with pytest.raises(StorageError, match="which no file can be called; remove it"):
        s3.download_folder(f"{bucket}/set", tmp_path / "down")
    assert list(tmp_path.iterdir()) == []


def test_download_folder_is_rejected_when_disk_space_is_insufficient(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.client().put_object(Bucket=s3.split(bucket)[0], Key="set/a", Body=b"x" * 10)
    free = SimpleNamespace(free=s3.RESERVE_BYTES + 9)
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)
    with pytest.raises(StorageError, match=r"needs 0 MB in .*down, where 105 MB are free"):
        s3.download_folder(f"{bucket}/set", tmp_path / "down")
    assert not (tmp_path / "down").exists()
    free.free += 1
    s3.download_folder(f"{bucket}/set", tmp_path / "down")


def test_read_returns_none_while_the_object_is_unchanged(bucket: str, proxy: FaultProxy) -> None:
    s3.replace(f"{bucket}/current.json", b"one", None)
    content, tag = s3.read(f"{bucket}/current.json") or (b"", "")
    assert content == b"one"
    assert s3.read(f"{bucket}/current.json", tag) is None
    assert proxy.seen[-1][2] == 304
    s3.replace(f"{bucket}/current.json", b"two", tag)
    content, _ = s3.read(f"{bucket}/current.json", tag) or (b"", "")
    assert content == b"two"


def test_replace_fails_when_the_object_was_replaced_meanwhile(bucket: str) -> None:
    s3.replace(f"{bucket}/current.json", b"one", None)
    _, tag = s3.read(f"{bucket}/current.json") or (b"", "")
    s3.replace(f"{bucket}/current.json", b"two", tag)
    for expected in (tag, None):
        with pytest.raises(StorageError, match="it changed meanwhile; try again"):
            s3.replace(f"{bucket}/current.json", b"three", expected)
    assert stored(f"{bucket}/current.json") == b"two"


def test_missing_objects_are_reported_as_missing(bucket: str, tmp_path: Path) -> None:
    for asks in (
        lambda: s3.read(f"{bucket}/nothing"),
        lambda: s3.download(f"{bucket}/nothing", tmp_path / "x"),
        lambda: s3.download_folder(f"{bucket}/nothing", tmp_path / "x"),
    ):
        with pytest.raises(NotStored, match=rf"{bucket}/nothing: .*is the address right\?"):
            asks()
    for asks in (
        lambda: s3.listing("s3://no-such-bucket-here"),
        lambda: s3.upload(write(tmp_path / "x", b"x"), "s3://no-such-bucket-here/x"),
    ):
        with pytest.raises(StorageError, match=r"no-such-bucket-here.*: .*create the bucket"):
            asks()


def test_check_writable_leaves_no_object(bucket: str) -> None:
    s3.check_writable(f"{bucket}/releases")
    with pytest.raises(StorageError, match="create the bucket"):
        s3.check_writable("s3://no-such-bucket-here/releases")
    name = s3.split(bucket)[0]
    assert s3.listing(bucket) == {}
    assert "Uploads" not in s3.client().list_multipart_uploads(Bucket=name)


def test_s3_errors_name_the_url_when_s3_fails(
    bucket: str, proxy: FaultProxy, tmp_path: Path
) -> None:
    proxy.fault = lambda *_: "error"
    for asks in (
        lambda: s3.read(f"{bucket}/x"),
        lambda: s3.replace(f"{bucket}/x", b"", None),
        lambda: s3.listing(f"{bucket}/x"),
        lambda: s3.download(f"{bucket}/x", tmp_path / "x"),
        lambda: s3.upload(write(tmp_path / "up", b"x"), f"{bucket}/x"),
    ):
        with pytest.raises(StorageError, match=rf"{bucket}/x: .*500.*is S3 reachable") as refusal:
            asks()
        assert not isinstance(refusal.value, NotStored)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(s3, "READ_SECONDS", 0.3)
    s3.client.cache_clear()
    yield
    s3.client.cache_clear()


@pytest.mark.usefixtures("impatient")
def test_s3_calls_time_out_when_s3_hangs(bucket: str, proxy: FaultProxy, tmp_path: Path) -> None:
    s3.upload(write(tmp_path / "up", b"x" * 100), f"{bucket}/x")
    for method in ("GET", "HEAD"):
        proxy.fault = lambda asked, _, method=method: "hang" if asked == method else ""
        start = time.monotonic()
        with pytest.raises(StorageError, match=r"[Tt]imeout|timed out"):
            s3.download(f"{bucket}/x", tmp_path / "x")
        assert time.monotonic() - start < 20


def test_s3_error_says_that_s3_is_unreachable(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    s3.client.cache_clear()
    with pytest.raises(StorageError, match=r"Could not connect .*is S3 reachable"):
        s3.read(f"{bucket}/x")
    s3.client.cache_clear()


def test_download_error_says_that_the_disk_cannot_be_written(bucket: str, tmp_path: Path) -> None:
    s3.client().put_object(Bucket=s3.split(bucket)[0], Key="x", Body=b"x")
    write(tmp_path / "file", b"")
    with pytest.raises(StorageError, match=r"is there room, and permission to write\?"):
        s3.download(f"{bucket}/x", tmp_path / "file" / "x")
