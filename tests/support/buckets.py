"""Fixtures: a bucket of one's own, behind a proxy that fails on request."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from recommender.storage import s3
from tests.support.aws import FaultProxy, aws_environ, fault_proxy, moto_server


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of moto's server."""
    with moto_server(tmp_path_factory.mktemp("moto") / "moto.log") as address:
        yield address


@pytest.fixture
def proxy(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """What stands before moto's server; ours and what we start ask it."""
    with fault_proxy(moto) as proxy:
        for name, value in aws_environ(proxy.address).items():
            monkeypatch.setenv(name, value)
        s3.client.cache_clear()
        yield proxy
    s3.client.cache_clear()


@pytest.fixture
def bucket(proxy: FaultProxy) -> str:
    """The address of an empty bucket."""
    name = f"ours-{secrets.token_hex(4)}"
    region = {"LocationConstraint": "eu-central-1"}
    s3.client().create_bucket(Bucket=name, CreateBucketConfiguration=region)
    proxy.seen.clear()
    return f"s3://{name}"
