"""``flask experiments start``, ``end`` and ``list``."""

from __future__ import annotations

import click

from app.cli.errors import CommandGroup
from app.cli.releases import force_option
from app.experiments import store
from app.recommend.variants import IN_SERVICE, Variant

experiments = CommandGroup("experiments", help="Start, end and list experiments.")


@experiments.command()
@click.argument("name")
@click.option("--control", default=IN_SERVICE, show_default=True, help="The baseline variant.")
@click.option("--treatment", required=True, help="The variant to try.")
@click.option("--share", default=0.5, show_default=True, help="The treatment's share of users.")
@force_option
def start(name: str, control: str, treatment: str, share: float, force: bool) -> None:
    """Start the experiment NAME, if none is running and both variants can be served.

    A variant is a release's version, settings, or both: VERSION, popularity_weight=0.1 or
    VERSION,min_ratings=5. "current" is the release in service at any time. A release that
    `flask releases promote` takes with --force alone needs it here too.
    """
    begun = store.start(name, Variant.parse(control), Variant.parse(treatment), share, force)
    click.echo(
        f"{begun.name} is running: {begun.treatment} for {share * 100:g} % of the people,"
        f" {begun.control} for the others"
    )


@experiments.command()
def end() -> None:
    """End the running experiment: everyone gets the release in service."""
    click.echo(f"{store.end().name} has ended; everyone gets the release in service")


@experiments.command("list")
def list_experiments() -> None:
    """List all experiments with their variants; a star marks the running one."""
    for e in store.every_experiment():
        until = f"{e.ended_at:%Y-%m-%d %H:%M}" if e.ended_at else "now"
        click.echo(
            f"{'*' if e.is_running else ' '} {e.name}\t{e.started_at:%Y-%m-%d %H:%M} to {until}"
            f"\tcontrol {e.control}\ttreatment {e.treatment} ({e.share:.0%})"
        )
