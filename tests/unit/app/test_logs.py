"""Log lines: JSON, one per request, with ids of requests and users, without secrets."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app import create_app
from app.extensions import db
from app.observability import timing
from app.observability.logs import Readable
from tests.support.api import client_with_token
from tests.support.log_lines import Lines
from tests.support.site import PASSWORD, confirm_address, register

FIRST = "20260101-000000-aaaa"


def test_request_is_logged_as_one_line(client: FlaskClient, lines: Lines) -> None:
    answer = client.get("/login")
    (line,) = [line for line in lines if line["message"] == "request"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.pop("time"))
    assert line.pop("milliseconds") > 0
    assert line == {
        "level": "info",
        "message": "request",
        "request_id": answer.headers["X-Request-ID"],
        "method": "GET",
        "route": "/login",
        "status": 200,
    }


def test_request_log_has_user_id_and_route_rule(ann: FlaskClient, lines: Lines) -> None:
    ann.post("/title/1/rating", data={"rating": "4"})
    assert (lines[-1]["user_id"], lines[-1]["route"]) == (21, "/title/<id:item_id>/rating")
    assert lines[-1]["release"] == FIRST
    ann.get("/no/such/page")
    assert (lines[-1]["status"], lines[-1]["route"]) == (404, "unknown")
    ann.post("/logout")
    ann.get("/login")
    assert "user_id" not in lines[-1]


def test_request_log_has_the_user_id_of_a_login(app: Flask, ann: FlaskClient, lines: Lines) -> None:
    app.test_client().post("/login", data={"username": "ann", "password": PASSWORD})
    assert (lines[-1]["status"], lines[-1]["user_id"]) == (303, 21)


def test_request_log_has_the_token_user_or_the_user_in_the_path(
    app: Flask, ann: FlaskClient, lines: Lines
) -> None:
    client_with_token(app, "own", user_id=21)("GET", "/movies/top")
    assert lines[-1]["user_id"] == 21
    service = client_with_token(app, "service")
    service("GET", "/movies/top")
    assert "user_id" not in lines[-1]
    service("GET", "/user/21/recommendations")
    assert lines[-1]["user_id"] == 21


@pytest.mark.parametrize("given", ["7c9e6679-7425-40de-944b-e07fc1f90ae7", "a.b_c-12", "x" * 64])
def test_request_id_from_a_proxy_is_kept(client: FlaskClient, lines: Lines, given: str) -> None:
    answer = client.get("/health", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] == given == lines[-1]["request_id"]


@pytest.mark.parametrize(
    "given", ["", "short", "x" * 65, "with blank 1", '"quoted"1', "<b>12345</b>", "naïve-12345"]
)
def test_request_id_is_generated_when_missing_or_invalid(client: FlaskClient, given: str) -> None:
    ids = {client.get("/health", headers={"X-Request-ID": given}).headers["X-Request-ID"]}
    ids |= {client.get("/health").headers["X-Request-ID"]}
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in ids)


def test_error_responses_contain_the_request_id(client: FlaskClient) -> None:
    page = client.get("/nothing", headers={"X-Request-ID": "page-0001"})
    assert "mention <code>page-0001</code>" in page.text
    answer = client.get("/api/v1/movies/top", headers={"X-Request-ID": "rest-0001"})
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (401, "rest-0001")
    assert answer.json.keys() == {"code", "message"}


def test_exception_is_logged_as_one_line_with_traceback(own_app: Flask, lines: Lines) -> None:
    @own_app.get("/broken/<secret>")
    def broken(secret: str) -> None:
        raise ZeroDivisionError("three\nlines\r\nlong")

    own_app.config["PROPAGATE_EXCEPTIONS"] = False  # as in production
    page = own_app.test_client().get("/broken/hush?key=hush")
    failed, answered = lines[-2:]
    assert (failed["level"], failed["route"]) == ("error", "/broken/<secret>")
    assert "ZeroDivisionError: three\nlines" in failed["traceback"]
    assert answered["status"] == 500
    assert failed["request_id"] == answered["request_id"] == page.headers["X-Request-ID"]
    assert "hush" not in json.dumps(lines)


def test_logs_contain_no_secrets_and_no_addresses(
    closed_app: Flask, app: Flask, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    client = app.test_client()
    far = {"REMOTE_ADDR": "203.0.113.9"}
    client.environ_base |= far
    register(client, "ann")
    client.get("/search?q=something-private")
    cookie = client.get_cookie("session")
    client.post("/logout")
    client.post("/login", data={"username": "ann", "password": "not the password"})
    confirm_address(closed_app, "ann")
    client.post("/forgotten", data={"email": "ann@example.com"})
    (link,) = re.findall(r"/reset/\S+", caplog.text)
    client.get(link)
    changed = "horse battery correct"
    client.post(link, data={"password": changed, "confirm": changed})
    rest = client_with_token(app, "service")
    rest("GET", "/movies/top", environ_overrides=far)
    secret = rest._headers["Authorization"].removeprefix("Bearer ")
    output = json.dumps(lines)
    assert len(lines) >= 9
    for hidden in (
        *("203.0.113.9", "ann@example.com", "something-private"),
        *(PASSWORD, "not the password", changed, link, secret, cookie.value),
    ):
        assert hidden not in output, hidden
    assert "/reset/<token>" in {line.get("route") for line in lines}


@pytest.mark.parametrize(
    ("output", "logged"),
    [
        ("no host in postgresql://u:p4ss@db/x", "no host in postgresql://[secret]@db/x"),
        ("mail to ann.b+c@mail.example.com: hello", "mail to [address]: hello"),
        ("open https://x.example/reset/eyJh.Zx-1 now", "open https://x.example/reset/[secret] now"),
        (f"token marquee_{'aB-_9' * 8}xyz?", "token [secret]?"),
        ("Invalid request from ip=203.0.113.9: GET /?a=b", "Invalid request"),
        ("Error handling request GET /reset/abc?d=e", "Error handling request"),
        ("at 12:30:01 marquee_ratings_written_total", "at 12:30:01 marquee_ratings_written_total"),
    ],
)
def test_logs_redact_secrets_in_error_messages(lines: Lines, output: str, logged: str) -> None:
    logging.getLogger("gunicorn.error").warning("%s", output)
    assert lines[-1]["message"] == logged
    try:
        raise ValueError(output)
    except ValueError:
        logging.getLogger("app").exception("failed")
    assert lines[-1]["traceback"].endswith(f"ValueError: {logged}")


def test_log_lines_escape_line_breaks_in_input(lines: Lines) -> None:
    logging.getLogger("app").warning(
        'a\n{"level": "info"}\r\u2028\x85b'
    )  # Kept asserts that it is one line
    assert lines[-1]["message"] == 'a\n{"level": "info"}\r\u2028\x85b'


def test_database_errors_hide_parameter_values_in_production(
    environ: dict[str, str], store: object
) -> None:
    del environ["DEBUG"]
    with create_app(environ).app_context():
        with pytest.raises(SQLAlchemyError) as raised:
            db.session.execute(text("INSERT INTO nowhere VALUES (:it)"), {"it": "hush-hush"})
        db.engine.dispose()
    assert "nowhere" in str(raised.value)
    assert "hush-hush" not in str(raised.value)


def test_slow_request_is_logged_with_its_parts(
    ann: FlaskClient,
    lines: Lines,
    monkeypatch: pytest.MonkeyPatch,
    count_queries: Callable[[], list[str]],
) -> None:
    ann.post("/title/1/rating", data={"rating": "5"})
    monkeypatch.setattr(timing, "SLOW_SECONDS", 0)
    queries = count_queries()
    ann.get("/")
    line = lines[-1]
    assert (line["level"], line["message"], line["route"]) == ("warning", "slow request", "/")
    assert line["parts"].keys() == {"database", "fold_in", "top_n", "reasons", "templates"}
    assert all(0 <= spent <= line["milliseconds"] for spent in line["parts"].values())
    assert line["queries"] == len(queries) > 0


def test_quick_request_is_logged_without_parts(
    ann: FlaskClient, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "SLOW_SECONDS", 1e9)
    ann.get("/")
    assert lines[-1]["level"] == "info"
    assert "parts" not in lines[-1]


def test_slow_request_log_assigns_time_to_the_right_part(
    own_app: Flask, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "SLOW_SECONDS", 0)

    @own_app.get("/slow")
    def slow() -> str:
        db.session.execute(
            text(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)"
                " SELECT count(*) FROM n"
            )
        )
        return "done"

    client = own_app.test_client()
    client.get("/health")  # loads the release
    client.get("/slow")
    parts = lines[-1]["parts"]
    assert parts.keys() == {"database"}
    assert parts["database"] > lines[-1]["milliseconds"] / 2


def test_console_log_lines_are_readable() -> None:
    record = logging.makeLogRecord(
        {"levelname": "INFO", "msg": "request", "fields": {"status": 200, "milliseconds": 1.5}}
    )
    assert Readable("%(levelname)s: %(message)s").format(record) == (
        "INFO: request status=200 milliseconds=1.5"
    )


def test_gunicorn_is_always_started_with_our_configuration() -> None:
    root = Path(__file__).resolve().parents[3]
    for file in ("Procfile", "Makefile"):
        assert "gunicorn --config gunicorn.conf.py" in (root / file).read_text()
