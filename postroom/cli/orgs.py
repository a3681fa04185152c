"""`postroom org`: the orgs, their aliases and who may write to them."""

from __future__ import annotations

from typing import Any

import click

from postroom.app.compose import App
from postroom.cli.context import opened
from postroom.cli.org_export import export
from postroom.cli.tables import facts, iso, json_line, table
from postroom.cli.words import counted
from postroom.core.routing import address_pattern, slug_in
from postroom.db.orgs import OrgEntry
from postroom.db.reading_status import counts_of

_LISTED = 10


@click.group(short_help="Add, list, show and suspend orgs, give them aliases, export them.")
def org() -> None:
    """Add, list, show and suspend orgs, and give them aliases.

    An org of postroom.toml keeps the name and the senders that stand there.
    """


@org.command()
@click.argument("slug")
@click.option("--name", default="", help="What people call it.")
@click.option("--allow-from", multiple=True, metavar="PATTERN", help="Only these senders: *@a.example.")
@click.pass_context
def add(ctx: click.Context, slug: str, name: str, allow_from: tuple[str, ...]) -> None:
    """Make an org that is called SLUG in addresses and commands."""
    with opened(ctx) as app:
        made = app.directory.add(slug, app.now(), name=name, allow_from=allow_from)
        address = app.settings.orgs.address.replace("{org}", made.slug)
        click.echo(f"added {made.slug}: its mail comes to {address}")
        _say_what_waits(app, made.slug, made.slug)


@org.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List all orgs."""
    with opened(ctx) as app:
        entries = app.directory.every()
    if as_json:
        for entry in entries:
            json_line(_json(entry))
    elif entries:
        table(("org", "name", "aliases", "senders", "state"), (_row(entry) for entry in entries))
    else:
        click.echo("no orgs: postroom org add SLUG makes one", err=True)


@org.command()
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def show(ctx: click.Context, slug: str, as_json: bool) -> None:
    """Show one org, and how many messages and documents it has."""
    with opened(ctx) as app:
        entry = app.directory.entry(slug)
        by_status, documents = counts_of(app.database, entry)
        address = app.settings.orgs.address.replace("{org}", entry.slug)
    counts = {status.value: count for status, count in by_status.items()}
    if as_json:
        json_line(_json(entry) | {"id": str(entry.id), "messages": counts, "documents": documents})
        return
    said = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    facts(
        [
            ("org", entry.slug),
            ("id", str(entry.id)),
            ("name", entry.name),
            ("address", address),
            ("aliases", ", ".join(entry.aliases)),
            ("senders", _senders(entry)),
            ("state", _state(entry)),
            ("since", entry.created_at),
            ("messages", said or "none"),
            ("documents", documents),
        ]
    )


@org.command()
@click.argument("slug")
@click.option("--resume", is_flag=True, help="Take the org up again.")
@click.pass_context
def suspend(ctx: click.Context, slug: str, resume: bool) -> None:
    """Suspend an org: its mail goes to quarantine until it is resumed; what it has stays."""
    with opened(ctx) as app:
        entry = app.directory.suspend(slug, app.now(), suspended=not resume)
    if resume:
        click.echo(f"{entry.slug} takes mail again; what came meanwhile is in quarantine")
    else:
        click.echo(f"{entry.slug} is suspended: its mail goes to quarantine")


@org.command()
@click.argument("slug")
@click.argument("alias")
@click.pass_context
def alias(ctx: click.Context, slug: str, alias: str) -> None:
    """Give an org another slug: mail for ALIAS is then mail for SLUG."""
    with opened(ctx) as app:
        entry = app.directory.alias(slug, alias, app.now())
        aliases = counted(len(entry.aliases), "alias", "aliases")
        click.echo(f"{entry.slug} has {aliases}: {', '.join(entry.aliases)}")
        _say_what_waits(app, alias, entry.slug)


org.add_command(export)


def _say_what_waits(app: App, written: str, slug: str) -> None:
    """Name the mails in quarantine that came for an org of the name `written`, and what gives them to it."""
    pattern = address_pattern(app.settings.orgs.address)
    waiting = [held.id for held in app.quarantine.held() if slug_in(held.recipient, pattern)[0] == written]
    if not waiting:
        return
    verb = "waits" if len(waiting) == 1 else "wait"
    words = f"{counted(len(waiting), 'mail')} for it {verb}:"
    for entry_id in waiting[:_LISTED]:
        click.echo(f"{words} postroom quarantine assign {entry_id} {slug}")
        words = " " * len(words)
    if len(waiting) > _LISTED:
        click.echo(f"{words} ...; postroom quarantine list shows them all")


def _json(entry: OrgEntry) -> dict[str, Any]:
    return {
        "org": entry.slug,
        "name": entry.name,
        "aliases": list(entry.aliases),
        "allow_from": list(entry.allow_from),
        "suspended": entry.suspended,
        "created_at": iso(entry.created_at),
    }


def _row(entry: OrgEntry) -> tuple[object, ...]:
    return entry.slug, entry.name, ", ".join(entry.aliases), _senders(entry), _state(entry)


def _senders(entry: OrgEntry) -> str:
    return ", ".join(entry.allow_from) or "all"


def _state(entry: OrgEntry) -> str:
    return "suspended" if entry.suspended else "active"
