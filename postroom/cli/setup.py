"""`postroom setup`: what another program must be told so that it works with postroom."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from postroom.cli.context import read_config
from postroom.config.load import Loaded
from postroom.config.settings import MaildirFolder
from postroom.errors import UsageFault


@click.group(short_help="Tell Postfix to hand mail to postroom.")
def setup() -> None:
    """Tell another program to work with postroom."""


@setup.command(short_help="Tell Postfix to hand over the mail of a domain.")
@click.option("--domain", required=True, metavar="DOMAIN", help="The domain of orgs.address.")
@click.option(
    "--by",
    type=click.Choice(["maildir", "lmtp", "pipe"]),
    default="maildir",
    show_default=True,
    help="Postfix writes the Maildir itself, or speaks LMTP to the relay, or runs postroom deliver.",
)
@click.option(
    "--maildir", "name", default="", metavar="NAME", help="A [maildir.NAME]; default: the only one."
)
@click.option(
    "--lmtp", default="", metavar="PLACE", help="Where the relay listens; default: as [relay] says."
)
@click.option("--dry-run", is_flag=True, help="Print the commands and change nothing.")
@click.pass_context
def postfix(ctx: click.Context, *, domain: str, by: str, name: str, lmtp: str, dry_run: bool) -> None:
    """Tell Postfix to take mail for the orgs of DOMAIN and to hand it to postroom.

    The commands are those that --dry-run prints, a shell script for root; they may be repeated.  Nothing is
    done where main.cf has one of the parameters with another value.
    """
    from postroom.app import postfix as mta  # noqa: PLC0415  (the help needs none of it)

    loaded = read_config(ctx)
    mta.require_address(domain, loaded.settings)
    machine = mta.look_around(loaded.settings, _program(), _config(loaded))
    recipe = mta.Recipe(by)
    home = None if recipe is mta.Recipe.LMTP else mta.home_of(_chosen(loaded, name))
    place = lmtp if lmtp or home else mta.lmtp_place(loaded.settings.relay)
    handover = mta.Handover(recipe, domain, home, place)
    wanted = mta.main_cf(handover, loaded.settings, machine)
    text = mta.script(handover, machine, wanted)
    if dry_run:
        click.echo(text, nl=False)
        return
    mta.require_nothing_lost(wanted, machine)
    mta.apply(text)


def _chosen(loaded: Loaded, name: str) -> MaildirFolder | None:
    folders = loaded.settings.maildir
    if name and name not in folders:
        raise UsageFault(f"there is no [maildir.{name}]; there is: {', '.join(folders) or 'none'}")
    if name:
        return folders[name]
    return next(iter(folders.values())) if len(folders) == 1 else None


def _program() -> tuple[str, ...]:
    """Return how this postroom is called from any folder."""
    called = Path(shutil.which(sys.argv[0]) or sys.argv[0])
    if called.name == "__main__.py":
        return sys.executable, "-m", "postroom"
    return (str(called.absolute()),)


def _config(loaded: Loaded) -> tuple[str, ...]:
    return ("-c", str(loaded.files[0].resolve())) if loaded.files else ()
