"""The commands of ``flask``: one module a group."""

from __future__ import annotations

from flask import Flask

from app.cli import bulk_transfer, catalogue, experiments, releases, tokens, users

GROUPS = (catalogue, releases, users, tokens, bulk_transfer, experiments)


def init_app(app: Flask) -> None:
    """Add the commands of every group to the application."""
    for group in GROUPS:
        for command in group.COMMANDS:
            app.cli.add_command(command)
