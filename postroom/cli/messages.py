"""`postroom messages`: what arrived, and one raw mail written out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import click

from postroom.app.compose import App
from postroom.cli.asking import TABLE_ROWS, listing_options, orgs_of, output_options, the_one
from postroom.cli.context import opened
from postroom.cli.tables import cell, first, iso, json_line, short, table
from postroom.cli.writing import write_out
from postroom.core.lifecycle import Status
from postroom.db.orgs import OrgEntry
from postroom.db.reading_messages import MessageFilter, MessageView, messages_named
from postroom.db.reading_messages import messages as listed
from postroom.db.reading_status import was_seen
from postroom.errors import NotFound


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of one call."""

    org: str | None
    status: str | None
    source_name: str | None
    since: timedelta | None
    limit: int | None
    as_json: bool
    raw: str | None
    output: str | None
    force: bool


@click.command(short_help="List the messages that arrived.")
@click.argument("org", required=False)
@click.option("--status", type=click.Choice([status.value for status in Status]), help="Only this status.")
@click.option("--source", "source_name", metavar="NAME", help="Only what was seen in this source.")
@listing_options
@click.option("--raw", metavar="ID", help="Write the raw mail of this message to -o FILE instead.")
@output_options
@click.pass_context
def messages(ctx: click.Context, /, **options: Any) -> None:
    """List the messages of ORG, or of all orgs, the newest first.

    Duplicates and quarantined mails are not among them.  An ID may be cut short, down to 8 digits.
    """
    wish = Wish(**options)
    with opened(ctx) as app:
        orgs = orgs_of(app, wish.org)
        if wish.raw:
            message = find_message(app, orgs, wish.raw)
            write_out(_raw(app, message), wish.output, force=wish.force)
            return
        _show(_chosen(app, orgs, wish), wish)


def find_message(app: App, orgs: Iterable[OrgEntry], words: str) -> MessageView:
    """Return the message that a row id, the beginning of one, or a Message-ID names.

    Raises NotFound, UsageFault.
    """
    found = [view for org in orgs for view in messages_named(app.database, org, words)]
    return the_one(found, words, "message", _candidate)


def message_json(view: MessageView) -> dict[str, Any]:
    """Return a message under its stable keys."""
    return {
        "id": str(view.id),
        "org": view.org,
        "source": view.source,
        "source_message_id": view.source_message_id,
        "status": view.status.value,
        "received_at": iso(view.received_at),
        "subject": view.subject,
        "from": view.from_address,
        "recipient": view.recipient,
        "size": view.size_bytes,
        "raw_sha256": view.raw_sha256,
        "documents": view.documents,
        "duplicates": view.duplicates,
        "conflict": view.conflict,
        "attempts": view.attempts,
        "error": error_json(view.error),
        "defects": view.defects,
        "limits": view.limits,
    }


def error_json(error: dict[str, Any] | None) -> dict[str, str] | None:
    """Return code and words of an error, or None; what is left of attempts that an end went well is none."""
    if not error or "code" not in error:
        return None
    return {"code": str(error["code"]), "message": str(error.get("message"))}


def _candidate(view: MessageView) -> str:
    return f"{view.id}  {view.org}  {cell(view.received_at)}  {view.status.value}"


def _chosen(app: App, orgs: list[OrgEntry], wish: Wish) -> Iterable[MessageView]:
    if wish.source_name:
        _require_source(app, wish.source_name)
    wanted = MessageFilter(
        status=Status(wish.status) if wish.status else None,
        since=app.now() - wish.since if wish.since else None,
        source_name=wish.source_name,
    )
    limit = wish.limit if wish.as_json else (wish.limit or TABLE_ROWS) + 1
    return listed(app.database, orgs, wanted, limit=limit)


def _require_source(app: App, name: str) -> None:
    configured = [*app.settings.mailbox, *app.settings.maildir]
    if name not in configured and not was_seen(app.database, name):
        raise NotFound(
            f"there is no source {cell(name)}", fix=f"one of: {', '.join(configured) or '(none configured)'}"
        )


def _show(views: Iterable[MessageView], wish: Wish) -> None:
    if wish.as_json:
        for view in views:
            json_line(message_json(view))
        return
    rows = first(views, wish.limit or TABLE_ROWS)
    if not rows:
        click.echo("no messages", err=True)
        return
    headings = ("id", "org", "received", "status", "docs", "from", "subject")
    table(headings, (_row(view) for view in rows))


def _row(view: MessageView) -> tuple[object, ...]:
    return (
        short(view.id),
        view.org,
        view.received_at,
        f"{view.status.value}, conflict" if view.conflict else view.status.value,
        view.documents,
        view.from_address,
        view.subject,
    )


def _raw(app: App, message: MessageView) -> bytes:
    if message.raw_key is None:
        raise NotFound(
            f"the bytes of message {message.id} are not archived yet",
            fix="postroom status says what holds it up; the mail is still at its source",
        )
    return app.store.get(message.raw_key, message.raw_sha256)
