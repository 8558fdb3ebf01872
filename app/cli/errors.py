"""Commands with an application context, whose errors are one line each, with exit status 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

import config
from app.db.problems import problem_of
from recommender.errors import ConfigError, MarqueeError


class CommandError(click.ClickException):
    """Ends a command with one line on standard error and exit status 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"error: {self.format_message()}", err=True, file=file)


class Command(click.Command):
    """Reports a MarqueeError, or a database that cannot be used, as a CommandError."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MarqueeError as error:
            raise CommandError(str(error)) from error
        except (DBAPIError, PoolTimeout) as error:
            if problem := problem_of(error):
                raise CommandError(problem) from error
            raise


def read_settings(environ: Mapping[str, str] | None) -> dict[str, Any]:
    """Return ``config.load(environ)``. Raises CommandError in a command, otherwise ConfigError."""
    try:
        return config.load(environ)
    except ConfigError as error:
        if click.get_current_context(silent=True):
            raise CommandError(str(error)) from error
        raise


class CommandGroup(AppGroup):
    """A group of such commands; those of a group without a name are added to ``flask`` itself."""

    command_class = Command
