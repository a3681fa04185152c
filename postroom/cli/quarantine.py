"""`postroom quarantine`: mails that no org got, until a person decides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from postroom.app.compose import App
from postroom.cli.asking import TABLE_ROWS, limit_options, output_options
from postroom.cli.context import opened
from postroom.cli.standing_rules import forget, rules
from postroom.cli.tables import facts, first, iso, json_line, shown, table
from postroom.cli.words import counted
from postroom.cli.writing import write_out
from postroom.core.routing import address_pattern, slug_in
from postroom.db.quarantine import HELD, HeldMail
from postroom.errors import NotFound, UsageFault

_ID = click.IntRange(1, 2**63 - 1)


@click.group(short_help="List, assign and drop mails that no org got.")
def quarantine() -> None:
    """List, show, assign and drop the mails that no org got."""


@quarantine.command("list")
@click.option("--all", "every", is_flag=True, help="Those that were assigned or dropped too.")
@limit_options
@click.pass_context
def list_(ctx: click.Context, every: bool, limit: int | None, as_json: bool) -> None:
    """List the mails that are held, the oldest first."""
    state = None if every else HELD
    with opened(ctx) as app:
        if as_json:
            for held in app.quarantine.held(state=state, limit=limit):
                json_line(_json(held))
            return
        most = limit or TABLE_ROWS
        _show_list(app.quarantine.held(state=state, limit=most + 1), most, every=every)


@quarantine.command()
@click.argument("entry_id", metavar="ID", type=_ID)
@output_options
@click.pass_context
def show(ctx: click.Context, entry_id: int, output: str | None, force: bool) -> None:
    """Show one mail of the quarantine and what can be done; with -o FILE, write the raw mail out."""
    with opened(ctx) as app:
        held = app.quarantine.entry(entry_id)
        if output is not None:
            write_out(_raw(app, held), output, force=force)
        else:
            _show_one(app, held)


@quarantine.command()
@click.argument("entry_id", metavar="ID", type=_ID)
@click.pass_context
def drop(ctx: click.Context, entry_id: int) -> None:
    """Close an entry: nobody gets this mail.  Its bytes stay in the archive."""
    with opened(ctx) as app:
        held = app.quarantine.entry(entry_id)
        if not app.quarantine.drop(entry_id, app.now()):
            state = app.quarantine.entry(entry_id).state
            raise UsageFault(
                f"quarantine entry {entry_id} is closed already: {state}", fix="postroom quarantine list"
            )
    kept = f"the raw mail is kept as {held.raw_key}" if held.raw_key else "only its header was ever read"
    click.echo(f"dropped {entry_id}; {kept}")


@quarantine.command()
@click.argument("entry_id", metavar="ID", type=_ID)
@click.argument("slug", metavar="ORG")
@click.option("--always", is_flag=True, help="And all further mail of this source for this recipient.")
@click.pass_context
def assign(ctx: click.Context, entry_id: int, slug: str, always: bool) -> None:
    """Give a mail to ORG: it is taken in as if it had come for it, and its documents are taken out.

    A mail that was over the size limit is fetched from its mailbox first.
    """
    from postroom.app import assigning  # noqa: PLC0415  (it brings the whole house with it)

    with opened(ctx) as app:
        is_elsewhere = assigning.needs_its_source(app, entry_id)
    with opened(ctx, secrets=is_elsewhere, quiet=True) as app:
        rule = assigning.make_rule(app, entry_id, slug) if always else None
        tally = assigning.assign(app, entry_id, slug)
        org, entry = app.directory.entry(slug).slug, app.quarantine.entry(entry_id)
    outcome = "it had this mail already" if tally.duplicates else counted(tally.documents, "document")
    click.echo(f"assigned {entry_id} to {org}: {outcome}")
    if rule is not None:
        recipient, source = shown(entry.recipient), shown(entry.source)
        click.echo(f"from now on {org} gets all mail for {recipient} in {source}: rule {rule}")


quarantine.add_command(rules)
quarantine.add_command(forget)


def _json(held: HeldMail) -> dict[str, Any]:
    return {
        "id": held.id,
        "source": held.source,
        "reason": held.reason,
        "recipient": held.recipient,
        "from": held.from_address,
        "subject": held.subject,
        "size": held.size_bytes,
        "raw_sha256": held.raw_sha256,
        "seen_at": iso(held.seen_at),
        "state": held.state,
    }


def _show_list(entries: Iterable[HeldMail], limit: int, *, every: bool) -> None:
    rows = first(entries, limit)
    if not rows:
        click.echo("the quarantine is empty", err=True)
        return
    headings = ("id", *(("state",) if every else ()), "seen", *_HEADINGS)
    table(headings, (_row(held, every=every) for held in rows))


_HEADINGS = ("source", "reason", "recipient", "from", "subject")


def _row(held: HeldMail, *, every: bool) -> tuple[object, ...]:
    state = (held.state,) if every else ()
    mail = (held.source, held.reason, held.recipient, held.from_address, held.subject)
    return (held.id, *state, held.seen_at, *mail)


def _show_one(app: App, held: HeldMail) -> None:
    facts(
        [
            ("id", held.id),
            ("state", held.state),
            ("reason", f"{held.reason}  [{held.code}]"),
            ("source", held.source),
            ("recipient", held.recipient),
            ("from", held.from_address),
            ("subject", held.subject),
            ("received", held.received_at),
            ("seen", held.seen_at),
            ("bytes", held.size_bytes),
            ("sha256", held.raw_sha256),
            ("archived as", held.raw_key),
        ]
    )
    if held.state == HELD:
        click.echo()
        for way in _ways_out(app, held):
            click.echo(f"     {way}")


def _ways_out(app: App, held: HeldMail) -> Iterable[str]:
    slug, _ = slug_in(held.recipient, address_pattern(app.settings.orgs.address))
    if held.raw_key is None:
        yield f"postroom quarantine assign {held.id} ORG    (fetches it from its mailbox, whatever its size)"
    elif held.code == "unknown-org" and slug:
        yield f"postroom org add {slug}"
        yield f"postroom quarantine assign {held.id} {slug}"
        yield f"postroom quarantine assign {held.id} ORG --always    (and all that come for this recipient)"
    else:
        yield f"postroom quarantine assign {held.id} ORG"
    yield f"postroom quarantine drop {held.id}"


def _raw(app: App, held: HeldMail) -> bytes:
    if held.raw_key is None:
        raise NotFound(f"of quarantine entry {held.id} only the header was read: {shown(held.reason)}")
    return app.store.get(held.raw_key, held.raw_sha256)
