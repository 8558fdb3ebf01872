"""The commands of ``flask``: one module a group."""

from __future__ import annotations

from flask import Flask

from app.cli import bulk_transfer, catalogue, experiments, ratings, releases, tokens, users


def init_app(app: Flask) -> None:
    """Add the commands of every group to the application."""
    for module in (catalogue, users, tokens, bulk_transfer, ratings):
        for command in module.commands.commands.values():
            app.cli.add_command(command)
    app.cli.add_command(releases.releases)
    app.cli.add_command(experiments.experiments)
