"""Errors on the command line: one line each, exit status 2."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import click

from recommender.errors import MarqueeError

P = ParamSpec("P")
T = TypeVar("T")


class CommandError(click.ClickException):
    """Ends a command with one line on standard error and exit status 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"error: {self.format_message()}", err=True, file=file)


def report_errors(command: Callable[P, T]) -> Callable[P, T]:
    """Decorate a command so that it reports a MarqueeError as a CommandError."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except MarqueeError as error:
            raise CommandError(str(error)) from error

    return wrapped
