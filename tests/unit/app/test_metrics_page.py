"""Metrics for Prometheus: contents, access, and correct sums over several workers."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from app import create_app
from app.extensions import db
from app.observability import metrics
from recommender.storage.release_store import ReleaseStore
from tests.support.api import Rest, client_with_token
from tests.support.releases import SECOND, publish_tiny, remove_a_file
from tests.support.servers import PATIENCE, gunicorn, wait_until
from tests.support.site import ROOT, settings
from tests.support.uploads import MOVIELENS, bring

FIRST = "20260101-000000-aaaa"
TOKEN = "only-for-tests-9876543210"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
DASHBOARD = ROOT / "docs" / "grafana-dashboard.json"


class Numbers:
    """The values of the page, summed over labels that are not given."""

    def __init__(self, exposition: str):
        self._samples = [
            sample
            for family in text_string_to_metric_families(exposition)
            for sample in family.samples
        ]

    def __call__(self, name: str, **labels: str) -> float:
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def labels(self, name: str, label: str) -> set[str]:
        return {sample.labels[label] for sample in self._samples if sample.name == name}


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    app.config["METRICS_TOKEN"] = TOKEN
    return app.test_client()


def numbers(client: FlaskClient) -> Numbers:
    answer = client.get("/metrics", headers=BEARER)
    assert answer.status_code == 200
    return Numbers(answer.text)


def requests(output: Numbers, **labels: str) -> float:
    return output("marquee_request_seconds_count", **labels)


# Access


def test_metrics_page_is_404_when_token_is_not_set(app: Flask) -> None:
    assert app.test_client().get("/metrics", headers=BEARER).status_code == 404
    assert app.test_client().get("/metrics", headers={"Authorization": ""}).status_code == 404


REFUSED = {
    "nothing": None,
    "an empty token": "Bearer ",
    "a wrong token": "Bearer only-for-tests-9876543211",
    "no ASCII": "Bearer ünly-för-tests",
    "the token with another scheme": f"Basic {TOKEN}",
}


@pytest.mark.parametrize("shown", REFUSED.values(), ids=REFUSED)
def test_metrics_page_is_401_without_the_metrics_token(
    client: FlaskClient, shown: str | None
) -> None:
    answer = client.get("/metrics", headers={"Authorization": shown} if shown else {})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")
    assert "marquee_" not in answer.text


def test_metrics_token_and_api_tokens_are_not_interchangeable(client: FlaskClient) -> None:
    service = client_with_token(client.application, "service")
    assert service("GET", "//metrics").status_code == 401
    assert client.get("/api/v1/movies/top", headers=BEARER).status_code == 401


def test_metrics_page_works_when_database_is_unreachable(environ: dict[str, str]) -> None:
    lost = {**environ, "DATABASE_URL": "sqlite:////nowhere/at/all.db", "METRICS_TOKEN": TOKEN}
    client = create_app(lost, TESTING=True).test_client()
    assert client.get("/ready").status_code == 503
    assert requests(numbers(client), route="/ready", status="5xx") >= 1


# Contents


def test_metrics_count_requests_by_route_method_and_status_class(
    client: FlaskClient, ann: FlaskClient
) -> None:
    before = numbers(client)
    ann.get("/title/1")
    ann.get("/title/2")
    ann.get("/title/4711")
    ann.post("/title/1/rating", data={"rating": "4"})
    after = numbers(client)

    def more(**labels: str) -> float:
        return requests(after, **labels) - requests(before, **labels)

    assert more(route="/title/<id:item_id>", method="GET", status="2xx") == 2
    assert more(route="/title/<id:item_id>", method="GET", status="4xx") == 1
    assert more(route="/title/<id:item_id>/rating", method="POST", status="3xx") == 1


def test_metrics_labels_do_not_grow_with_unknown_paths_and_methods(client: FlaskClient) -> None:
    client.get("/made-up")
    client.open("/made-up", method="BREW")
    before = numbers(client)
    for number in range(5):
        client.get(f"/made-up/{number}")
        client.open("/login", method=f"BREW{number}")
    after = numbers(client)
    name = "marquee_request_seconds_count"
    for label in ("route", "method"):
        assert after.labels(name, label) == before.labels(name, label)
    assert requests(after, route="unknown") - requests(before, route="unknown") == 10
    assert requests(after, method="other") - requests(before, method="other") == 5


def test_metrics_time_fold_in_and_top_n(client: FlaskClient, ann: FlaskClient) -> None:
    before = numbers(client)
    ann.get("/")
    after = numbers(client)
    for name in ("marquee_fold_in_seconds", "marquee_top_n_seconds"):
        assert after(f"{name}_count") - before(f"{name}_count") == 1
        assert 0 < after(f"{name}_sum") - before(f"{name}_sum") < 5


def test_metrics_count_ratings_by_source(
    client: FlaskClient, ann: FlaskClient, rest: Rest, someone: int
) -> None:
    before = numbers(client)
    ann.post("/title/2/rating", data={"rating": "4"})
    ann.post("/title/2/rating", data={"rating": "no stars"})
    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 1, "rating": 3.5})
    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 1, "rating": 4.5})
    assert bring(ann, MOVIELENS).status_code == 303
    after = numbers(client)
    name = "marquee_ratings_written_total"
    written = {way: after(name, way=way) - before(name, way=way) for way in ("page", "api")}
    assert written == {"page": 1, "api": 2}
    assert after(name, way="import") - before(name, way="import") == 2


def test_metrics_have_version_and_age_of_the_release(
    client: FlaskClient, store: ReleaseStore
) -> None:
    output = numbers(client)
    assert output("marquee_release_info", version=FIRST) == 1
    made = 1767225600  # 2026-01-01
    assert output("marquee_release_age_seconds") == pytest.approx(time.time() - made, abs=60)
    publish_tiny(store, SECOND)
    output = numbers(client)
    assert output("marquee_release_info", version=FIRST) == 0
    assert output("marquee_release_info", version=SECOND) == 1


def test_metrics_count_release_load_failures(client: FlaskClient, store: ReleaseStore) -> None:
    before = numbers(client)
    publish_tiny(store, SECOND)
    remove_a_file(store.folder / SECOND)
    client.get("/ready")
    client.get("/ready")
    name = "marquee_release_load_failures_total"
    assert numbers(client)(name) - before(name) == 3  # the last one by requesting the metrics


def test_metrics_count_connections_in_use(app: Flask, client: FlaskClient) -> None:
    idle = numbers(client)("marquee_database_connections")
    with app.app_context():
        held = [db.engine.connect() for _ in range(3)]
        assert numbers(client)("marquee_database_connections") == idle + 3
        held.pop().invalidate()
        for connection in held:
            connection.close()
        client.get("/popular")
    assert numbers(client)("marquee_database_connections") == idle


def test_metrics_do_not_count_a_failed_connection(
    client: FlaskClient, environ: dict[str, str]
) -> None:
    idle = numbers(client)("marquee_database_connections")
    lost = {**environ, "DATABASE_URL": "sqlite:////nowhere/at/all.db"}
    assert create_app(lost, TESTING=True).test_client().get("/ready").status_code == 503
    assert numbers(client)("marquee_database_connections") == idle


# With two workers


@pytest.fixture
def metrics_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "gauge_livesum_4711.db").touch()  # left by a killed site
    return folder


@pytest.fixture
def site(
    store: ReleaseStore, database: Path | str, tmp_path: Path, metrics_folder: Path
) -> Iterator[str]:
    """The address of a site in production, behind two workers."""
    publish_tiny(store)
    environ = {
        **settings(database, store.folder),
        "DEBUG": "False",
        "METRICS_TOKEN": TOKEN,
        "RELEASE_POLL_SECONDS": "1",
        "PROMETHEUS_MULTIPROC_DIR": str(metrics_folder),
    }
    with gunicorn(environ, tmp_path / "log") as address:
        yield address
    assert not metrics_folder.exists()


def ask(address: str) -> str:
    with urllib.request.urlopen(
        urllib.request.Request(address, headers=BEARER), timeout=PATIENCE
    ) as answer:
        return answer.read().decode()


def workers(log: Path) -> list[int]:
    return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", log.read_text())]


def numbered_files(folder: Path) -> set[int]:
    return {int(path.stem.split("_")[-1]) for path in folder.glob("histogram_*.db")}


def test_metrics_are_read_again_when_another_worker_has_just_made_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "counter_4711.db"
    new.touch()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        new.unlink()

    monkeypatch.setattr(metrics, "sleep", wait)
    assert metrics.exposition(None) == b""
    assert waited == [0.01]


@pytest.mark.server
def test_metrics_and_logs_combine_two_workers(
    site: str, tmp_path: Path, metrics_folder: Path
) -> None:
    log = tmp_path / "log"

    def health() -> float:
        return requests(Numbers(ask(f"{site}/metrics")), route="/health", status="2xx")

    # Values of all workers are added up, whichever worker responds.
    with ThreadPoolExecutor(8) as pool:
        asked = 0
        before = health()
        deadline = time.monotonic() + PATIENCE
        while not asked or not set(workers(log)) <= numbered_files(metrics_folder):
            assert time.monotonic() < deadline
            list(pool.map(ask, [f"{site}/health"] * 40))
            asked += 40
    assert [health() for _ in range(4)] == [before + asked] * 4
    deadline = time.monotonic() + PATIENCE
    while (output := Numbers(ask(f"{site}/metrics")))("marquee_database_connections"):
        assert time.monotonic() < deadline  # both workers sync the release's catalogue at first
    assert output("marquee_release_info", version=FIRST) == 1
    assert not (metrics_folder / "gauge_livesum_4711.db").exists()

    # Counters of a worker that died stay; its gauges do not.
    killed = workers(log)[0]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not list(metrics_folder.glob(f"gauge_live*_{killed}.db")))
    assert killed in numbered_files(metrics_folder)
    assert health() == before + asked

    # gunicorn logs invalid HTTP in the same format.
    host, port = urlsplit(site).netloc.split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"nonsense\nhush\r\n\r\n")
        connection.recv(1000)
    wait_until(lambda: "Invalid request" in log.read_text())
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    answered = [line for line in lines if line.get("route") == "/health"]
    assert len(answered) == before + asked
    assert len({line["request_id"] for line in answered}) == len(answered)
    assert not {"hush", TOKEN, "ip="} & set(re.findall(f"hush|{TOKEN}|ip=", log.read_text()))


# The dashboard


def test_dashboard_uses_exactly_the_exported_metrics() -> None:
    exported = {"marquee_release_age_seconds"}
    for family in REGISTRY.collect():
        if family.name.startswith("marquee_"):
            exported |= {
                family.name + end
                for end in {
                    "counter": ("_total",),
                    "gauge": ("",),
                    "histogram": ("_bucket", "_count", "_sum"),
                }[family.type]
            }
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    asked = {
        name
        for panel in panels
        for target in panel["targets"]
        for name in re.findall(r"marquee_\w+", target["expr"])
    }
    assert asked <= exported
    shown = {re.sub("_(bucket|count|sum)$", "", name) for name in asked}
    assert shown == {re.sub("_(bucket|count|sum)$", "", name) for name in exported}
    ids = [panel["id"] for panel in panels]
    assert len(set(ids)) == len(ids)


def test_metrics_are_all_documented() -> None:
    output = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    for family in REGISTRY.collect():
        if family.name.startswith("marquee_"):
            assert f"`{family.name}" in output
