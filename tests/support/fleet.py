"""Instances of the site behind a load balancer, and the two ways to deploy a version to them."""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.landed_version import Version
from tests.support.servers import wait_until, workers_of


class LoadBalancer:
    """Gives each request a server in turn; one that leaves first ends its requests."""

    def __init__(self) -> None:
        self._addresses: list[str] = []
        self._busy: Counter[str] = Counter()
        self._turns = itertools.count()
        self._lock = threading.Lock()

    @contextmanager
    def server(self) -> Iterator[str]:
        with self._lock:
            address = self._addresses[next(self._turns) % len(self._addresses)]
            self._busy[address] += 1
        try:
            yield address
        finally:
            with self._lock:
                self._busy[address] -= 1

    def add(self, address: str) -> None:
        with self._lock:
            self._addresses.append(address)

    def drain(self, address: str) -> None:
        with self._lock:
            self._addresses.remove(address)
        wait_until(lambda: self._busy[address] == 0)


@dataclass(frozen=True)
class Instance:
    version: Version
    address: str
    master: int  # process id
    end: ExitStack

    def release(self) -> str | None:
        """Return the release in service; None if the instance is not ready."""
        try:
            with urllib.request.urlopen(f"{self.address}/ready", timeout=60) as answer:
                return str(json.load(answer)["release"])
        except urllib.error.HTTPError as error:
            error.close()
            return None

    def kill_a_worker(self) -> None:
        os.kill(workers_of(self.master)[0], signal.SIGKILL)


class Fleet:
    """Instances on one database and one bucket, each with its own cache; logs are in ``folder``."""

    def __init__(self, environ: Mapping[str, str], folder: Path):
        self.balancer = LoadBalancer()
        self.instances: list[Instance] = []
        self._environ = environ
        self._folder = folder
        self._numbers = itertools.count(1)
        self._end = ExitStack()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()

    def start(self, version: Version) -> Instance:
        """Start an instance, and put it into service once it is ready."""
        name = f"{next(self._numbers)}-{version.folder.name}"
        environ = {**self._environ, "RELEASE_CACHE": str(self._folder / f"{name}-cache")}
        end = self._end.enter_context(ExitStack())
        served = end.enter_context(version.serve(environ, self._folder / f"{name}.log"))
        instance = Instance(version, *served, end)
        self.instances.append(instance)
        wait_until(lambda: instance.release() is not None)
        self.balancer.add(instance.address)
        return instance

    def stop(self, instance: Instance) -> None:
        self.balancer.drain(instance.address)
        self.instances.remove(instance)
        instance.end.close()

    def roll(self, version: Version, check: Callable[[], None]) -> None:
        """Replace one instance after the other, and ``check`` after each step."""
        for instance in list(self.instances):
            self.stop(instance)
            check()
            self.start(version)
            check()

    def replace_all(self, version: Version, check: Callable[[], None]) -> None:
        """Start as many beside the old ones, then stop those: an immutable deployment."""
        before = list(self.instances)
        for _ in before:
            self.start(version)
        check()
        for instance in before:
            self.stop(instance)
        check()

    def wait_for(self, release: str) -> None:
        wait_until(lambda: {instance.release() for instance in self.instances} == {release})
