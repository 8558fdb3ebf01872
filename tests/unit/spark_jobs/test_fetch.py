"""Downloads that break and resume, and untrusted archives."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
from pathlib import Path
from urllib.error import HTTPError

import pytest

from recommender.errors import DataError
from spark_jobs.datasets import fetch
from spark_jobs.datasets.fetch import checksum, download, unpack, unpack_gzip
from tests.support.publisher import Publisher

pytest_plugins = ["tests.support.fixtures.publisher"]

CONTENT = bytes(range(256)) * 40  # 10,240 bytes


def bring(address: str, target: Path) -> list[str]:
    """Download a file; return the printed messages."""
    output: list[str] = []
    download(address, target, output.append)
    return output


def ranges(publisher: Publisher) -> list[str | None]:
    return [asked for _, asked in publisher.asked]


def test_download_writes_only_the_file(publisher: Publisher, tmp_path: Path) -> None:
    assert bring(publisher.publish("a.zip", CONTENT), tmp_path / "a.zip") == []
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_download_resumes_when_the_connection_breaks(publisher: Publisher, tmp_path: Path) -> None:
    address = publisher.publish("a.zip", CONTENT)
    publisher.breaks = [1000, 500]
    output = bring(address, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert ranges(publisher) == [None, "bytes=1000-", "bytes=1500-"]
    assert output == [
        f"{address} broke off after 1,000 bytes; going on from there",
        f"{address} broke off after 1,500 bytes; going on from there",
    ]


def broken_off(publisher: Publisher, target: Path) -> str:
    """Interrupt a download after 1,000 bytes; return its URL."""
    address = publisher.publish("a.zip", CONTENT)
    publisher.breaks = [1000, 0]
    with pytest.raises(ConnectionError, match=r"it broke off after 1,000 of 10,240 bytes"):
        bring(address, target)
    assert not target.exists()
    publisher.asked.clear()
    return address


def test_download_resumes_in_a_later_run(publisher: Publisher, tmp_path: Path) -> None:
    address = broken_off(publisher, tmp_path / "a.zip")
    bring(address, tmp_path / "a.zip")
    assert ranges(publisher) == ["bytes=1000-"]
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_download_starts_over_when_server_has_no_ranges(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.ranges, publisher.breaks = False, [1000]
    bring(publisher.publish("a.zip", CONTENT), tmp_path / "a.zip")
    assert ranges(publisher) == [None, "bytes=1000-"]
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_download_requests_no_ranges_when_server_sends_no_validator(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.marks, publisher.breaks = False, [1000]
    bring(publisher.publish("a.zip", CONTENT), tmp_path / "a.zip")
    assert ranges(publisher) == [None, None]
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("heeds", [True, False], ids=["heeds If-Range", "ignores If-Range"])
@pytest.mark.parametrize("length", [len(CONTENT), 900], ids=["as long", "shorter"])
def test_download_starts_over_when_the_file_changed_meanwhile(
    publisher: Publisher, tmp_path: Path, heeds: bool, length: int
) -> None:
    broken_off(publisher, tmp_path / "a.zip")
    publisher.heeds_if_range = heeds
    changed = CONTENT[::-1][:length]
    bring(publisher.publish("a.zip", changed), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == changed


def test_download_does_not_resume_from_another_url(publisher: Publisher, tmp_path: Path) -> None:
    broken_off(publisher, tmp_path / "a.zip")
    bring(publisher.publish("mirror/a.zip", CONTENT), tmp_path / "a.zip")
    assert ranges(publisher) == [None]
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_download_of_a_complete_part_sends_no_request(publisher: Publisher, tmp_path: Path) -> None:
    address = broken_off(publisher, tmp_path / "a.zip")
    (tmp_path / "a.zip.part").write_bytes(CONTENT)
    bring(address, tmp_path / "a.zip")
    assert publisher.asked == []


def test_download_fails_at_once_when_the_file_is_missing(
    publisher: Publisher, tmp_path: Path
) -> None:
    address = publisher.publish("a.zip", CONTENT)
    with pytest.raises(HTTPError, match="404"):
        bring(address.replace("a.zip", "b.zip"), tmp_path / "b.zip")
    assert list(tmp_path.iterdir()) == []


def test_checksums_equal_published_values(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert checksum(tmp_path / "abc", "md5") == "900150983cd24fb0d6963f7d28e17f72"
    assert checksum(tmp_path / "abc", "sha256").startswith("ba7816bf8f01cfea")


def zipped(tmp_path: Path, name: str, content: bytes = b"x", mode: int = 0) -> Path:
    member = zipfile.ZipInfo(name)
    member.external_attr = mode << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return tmp_path / "a.zip"


def test_unpack_keeps_the_folder_structure(tmp_path: Path) -> None:
    unpack(zipped(tmp_path, "ml/ratings.csv", b"1,2,3"), tmp_path / "raw")
    assert (tmp_path / "raw" / "ml" / "ratings.csv").read_bytes() == b"1,2,3"


@pytest.mark.parametrize(
    "name", ["../a", "/etc/a", "b/../../a", "..\\a", "C:\\a"], ids=lambda name: name
)
def test_unpack_rejects_paths_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"would be written outside its folder"):
        unpack(zipped(tmp_path, name), tmp_path / "in" / "raw")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.zip"]


def test_unpack_rejects_links(tmp_path: Path) -> None:
    archive = zipped(tmp_path, "a", b"/etc/passwd", stat.S_IFLNK | 0o777)
    with pytest.raises(DataError, match="'a' is a link"):
        unpack(archive, tmp_path / "raw")


def test_unpack_stops_at_an_excessive_compression_ratio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "SMALL", 1_000_000)
    archive = zipped(tmp_path, "zeros", bytes(5_000_000))
    with pytest.raises(DataError, match="zeros unpacks to more than 100 times the size"):
        unpack(archive, tmp_path / "raw")
    (tmp_path / "zeros.gz").write_bytes(gzip.compress(bytes(5_000_000)))
    with pytest.raises(DataError, match="zeros unpacks to more than 100 times the size"):
        unpack_gzip(tmp_path / "zeros.gz", tmp_path / "zeros")
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 3_000_000


def test_unpack_names_a_damaged_archive(tmp_path: Path) -> None:
    whole = zipped(tmp_path, "a", bytes(1000)).read_bytes()
    (tmp_path / "half.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"^half\.zip cannot be unpacked: File is not a zip file"):
        unpack(tmp_path / "half.zip", tmp_path / "raw")
    packed = io.BytesIO(gzip.compress(CONTENT))
    (tmp_path / "half.gz").write_bytes(packed.getvalue()[:50])
    with pytest.raises(DataError, match=r"^half\.gz cannot be unpacked: "):
        unpack_gzip(tmp_path / "half.gz", tmp_path / "half")
