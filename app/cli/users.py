"""``flask set-role`` and ``flask end-logins``; how commands look up accounts."""

from __future__ import annotations

import click

from app.accounts import service as accounts
from app.cli.errors import CommandError, CommandGroup
from app.extensions import db
from app.models import OWNER, ROLES, User
from recommender.catalogue import LARGEST_ID

commands = CommandGroup()


@commands.command("set-role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
def set_role(name: str, role: str) -> None:
    """Give the account NAME a ROLE: an owner sees the figures."""
    user = account_named(name)
    user.role = role
    db.session.commit()
    click.echo(f"{user.username} is {'an owner' if role == OWNER else 'a person like others'} now")


@commands.command("end-logins")
@click.argument("name")
def end_logins(name: str) -> None:
    """Log the account NAME out everywhere, at once. The password stays."""
    user = account_named(name)
    user.end_logins()
    db.session.commit()
    click.echo(f"{user.username} is logged out everywhere")


def account_named(name: str) -> User:
    """Return the account of this name. Raises CommandError if there is none."""
    user = accounts.named(name)
    if user is None:
        raise CommandError(f"there is no account named {name!r}")
    return user


def find_user(id_or_name: str) -> User:
    """Return the user of this id, if it is a number, else of this name.

    Raises CommandError if there is none.
    """
    if id_or_name.isdecimal():
        user_id = int(id_or_name)
        user = db.session.get(User, user_id) if user_id <= LARGEST_ID else None
    else:
        user = accounts.named(id_or_name)
    if user is None:
        raise CommandError(f"there is no user {id_or_name!r}")
    return user
