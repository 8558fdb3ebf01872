"""Mail: by SMTP, by Amazon SES, or printed to the log in development."""

from __future__ import annotations

import smtplib
import ssl
import threading
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from flask import Flask, current_app

PATIENCE = 20.0
# Begins an encoded word (RFC 2047). Python reads one in an address as what it encodes, so that the
# letter goes to another mailbox than the one that limits count.
ENCODED_WORD = "=?"


def can_send() -> bool:
    return current_app.config["MAIL"] is not None


def send(to: str, subject: str, text: str) -> None:
    """Send in the background, so that a page takes as long with mail as without.

    An address that a header would turn into another one gets nothing; forms refuse it.
    """
    if ENCODED_WORD in to:
        current_app.logger.error("mail could not be sent: its address holds an encoded word")
        return
    message = EmailMessage()
    message["From"], message["To"] = current_app.config["MAIL_FROM"], to
    message["Subject"] = subject
    message.set_content(text)
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    if app.config["MAIL"] == "log":
        app.logger.warning("mail to %s: %s\n%s", to, subject, text)
        return
    threading.Thread(target=_deliver, args=(app, message), name="mail").start()


def _deliver(app: Flask, message: EmailMessage) -> None:
    way = urlsplit(app.config["MAIL"])
    try:
        if way.scheme == "ses":
            _by_ses(way.hostname or "", message)
        else:
            _by_smtp(app.config["MAIL"], message)
    except OSError:  # which smtplib's own are too
        # A background thread has nobody to tell but the log; what failed is told without the text.
        app.logger.exception("mail could not be sent")


def _by_smtp(address: str, message: EmailMessage) -> None:
    way = urlsplit(address)
    host = way.hostname or "localhost"
    trusted = ssl.create_default_context()
    if way.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, way.port or 465, timeout=PATIENCE, context=trusted
        )
    else:
        server = smtplib.SMTP(host, way.port or 587, timeout=PATIENCE)
    with server:
        if way.scheme == "smtp" and way.username:
            server.starttls(context=trusted)
        if way.username:
            server.login(unquote(way.username), unquote(way.password or ""))
        server.send_message(message)


def _by_ses(region: str, message: EmailMessage) -> None:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = boto3.client("sesv2", region_name=region)
        client.send_email(Content={"Raw": {"Data": message.as_bytes()}})
    except (BotoCoreError, ClientError) as refused:
        raise OSError(f"Amazon SES: {refused}") from refused
