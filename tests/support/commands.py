"""Run commands of the site."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskCliRunner


def run(app: Flask, *command: str) -> tuple[int, str]:
    """Return (exit status, output)."""
    runner: FlaskCliRunner = app.test_cli_runner()
    done = runner.invoke(args=command)
    return done.exit_code, done.output
