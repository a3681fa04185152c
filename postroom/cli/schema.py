"""`postroom db`: which schema the database has, and bringing it to the newest."""

from __future__ import annotations

import click

from postroom.app.compose import make_state_dir
from postroom.app.database import connected, database_name, database_revision
from postroom.cli.context import read_config, warn
from postroom.cli.tables import shown
from postroom.db.engine import Database
from postroom.db.fences import grants, require_fences
from postroom.db.schema import HEAD, mend_fences, upgrade
from postroom.errors import DatabaseUnfenced, UsageFault


@click.group(short_help="Bring the database to the newest schema.")
def db() -> None:
    """Bring the database to the newest schema."""


@db.command("upgrade", short_help="Bring the database to the newest schema, and say what was done.")
@click.pass_context
def db_upgrade(ctx: click.Context) -> None:
    """Bring the database to the newest schema, and say what was done; safe to repeat.

    Every start does the same; this is for doing it at a time of your own, and with PostgreSQL as the owner of
    the tables where postroom runs as another role.  Row level security that was switched off is put back.
    """
    loaded = read_config(ctx, secrets="own")
    warn(loaded)
    make_state_dir(loaded.settings.state_dir)
    before = database_revision(loaded.settings)
    with connected(loaded.settings) as database:
        changed = upgrade(database)
        mended = _mended(database)
    click.echo(f"{shown(database_name(loaded.settings))}: " + _done(before, changed=changed, mended=mended))


def _mended(database: Database) -> bool:
    """Put row level security back in force where somebody switched it off; return whether that was so."""
    try:
        require_fences(database)
    except DatabaseUnfenced:
        mend_fences(database)
        return True
    return False


def _done(before: str | None, *, changed: bool, mended: bool) -> str:
    if changed:
        return f"upgraded from {before} to {HEAD}" if before else f"made at revision {HEAD}"
    return f"at revision {HEAD}, " + ("row level security put back in force" if mended else "nothing to do")


@db.command("grants", short_help="Print what a database role needs that does not own the tables.")
@click.argument("role")
@click.pass_context
def db_grants(ctx: click.Context, role: str) -> None:
    """Print the SQL that lets ROLE work with postroom's tables in PostgreSQL without owning them.

    Run it as the owner of the tables: postroom db grants ROLE | psql ...  Nothing is changed by printing it.
    """
    loaded = read_config(ctx)
    if loaded.settings.db.url.startswith("sqlite:"):
        raise UsageFault("SQLite has no roles", fix="set db.url to a PostgreSQL database first")
    for statement in grants(role):
        click.echo(statement)


@db.command("revision", short_help="Show the revision of the database and the newest one.")
@click.pass_context
def db_revision(ctx: click.Context) -> None:
    """Show the revision of the database and the newest one; nothing is changed."""
    loaded = read_config(ctx, secrets="own")
    warn(loaded)
    found = database_revision(loaded.settings) or "none"
    verdict = "the newest" if found == HEAD else f"this postroom's is {HEAD}"
    click.echo(f"{shown(database_name(loaded.settings))}: revision {found} ({verdict})")
