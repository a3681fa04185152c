"""`postroom documents`: what came out of the mails, and one document written out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import click

from postroom.app.compose import App
from postroom.cli.asking import TABLE_ROWS, listing_options, orgs_of, output_options, the_one
from postroom.cli.context import opened
from postroom.cli.tables import cell, first, iso, json_line, short, shown, table
from postroom.cli.writing import write_out
from postroom.db.orgs import OrgEntry
from postroom.db.reading_documents import DocumentView, documents_named
from postroom.db.reading_documents import documents as listed


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of one call."""

    org: str | None
    since: timedelta | None
    limit: int | None
    as_json: bool
    get: str | None
    output: str | None
    force: bool


@click.command(short_help="List the documents, or write one out.")
@click.argument("org", required=False)
@listing_options
@click.option("--get", metavar="ID", help="Write this document to -o FILE instead.")
@output_options
@click.pass_context
def documents(ctx: click.Context, /, **options: Any) -> None:
    """List the documents of ORG, or of all orgs, the newest first.

    An ID may be cut short, down to 8 digits.
    """
    wish = Wish(**options)
    with opened(ctx) as app:
        orgs = orgs_of(app, wish.org)
        if wish.get:
            document = _find(app, orgs, wish.get)
            content = app.store.get(document.object_key, document.sha256)
            write_out(content, wish.output, force=wish.force)
            return
        since = app.now() - wish.since if wish.since else None
        limit = wish.limit if wish.as_json else (wish.limit or TABLE_ROWS) + 1
        _show(listed(app.database, orgs, since=since, limit=limit), wish)


def document_json(view: DocumentView) -> dict[str, Any]:
    """Return a document under its stable keys."""
    return {
        "id": str(view.id),
        "org": view.org,
        "message": str(view.message_id),
        "filename": view.filename,
        "content_type": view.content_type,
        "sniffed": view.sniffed,
        "size": view.size_bytes,
        "sha256": view.sha256,
        "part": view.part_path,
        "decode_status": view.decode_status,
        "created_at": iso(view.created_at),
    }


def _find(app: App, orgs: Iterable[OrgEntry], words: str) -> DocumentView:
    found = [view for org in orgs for view in documents_named(app.database, org, words)]
    return the_one(found, words, "document", _candidate)


def _candidate(view: DocumentView) -> str:
    return f"{view.id}  {view.org}  {cell(view.created_at)}  {shown(view.filename, most=60)}"


def _show(views: Iterable[DocumentView], wish: Wish) -> None:
    if wish.as_json:
        for view in views:
            json_line(document_json(view))
        return
    rows = first(views, wish.limit or TABLE_ROWS)
    if not rows:
        click.echo("no documents", err=True)
        return
    table(("id", "org", "created", "bytes", "type", "file name", "message"), (_row(view) for view in rows))


def _row(view: DocumentView) -> tuple[object, ...]:
    return (
        short(view.id),
        view.org,
        view.created_at,
        view.size_bytes,
        view.sniffed,
        view.filename,
        short(view.message_id),
    )
