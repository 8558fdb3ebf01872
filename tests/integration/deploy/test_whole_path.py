"""From `git archive HEAD` to recommendations, as on an instance: clean folder, new environment,
the Procfile's command behind nginx, MariaDB, and a release in S3."""

from __future__ import annotations

import re
import shutil
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy

import pytest

from recommender.storage import s3
from recommender.storage.s3_release_store import open_store
from tests.support.aws import aws_environ, moto_server
from tests.support.databases import mariadb
from tests.support.instance import Instance, megabytes, shipped_settings
from tests.support.nginx import nginx
from tests.support.releases import publish_tiny
from tests.support.servers import workers_of
from tests.support.site import PASSWORD

MOST_MEGABYTES = 160
HOST = "marquee.example"
FIRST, SECOND = "20260101-000000-aaaa", "20260102-000000-bbbb"


class Visitor:
    """A browser with HTTPS through a load balancer, which terminates TLS."""

    def __init__(self, address: str):
        self._address = address
        jar = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        self.model: str | None = None

    def get(self, path: str) -> str:
        return self._open(path, None)

    def post(self, path: str, page: str, **form: str) -> str:
        """Send a form of ``page``, with its token."""
        token = re.search('name="csrf_token"[^>]*value="([^"]+)"', self.get(page))
        assert token, page
        return self._open(path, {**form, "csrf_token": token[1]})

    def _open(self, path: str, form: dict[str, str] | None) -> str:
        body = urllib.parse.urlencode(form).encode() if form else None
        headers = {
            "Host": HOST,
            "Referer": f"https://{HOST}/",
            "X-Forwarded-For": "192.0.2.1",
            "X-Forwarded-Proto": "https",
        }
        request = urllib.request.Request(self._address + path, body, headers)
        with self._opener.open(request, timeout=60) as answer:
            self.model = answer.headers["X-Model-Version"]
            return answer.read().decode()


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance deployed as by the platform, not yet serving."""
    folder = tmp_path_factory.mktemp("instance")
    with moto_server(folder / "moto.log") as amazon, mariadb() as database:
        environ = aws_environ(amazon)
        publish_release(environ, FIRST)
        secret = {"SECRET_KEY": "0123456789abcdef0123456789abcdef", "DATABASE_URL": database.url}
        instance = Instance(folder / "app", {**environ, **secret})
        instance.unpack()
        instance.settings |= shipped_settings(instance.bundle)
        instance.settings |= {"RELEASES": "s3://ours/releases", "RELEASE_CACHE": f"{folder}/cache"}
        instance.install()
        yield instance


def publish_release(environ: dict[str, str], version: str) -> None:
    """Publish a release as training does, with its own role."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        s3.client.cache_clear()
        if version == FIRST:
            place = {"LocationConstraint": environ["AWS_DEFAULT_REGION"]}
            s3.client().create_bucket(Bucket="ours", CreateBucketConfiguration=place)
        publish_tiny(open_store("s3://ours/releases"), version)
        s3.client.cache_clear()


def test_instance_has_no_spark_no_java_and_no_batch_tier(instance: Instance) -> None:
    for module in ("pyspark", "pyarrow", "numba", "spark_jobs", "pytest"):
        assert not instance.can_import(module)
    assert instance.can_import("flask")
    assert shutil.which("java", path=instance.environ["PATH"]) is None
    assert not (instance.bundle / "spark_jobs").exists()


@pytest.fixture(scope="module")
def deployed(instance: Instance) -> Instance:
    """The instance after the container commands."""
    driver, migrate, sync = instance.container_commands().values()
    assert not instance.can_import("pymysql")
    instance.run(driver)
    assert instance.can_import("pymysql")
    assert not instance.can_import("psycopg")
    instance.run(migrate)
    assert "9 titles" in instance.run(sync)
    return instance


def test_container_commands_are_repeatable(deployed: Instance) -> None:
    for command in deployed.container_commands().values():
        deployed.run(command)


@pytest.fixture(scope="module")
def site(deployed: Instance) -> Iterator[tuple[str, int]]:
    """nginx's address, and gunicorn's process."""
    folder = deployed.root.parent
    with (
        deployed.serve(folder / "gunicorn.log") as (behind, master),
        nginx(deployed.bundle, folder / "nginx", behind) as address,
    ):
        yield address, master


def test_new_user_registers_rates_and_gets_recommendations(site: tuple[str, int]) -> None:
    visitor = Visitor(site[0])
    form = {"username": "ann", "email": "ann@example.com"}
    visitor.post("/register", "/register", **form, password=PASSWORD, confirm=PASSWORD)
    for title in ("1", "2", "3"):
        visitor.post(f"/title/{title}/rating", f"/title/{title}", rating="4.5")
    home = visitor.get("/")
    assert visitor.model == FIRST
    first = re.findall(r'href="/title/(\d+)"', home)[0]
    assert first == "5"  # the only unrated film of their taste
    assert "Return to Space" in home


def test_postdeploy_hook_succeeds_when_site_is_ready(
    deployed: Instance, site: tuple[str, int]
) -> None:
    for hooks in ("hooks", "confighooks"):
        for script in (deployed.bundle / ".platform" / hooks / "postdeploy").iterdir():
            script.write_text(script.read_text().replace("http://127.0.0.1/", f"{site[0]}/"))
            deployed.run(str(script))


def test_predeploy_hook_installs_the_driver_of_new_settings(deployed: Instance) -> None:
    (script,) = (deployed.bundle / ".platform" / "confighooks" / "predeploy").iterdir()
    before = deployed.settings["DATABASE_URL"]
    deployed.settings["DATABASE_URL"] = "postgresql://u:p@elsewhere/marquee"
    try:
        deployed.run(str(script))
    finally:
        deployed.settings["DATABASE_URL"] = before
    assert deployed.can_import("psycopg")


def test_new_release_reaches_every_process_without_restart(
    deployed: Instance, site: tuple[str, int]
) -> None:
    """The watcher thread starts in each process after the fork."""
    publish_release(deployed.settings, SECOND)
    visitor = Visitor(site[0])
    deadline = time.monotonic() + 30
    in_a_row = 0
    while in_a_row < 30:
        assert time.monotonic() < deadline
        in_a_row = in_a_row + 1 if SECOND in visitor.get("/ready") else 0


def test_worker_processes_use_little_memory(site: tuple[str, int]) -> None:
    address, master = site
    visitor = Visitor(address)
    for _ in range(50):
        visitor.get("/login")
        visitor.get("/popular")
    workers = workers_of(master)
    assert len(workers) == 2
    used = {worker: megabytes(worker, "Rss") for worker in workers}
    shared = {worker: megabytes(worker, "Pss") for worker in workers}
    print(f"MB: resident {used}, with shared pages divided {shared}")
    assert all(0 < rss < MOST_MEGABYTES for rss in used.values()), used
