"""Obtaining training data. No request leaves this machine."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from recommender.errors import DataError
from spark_jobs.datasets import fetch
from spark_jobs.datasets.obtain import FILES, licence, obtain
from tests.support.servers import free_port

NAME = "ml-latest-small"
Publish = Callable[[bytes], str]


class Publisher(ThreadingHTTPServer):
    """Sends ``answer``, raw bytes, to every connection; without it, never responds."""

    answer = b""
    closing = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: Publisher

    def handle(self) -> None:
        self.request.recv(4096)
        if not self.server.answer:
            self.server.closing.wait(10)
        self.request.sendall(self.server.answer)


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publish]:
    """A function that returns the URL of a server that sends these bytes."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Publisher(("127.0.0.1", 0), _Handler)
    server.closing = threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()

    def publish(answer: bytes) -> str:
        server.answer = answer
        return f"http://127.0.0.1:{server.server_port}/{NAME}.zip"

    yield publish
    server.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


def ok(content: bytes) -> bytes:
    return b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content)


def archive(movielens: Path, without: str = "", **changed: bytes) -> bytes:
    """The publisher's archive, with changes; ``ratings=b"x"`` is another ratings.csv."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in (*FILES, "tags.csv"):
            if name != without:
                content = changed.get(name.split(".")[0]) or (movielens / name).read_bytes()
                target.writestr(f"{NAME}/{name}", content)
    return packed.getvalue()


def test_obtain_uses_an_existing_folder_silently(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    output: list[str] = []
    assert obtain(tmp_path, output.append, "nowhere://") == tmp_path / NAME
    assert output == []


def test_obtain_unpacks_a_download_and_prints_its_licence(
    tmp_path: Path, movielens: Path, publish: Publish
) -> None:
    output: list[str] = []
    address = publish(ok(archive(movielens)))
    folder = obtain(tmp_path / "data", output.append, address)
    assert folder == tmp_path / "data" / NAME
    assert [path.name for path in (tmp_path / "data").iterdir()] == [NAME]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name: (movielens / name).read_bytes() for name in FILES
    }
    assert output[0] == f"Downloading MovieLens latest-small from {address}"
    assert output[1].startswith("MovieLens: usage licence\n")
    assert "may not use this information for any commercial" in output[1]
    assert "Citation" not in output[1].splitlines()
    assert len(output) == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "refused"),
        (b"", "timed out"),
        (b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n", "Not Found"),
        (b"HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "refused"),
        (b"Please log in to this network.\r\n", "Please log in"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nPK", "IncompleteRead"),
    ],
    ids=["nobody there", "silence", "not found", "moved away", "not HTTP", "cut short"],
)
def test_obtain_uses_the_simulated_sample_without_network(
    tmp_path: Path,
    publish: Publish,
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes | None,
    reason: str,
) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT", 0.5)
    output: list[str] = []
    address = f"http://127.0.0.1:{free_port()}/" if answer is None else publish(answer)
    folder = obtain(tmp_path, output.append, address)
    assert reason in output[1]
    assert output[2] == "Using the built-in sample: real titles, SIMULATED people and ratings."
    about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    assert about["simulated"] is True
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_obtain_reuses_an_existing_sample(tmp_path: Path) -> None:
    (tmp_path / "sample").mkdir()
    folder = obtain(tmp_path, lambda line: None, f"http://127.0.0.1:{free_port()}/")
    assert folder == tmp_path / "sample"
    assert list(folder.iterdir()) == []


def damaged(movielens: Path) -> bytes:
    """An archive with a hole in the middle of its first file."""
    whole = archive(movielens)
    return whole[:1000] + bytes(1000) + whole[2000:]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda real: archive(real, ratings=b"1,1,5,0\n"), "the downloaded ratings.csv is not the"),
        (lambda real: archive(real, movies=b"1,A,B\n"), "the downloaded movies.csv is not the"),
        (lambda real: archive(real, without="links.csv"), "links.csv"),
        (lambda real: archive(real, without="README.txt"), "README.txt"),
        (lambda real: b"<html>Sorry, we have moved.</html>", "File is not a zip file"),
        (lambda real: b"", "File is not a zip file"),
        (lambda real: archive(real)[:100_000], "File is not a zip file"),
        (damaged, "is not MovieLens latest-small"),
    ],
    ids=[
        *("other ratings", "other titles", "no links", "no licence"),
        *("a web page", "nothing", "half of it", "a hole in it"),
    ],
)
def test_obtain_leaves_nothing_when_the_download_is_invalid(
    tmp_path: Path,
    movielens: Path,
    publish: Publish,
    make: Callable[[Path], bytes],
    expected: str,
) -> None:
    with pytest.raises(DataError) as caught:
        obtain(tmp_path, lambda line: None, publish(ok(make(movielens))))
    assert expected in str(caught.value)
    assert str(caught.value).endswith("try again, or give a folder: make run DATA=folder")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_licence_is_its_section_of_the_readme_or_the_whole_readme() -> None:
    readme = "Summary\n=======\n\nHello.\n\nUsage License\n====\n\nBe kind.\n\nCitation\n===\n\nUs."
    assert licence(readme) == "MovieLens: usage licence\nBe kind."
    assert licence("Do as you like.\n") == "MovieLens: usage licence\nDo as you like."
