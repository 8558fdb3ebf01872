"""Releases in a bucket, and ways to damage them there."""

from __future__ import annotations

import json

from recommender.storage import s3
from recommender.storage.release_store import ReleaseStore
from recommender.storage.s3_release_store import S3Store
from tests.support.aws import FaultProxy
from tests.support.releases import ITEMS, no_parity_sample, tiny_release

# X from DAMAGES, NEW, NEWEST, OLD, fetched, publish

OLD, NEW, NEWEST = "20260101-000000-aaaa", "20260102-000000-bbbb", "20260103-000000-cccc"


def publish(store: ReleaseStore, version: str) -> None:
    store.publish(tiny_release(version), ITEMS, no_parity_sample())


def lead_astray(store: S3Store, version: str) -> str:
    address = f"{store.place}/{version}/release.json"
    manifest = json.loads(get(address))
    manifest["files"]["../../escaped"] = manifest["files"]["item_ids.npy"]
    put(address, json.dumps(manifest).encode())
    return address


def fetched(proxy: FaultProxy) -> list[str]:
    """Return the keys of release files that were requested."""
    keys = [path.partition("/releases/")[2] for method, path, _ in proxy.seen if method == "GET"]
    return [key for key in keys if "/" in key]


def put(address: str, content: bytes) -> None:
    bucket, key = s3.split(address)
    s3.client().put_object(Bucket=bucket, Key=key, Body=content)


def get(address: str) -> bytes:
    return (s3.read(address) or (b"", ""))[0]


def truncate(store: S3Store, version: str) -> str:
    address = f"{store.place}/{version}/item_bias.npy"
    put(address, get(address)[:-1])
    return address


def flip_a_byte(store: S3Store, version: str) -> str:
    address = f"{store.place}/{version}/ranking_factors.npy"
    content = bytearray(get(address))
    content[-1] ^= 1
    put(address, bytes(content))
    return address


def remove_a_file(store: S3Store, version: str) -> str:
    bucket, key = s3.split(f"{store.place}/{version}/items.jsonl.gz")
    s3.client().delete_object(Bucket=bucket, Key=key)
    return f"s3://{bucket}/{key}"


DAMAGES = [truncate, flip_a_byte, remove_a_file, lead_astray]
