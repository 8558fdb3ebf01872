"""Debian's nginx with our files, as on the platform, in a temporary folder on a free port."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.requirements import missing
from tests.support.servers import free_port, running

# The relevant part of both nginx.conf: the test's own folder, and our files in http{}.
MAIN = """
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_processes 1;
daemon off;
events {{ worker_connections 256; }}
http {{
    include /etc/nginx/mime.types;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include conf.d/*.conf;
"""
# The platform's file hides the version, includes our files in server{} as well, and switches gzip
# off there, so that our files can neither repeat nor override it.
PLATFORM = (
    MAIN
    + """
    server_tokens off;
    default_type application/octet-stream;
    log_format main '$remote_addr "$request" $status $body_bytes_sent "$http_x_forwarded_for"';
    map $http_upgrade $connection_upgrade {{ default "upgrade"; }}
    server {{
        listen 127.0.0.1:{port} default_server;
        access_log {folder}/access.log main;
        client_header_timeout 60;
        client_body_timeout 60;
        keepalive_timeout 60;
        gzip off;
        gzip_comp_level 4;
        gzip_types text/plain text/css application/json;
        include conf.d/elasticbeanstalk/*.conf;
    }}
}}
"""
)
# The official image's.
COMPOSE = MAIN + "    access_log {folder}/access.log;\n}}\n"
# The platform's files next to ours: the application, its static files, and the log for the
# health agent.
HEALTH_FORMAT = 'log_format healthd \'$msec"$uri"$status"$request_time"\';\n'
HEALTH = """
if ($time_iso8601 ~ "^(....)") { set $year $1; }
access_log FOLDER/healthd.$year healthd;
"""
APPLICATION = "location / { proxy_pass http://127.0.0.1:8000; }\n"
STATIC = "location /static { alias /var/app/current/static; access_log off; }\n"


@contextmanager
def nginx(bundle: Path, folder: Path, site: str) -> Iterator[str]:
    """Run nginx with ``.platform/nginx`` of ``bundle`` before the ``site``; yield its address.

    The application's port and the cache folder are replaced by those of the test.
    """
    port = free_port()
    with _running(_configure(bundle, folder, port, site), folder, port) as address:
        yield address


@contextmanager
def nginx_of_compose(conf: Path, folder: Path, site: str) -> Iterator[str]:
    """Run nginx with compose's file ``conf`` before the ``site``; yield its address."""
    port = free_port()
    server = conf.read_text().replace("http://web:8000", site)
    server = server.replace("/var/log/nginx", str(folder))
    (folder / "conf.d").mkdir(parents=True)
    (folder / "conf.d" / "default.conf").write_text(
        server.replace("listen 8080;", f"listen 127.0.0.1:{port};")
    )
    with _running(_write_main(COMPOSE, folder, port), folder, port) as address:
        yield address


@contextmanager
def _running(configured: Path, folder: Path, port: int) -> Iterator[str]:
    program = shutil.which("nginx", path=f"/usr/sbin{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        missing("nginx", ".ci/ensure nginx")
    command = [program, "-p", str(folder), "-c", str(configured)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr, checked.stderr
    with running(command, {}, port, "/health", folder / "nginx.log") as address:
        yield address


def _configure(bundle: Path, folder: Path, port: int, site: str) -> Path:
    files = folder / "conf.d" / "elasticbeanstalk"
    files.mkdir(parents=True)
    (folder / "healthd").mkdir()
    (folder / "html").mkdir()  # the default document root of nginx
    (files.parent / "healthd_http.conf").write_text(HEALTH_FORMAT)
    (files / "healthd.conf").write_text(HEALTH.replace("FOLDER", str(folder)))
    (files / "00_application.conf").write_text(APPLICATION)
    (files / "01_static.conf").write_text(STATIC)
    shutil.copytree(bundle / ".platform" / "nginx", folder, dirs_exist_ok=True)
    for path in (folder / "conf.d").rglob("*.conf"):
        text = path.read_text().replace("http://127.0.0.1:8000", site)
        text = re.sub("/var/cache/nginx-marquee", str(folder / "cache"), text)
        path.write_text(text.replace("/var/log/nginx", str(folder)))
    return _write_main(PLATFORM, folder, port)


def _write_main(text: str, folder: Path, port: int) -> Path:
    user = "user root;" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(text.format(user=user, folder=folder, port=port))
    return main
