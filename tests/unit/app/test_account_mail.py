"""Changing the password, resetting it by mail, and sending mail."""

from __future__ import annotations

import logging
import socketserver
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.accounts import mail
from app.accounts import service as accounts
from app.db.clock import utcnow
from app.extensions import db
from app.models import User
from tests.support.logins import CHANGE, NEW, ask
from tests.support.site import PASSWORD, confirm_address, register


def login(app: Flask, password: str) -> int:
    form = {"username": "ann", "password": password}
    return app.test_client().post("/login", data=form).status_code


@pytest.mark.every_database
def test_change_password_ends_other_sessions_and_keeps_current_one(
    app: Flask, ann: FlaskClient
) -> None:
    other = app.test_client()
    other.post("/login", data={"username": "ann", "password": PASSWORD})
    assert ann.post("/account", data=CHANGE).status_code == 303
    assert ann.get("/").status_code == 200
    assert other.get("/").status_code == 302
    assert (login(app, PASSWORD), login(app, NEW)) == (422, 303)


@pytest.mark.parametrize(
    ("change", "output"),
    [
        ({"present": "wrong"}, "This is not your password."),
        ({"confirm": "different!"}, "The two passwords differ."),
        ({"password": "short", "confirm": "short"}, "Between 8 and 128"),
    ],
)
def test_change_password_changes_nothing_when_form_is_invalid(
    app: Flask, ann: FlaskClient, change: dict[str, str], output: str
) -> None:
    answer = ann.post("/account", data={**CHANGE, **change})
    assert (answer.status_code, output in answer.text) == (422, True)
    assert login(app, PASSWORD) == 303


@pytest.mark.every_database
def test_reset_link_sets_a_new_password_once(
    app: Flask, ann: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    guest = app.test_client()
    (link,) = ask(guest, " Ann@Example.com", caplog)
    assert "for ann" in guest.get(link).text
    form = {"password": NEW, "confirm": NEW}
    assert guest.post(link, data=form).location == "/login"
    assert ann.get("/").status_code == 302
    assert login(app, NEW) == 303
    again = guest.post(link, data={"password": "another one", "confirm": "another one"})
    assert (again.status_code, "gone stale" in again.text) == (404, True)
    assert login(app, NEW) == 303


def test_reset_token_expires_after_one_hour(
    app: Flask, ann: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        token = accounts.reset_token(db.session.get(User, 21))
        assert accounts.user_of_token(token) is not None
        monkeypatch.setattr(accounts, "RESET_WITHIN", timedelta(seconds=-2))
        assert accounts.user_of_token(token) is None


@pytest.mark.parametrize("token", ["x", "WzIxLCJ4Il0.x.y", "..", "%00", "a" * 3000])
def test_reset_is_404_when_token_is_forged(app: Flask, ann: FlaskClient, token: str) -> None:
    answer = app.test_client().post(f"/reset/{token}", data={"password": NEW, "confirm": NEW})
    assert answer.status_code == 404
    assert login(app, PASSWORD) == 303


def test_reset_link_is_invalid_after_password_change(
    app: Flask, ann: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    (link,) = ask(app.test_client(), "ann@example.com", caplog)
    ann.post("/account", data=CHANGE)
    assert app.test_client().get(link).status_code == 404


def test_forgotten_response_is_the_same_when_address_is_unknown(
    app: Flask, ann: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    guest = app.test_client()
    known = guest.post("/forgotten", data={"email": "ann@example.com"})
    unknown = guest.post("/forgotten", data={"email": "eve@example.com"})
    assert known.text.replace("ann@", "eve@") == unknown.text
    assert ask(guest, "eve@example.com", caplog) == []


def test_forgotten_sends_one_reset_mail_per_interval(
    app: Flask, ann: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(ask(app.test_client(), "ann@example.com", caplog)) == 1
    assert len(ask(app.test_client(), "ann@example.com", caplog)) == 0
    with app.app_context():
        db.session.get(User, 21).reset_asked_at = utcnow() - timedelta(minutes=3)
        db.session.commit()
    assert len(ask(app.test_client(), "ann@example.com", caplog)) == 1


def test_forgotten_mails_one_link_per_account_of_an_address(
    app: Flask, ann: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    form = {"username": "cat", "email": "ann@example.com"}
    app.test_client().post("/register", data={**form, "password": NEW, "confirm": NEW})
    confirm_address(app, "cat")
    assert len(ask(app.test_client(), "ann@example.com", caplog)) == 2


def test_reset_link_uses_site_url_when_host_header_is_forged(
    app: Flask, ann: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        app.test_client().post(
            "/forgotten", data={"email": "ann@example.com"}, headers={"Host": "evil.example"}
        )
    assert "evil.example" not in caplog.text
    assert "http://127.0.0.1:5000/reset/" in caplog.text


def test_forgotten_says_that_the_site_sends_no_mail_when_mail_is_unset(
    environ: dict[str, str],
) -> None:
    silent = create_app({**environ, "DEBUG": "False"}, TESTING=True, WTF_CSRF_ENABLED=False)
    assert silent.config["MAIL"] is None
    page = silent.test_client().post("/forgotten", data={"email": "ann@example.com"})
    assert "This site sends no mail" in page.text


class Postbox(socketserver.ThreadingTCPServer):
    """A minimal SMTP server that accepts one mail."""

    allow_reuse_address = True
    letters: list[bytes]


class Clerk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                letter = b""
                while (line := self.rfile.readline()) != b".\r\n":
                    letter += line
                self.server.letters.append(letter)  # type: ignore[attr-defined]
            elif line.upper().startswith(b"QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 fine\r\n")


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    with Postbox(("127.0.0.1", 0), Clerk) as server:
        server.letters = []
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def deliver(app: Flask, to: str = "ann@example.com") -> None:
    with app.app_context():
        mail.send(to, "Subject", "Text ü")
    for thread in threading.enumerate():
        if thread.name == "mail":
            thread.join()


def test_mail_is_sent_by_smtp(app: Flask, postbox: Postbox) -> None:
    app.config["MAIL"] = f"smtp://127.0.0.1:{postbox.server_address[1]}"
    deliver(app)
    letter: Any = message_from_bytes(postbox.letters[0])
    assert (letter["To"], letter["Subject"]) == ("ann@example.com", "Subject")
    assert letter["From"] == "Marquee <marquee@localhost>"


@pytest.fixture
def ses(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """A stub of Amazon SES with responses set by the test."""
    client = boto3.client(
        "sesv2", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    monkeypatch.setattr(boto3, "client", lambda *_a, **_k: client)
    app.config["MAIL"] = "ses://eu-central-1"
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def test_mail_is_sent_by_ses(app: Flask, ses: Stubber) -> None:
    ses.add_response("send_email", {"MessageId": "1"}, {"Content": {"Raw": {"Data": ANY}}})
    deliver(app)


def test_mail_logs_the_error_when_ses_rejects_the_message(
    app: Flask, ses: Stubber, caplog: pytest.LogCaptureFixture
) -> None:
    ses.add_client_error("send_email", "MessageRejected", "Email address is not verified.")
    deliver(app)
    assert "Amazon SES" in caplog.text
    assert "not verified" in caplog.text


def test_mail_failure_is_logged_and_page_is_served(
    app: Flask, ann: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    app.config["MAIL"] = "smtp://127.0.0.1:1"
    answer = app.test_client().post("/forgotten", data={"email": "ann@example.com"})
    deliver(app)
    assert answer.status_code == 200
    assert "mail could not be sent" in caplog.text


def test_mail_rejects_an_address_with_a_line_break(app: Flask, ann: FlaskClient) -> None:
    answer = app.test_client().post(
        "/forgotten", data={"email": "ann@example.com\nBcc: eve@example.com"}
    )
    assert answer.status_code == 422
    with pytest.raises(ValueError, match="linefeed"):
        EmailMessage()["To"] = "a\nb"


def test_recognise_selects_the_account_by_password_when_accounts_share_an_address(
    app: Flask,
) -> None:
    register(app.test_client(), "ann")
    form = {"username": "cat", "email": "ann@example.com"}
    app.test_client().post("/register", data={**form, "password": NEW, "confirm": NEW})
    for name in ("ann", "cat"):
        confirm_address(app, name)
    with app.app_context():
        assert accounts.recognise("ann@example.com", PASSWORD).username == "ann"
        assert accounts.recognise("ann@example.com", NEW).username == "cat"
        assert accounts.recognise("ann@example.com", "neither") is None


# Encoded words: one that a header decodes to victim@example.com, others that Python rejects.
ENCODED_WORDS = ["=?utf-8?q?vic=74im?=@example.com", "=?utf-8?q??=@example.com"]


@pytest.mark.parametrize("email", ENCODED_WORDS)
def test_forms_reject_an_address_with_an_encoded_word(app: Flask, email: str) -> None:
    client = app.test_client()
    form = {"username": "eve", "email": email, "password": NEW, "confirm": NEW}
    for path in ("/register", "/forgotten"):
        answer = client.post(path, data=form)
        assert (answer.status_code, "not look like an email" in answer.text) == (422, True)


@pytest.mark.parametrize("email", ENCODED_WORDS)
def test_mail_is_not_sent_to_an_address_with_an_encoded_word(
    app: Flask, email: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Such an address can belong to an account from before forms rejected it."""
    with app.app_context():
        mail.send(email, "Confirm your address", "text")
    assert "mail could not be sent" in caplog.text
    assert "mail to" not in caplog.text


def test_forgotten_takes_the_same_time_when_address_is_unknown(
    app: Flask, ann: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "RESET_SECONDS", 0.5)
    guest = app.test_client()
    for email in ("ann@example.com", "eve@example.com"):
        began = time.perf_counter()
        assert guest.post("/forgotten", data={"email": email}).status_code == 200
        assert time.perf_counter() - began >= 0.5
