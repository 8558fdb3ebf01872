"""Send mail by SMTP or Amazon SES; in development write it to the log."""

from __future__ import annotations

import smtplib
import ssl
import threading
from email.message import EmailMessage
from urllib.parse import SplitResult, unquote, urlsplit

from flask import Flask, current_app

PATIENCE = 20.0
# Begins an encoded word (RFC 2047). Python decodes it in an address, so that the mail would go to
# another mailbox than the limits count.
ENCODED_WORD = "=?"


def can_send() -> bool:
    return current_app.config["MAIL"] is not None


def send(to: str, subject: str, text: str) -> None:
    """Send in the background, so that a page takes as long with mail as without.

    Addresses with an encoded word, which forms reject, get nothing.
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
    url = urlsplit(app.config["MAIL"])
    try:
        if url.scheme == "ses":
            _by_ses(url.hostname or "", message)
        else:
            _by_smtp(url, message)
    except OSError:  # the base class of smtplib's errors too
        # Without the text of the mail, which holds a secret link.
        app.logger.exception("mail could not be sent")


def _by_smtp(url: SplitResult, message: EmailMessage) -> None:
    host = url.hostname or "localhost"
    trusted = ssl.create_default_context()
    if url.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, url.port or 465, timeout=PATIENCE, context=trusted
        )
    else:
        server = smtplib.SMTP(host, url.port or 587, timeout=PATIENCE)
    with server:
        if url.scheme == "smtp" and url.username:
            server.starttls(context=trusted)
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
        server.send_message(message)


def _by_ses(region: str, message: EmailMessage) -> None:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = boto3.client("sesv2", region_name=region)
        client.send_email(Content={"Raw": {"Data": message.as_bytes()}})
    except (BotoCoreError, ClientError) as refused:
        raise OSError(f"Amazon SES: {refused}") from refused
