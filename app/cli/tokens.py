"""``flask create-token``, ``list-tokens`` and ``revoke-token``."""

from __future__ import annotations

from datetime import timedelta

import click

from app.accounts import api_tokens
from app.cli.errors import CommandError, CommandGroup
from app.cli.users import find_user
from app.db.clock import utcnow

LONGEST_NAME = 64
commands = CommandGroup()


@commands.command("create-token")
@click.option("--name", required=True, help="Name of the token; must be unique.")
@click.option("--user", help="The only user it acts for: an id or login name.")
@click.option("--expires", type=click.IntRange(1, 36_500), metavar="DAYS", help="Default: never.")
def create_token(name: str, user: str | None, expires: int | None) -> None:
    """Create a token for the REST API; without --user it acts for all users. It is shown once."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise CommandError(f"--name must be 1 to {LONGEST_NAME} printable characters")
    person = find_user(user) if user is not None else None
    ends = utcnow() + timedelta(days=expires) if expires else None
    secret = api_tokens.create(name, person.id if person else None, ends)
    holder = f"user {person.id}" if person else "anyone"
    until = f"until {ends:%Y-%m-%d}" if ends else "until it is revoked"
    click.echo(f"{name!r} is good for {holder} {until}. This is shown once:", err=True)
    click.echo(secret)


@commands.command("list-tokens")
def list_tokens() -> None:
    """List all tokens: name, holder, last use, and whether it has ended."""
    for token in api_tokens.every_token():
        holder = "anyone" if token.user_id is None else f"user {token.user_id}"
        used = f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never"
        state = "good" if api_tokens.is_good(token) else "ended"
        click.echo(f"{token.name}\t{holder}\tlast used {used}\t{state}")


@commands.command("revoke-token")
@click.argument("name")
def revoke_token(name: str) -> None:
    """Revoke the token NAME, with immediate effect."""
    if not api_tokens.revoke(name):
        raise CommandError(
            f"there is no token named {name!r} to revoke; `flask list-tokens` shows them"
        )
    click.echo(f"{name!r} is revoked")
