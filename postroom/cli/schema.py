"""`postroom db`: which schema the database has, and bringing it to the newest."""

from __future__ import annotations

import click

from postroom.app.checkup import database_file, database_revision
from postroom.app.compose import make_state_dir
from postroom.cli.context import read_config, warn
from postroom.cli.tables import shown
from postroom.db.engine import open_database
from postroom.db.schema import HEAD, upgrade


@click.group(short_help="Bring the database to the newest schema.")
def db() -> None:
    """Bring the database to the newest schema."""


@db.command("upgrade", short_help="Bring the database to the newest schema, and say what was done.")
@click.pass_context
def db_upgrade(ctx: click.Context) -> None:
    """Bring the database to the newest schema, and say what was done; safe to repeat.

    Every start does the same with SQLite; this is for doing it at a time of your own.
    """
    loaded = read_config(ctx)
    warn(loaded)
    make_state_dir(loaded.settings.state_dir)
    before = database_revision(loaded.settings)
    database = open_database(loaded.settings.db.url)
    try:
        changed = upgrade(database)
    finally:
        database.close()
    file = shown(str(database_file(loaded.settings)))
    if changed:
        click.echo(
            f"{file}: " + (f"upgraded from {before} to {HEAD}" if before else f"made at revision {HEAD}")
        )
    else:
        click.echo(f"{file}: at revision {HEAD}, nothing to do")


@db.command("revision", short_help="Show the revision of the database and the newest one.")
@click.pass_context
def db_revision(ctx: click.Context) -> None:
    """Show the revision of the database and the newest one; nothing is changed."""
    loaded = read_config(ctx)
    warn(loaded)
    found = database_revision(loaded.settings) or "none"
    verdict = "the newest" if found == HEAD else f"this postroom's is {HEAD}"
    click.echo(f"{shown(str(database_file(loaded.settings)))}: revision {found} ({verdict})")
