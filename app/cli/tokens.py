"""``flask create-token``, ``list-tokens`` and ``revoke-token``."""

from __future__ import annotations

from datetime import timedelta

import click
from flask.cli import with_appcontext

from app.accounts import api_tokens
from app.cli.errors import CommandError, report_errors
from app.cli.users import find_user
from app.db.clock import utcnow

LONGEST_NAME = 64


@click.command("create-token")
@click.option("--name", required=True, help="What to call it; there is one token of a name.")
@click.option("--user", help="Good for this person alone: their id, or the name they log in by.")
@click.option("--expires", type=click.IntRange(1, 36_500), metavar="DAYS", help="Default: never.")
@with_appcontext
@report_errors
def create_token(name: str, user: str | None, expires: int | None) -> None:
    """Make a token for the REST API; without --user it acts for anyone. It is shown once."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise CommandError(f"--name must be 1 to {LONGEST_NAME} printable characters")
    person = find_user(user) if user is not None else None
    ends = utcnow() + timedelta(days=expires) if expires else None
    secret = api_tokens.create(name, person.id if person else None, ends)
    holder = f"user {person.id}" if person else "anyone"
    until = f"until {ends:%Y-%m-%d}" if ends else "until it is revoked"
    click.echo(f"{name!r} is good for {holder} {until}. This is shown once:", err=True)
    click.echo(secret)


@click.command("list-tokens")
@with_appcontext
def list_tokens() -> None:
    """Every token: name, whom it is good for, last use, and whether it has ended."""
    for token in api_tokens.every_token():
        holder = "anyone" if token.user_id is None else f"user {token.user_id}"
        used = f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never"
        state = "good" if api_tokens.is_good(token) else "ended"
        click.echo(f"{token.name}\t{holder}\tlast used {used}\t{state}")


@click.command("revoke-token")
@click.argument("name")
@with_appcontext
def revoke_token(name: str) -> None:
    """End the token NAME at once."""
    if not api_tokens.revoke(name):
        raise CommandError(
            f"there is no token named {name!r} to revoke; `flask list-tokens` shows them"
        )
    click.echo(f"{name!r} is revoked")


COMMANDS = (create_token, list_tokens, revoke_token)
