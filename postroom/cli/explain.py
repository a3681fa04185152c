"""`postroom explain`: the whole story of one mail."""

from __future__ import annotations

from collections.abc import Sequence

import click

from postroom.app.compose import App
from postroom.cli.asking import orgs_of, the_one
from postroom.cli.context import opened
from postroom.cli.explain_json import story_json
from postroom.cli.in_quarantine import held_as
from postroom.cli.messages import find_message
from postroom.cli.tables import cell, facts, json_line, short, shown, table
from postroom.cli.words import disagree
from postroom.db.quarantine import HeldMail
from postroom.db.reading import OUT_OF_QUARANTINE
from postroom.db.reading_documents import DocumentView, documents_named
from postroom.db.reading_messages import MessageView
from postroom.db.story import CopySeen, PartLine, Pending, Story, Told, story
from postroom.errors import NotFound
from postroom.fetcher.files import INGEST

_TOOK_IT = {"accepted", "conflict"}


@click.command(short_help="Tell the whole story of one mail.")
@click.argument("message")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def explain(ctx: click.Context, message: str, as_json: bool) -> None:
    """Tell where a mail was seen, whose it is and why, and what became of every part of it.

    MESSAGE is the id of `postroom messages`, the beginning of one (8 digits at least), a Message-ID, or the
    id of a document.
    """
    with opened(ctx) as app:
        found = _find(app, message)
        told = story(app.database, app.directory.entry(found.org), found)
    if as_json:
        json_line(story_json(told))
    else:
        _show(told)


def _find(app: App, words: str) -> MessageView:
    """Return the message that is meant; of a document's id, its message.  Raises NotFound, UsageFault."""
    orgs = orgs_of(app, None)
    try:
        return find_message(app, orgs, words)
    except NotFound as error:
        documents = [view for org in orgs for view in documents_named(app.database, org, words)]
        if documents:
            return find_message(app, orgs, str(the_one(documents, words, "document", _candidate).message_id))
        held = held_as(app, words)
        if held:
            raise _in_quarantine(words, held) from error
        fix = f"{error.fix}; postroom quarantine list --all those that no org got"
        raise NotFound(str(error), fix=fix) from error


def _in_quarantine(words: str, held: Sequence[HeldMail]) -> NotFound:
    entries = ", ".join(f"{entry.id} ({entry.state})" for entry in held)
    noun = "entry" if len(held) == 1 else "entries"
    return NotFound(
        f"no org has {shown(words, most=200)}: it is quarantine {noun} {entries}",
        fix=f"postroom quarantine show {held[-1].id}",
    )


def _candidate(view: DocumentView) -> str:
    return f"{view.id}  {view.org}  {shown(view.filename, most=60)}"


def _show(told: Story) -> None:
    _show_message(told)
    _show_copies(told.copies)
    _show_parts(told.parts)
    _show_attempts(told.message)
    _show_announcements(told.announcements)


def _show_message(told: Story) -> None:
    message = told.message
    facts(
        [
            ("message", str(message.id)),
            ("Message-ID", message.source_message_id),
            ("from", message.from_address),
            ("to", message.to_address),
            ("subject", message.subject),
            ("sent", message.sent_at),
            ("received", message.received_at),
            ("bytes", message.size_bytes),
            ("sha256", message.raw_sha256),
            ("content", message.content_sha256),
            ("archived as", message.raw_key),
        ]
    )
    _title("Whose it is")
    facts([("org", message.org), ("because", because(told)), ("identity", identity(told))])
    _show_progress(message, told.work)


def _show_progress(message: MessageView, work: Pending | None) -> None:
    at_work = f"{work.holder} until {cell(work.leased_until)}" if work and work.holder else None
    _title("How far it is")
    facts(
        [
            ("status", message.status.value),
            ("first met", message.created_at),
            ("last change", message.updated_at),
            ("next attempt", message.next_attempt_at),
            ("attempts", message.attempts),
            ("at work on it", at_work),
            ("died over it", work.deaths if work else None),
            ("documents", message.documents),
            ("defects", ", ".join(message.defects) or None),
            ("limits", ", ".join(message.limits) or None),
        ]
    )


def because(told: Story) -> str:
    """Return which header or person named the org, in words."""
    deciding = next((copy for copy in told.copies if copy.verdict in _TOOK_IT), None)
    if deciding is None:
        return "its first copy is not recorded: the archive was away when it came"
    if told.held and deciding.file_name.startswith(OUT_OF_QUARANTINE):
        return f"a person gave it to {told.message.org}: quarantine entry {told.held.id} ({told.held.reason})"
    if deciding.source_name == INGEST:
        return f"a person took it in from a file, for {told.message.recipient}"
    if deciding.decided_by == "(pinned)":
        return f"all mail of {deciding.source_name} is for {told.message.org}"
    header, _, rule = deciding.decided_by.partition(" (rule ")
    ruled = f", and rule {rule.rstrip(')')} gives that to {told.message.org}" if rule else ""
    return f"{header} says {told.message.recipient}{ruled}"


def identity(told: Story) -> str:
    """Return the dedup verdict in words."""
    copies = told.message.duplicates
    again = f"; {copies} more of the same came and made no second message" if copies else ""
    if not told.message.conflict:
        return f"the first of its Message-ID{again}"
    other = told.first_of_its_id or "another message"
    return f"a conflict: {other} has the same Message-ID and other content; both are kept{again}"


def _show_copies(copies: list[CopySeen]) -> None:
    _title("Where it was seen")
    table(
        ("seen", "source", "where", "in its mailbox since", "verdict", "settled"),
        (
            (copy.seen_at, copy.source_name, where(copy), copy.internal_date, copy.verdict, copy.settled_at)
            for copy in copies
        ),
    )


def where(copy: CopySeen) -> str:
    """Return a copy's place: folder, UIDVALIDITY and UID of a mailbox, or the file's name."""
    if copy.file_name:
        return f"{copy.folder}/{copy.file_name}" if copy.folder else copy.file_name
    return f"{copy.folder} UIDVALIDITY {copy.uidvalidity} UID {copy.uid}"


def _show_parts(parts: list[PartLine]) -> None:
    if not parts:
        return
    _title("What became of its parts")
    headings = ("part", "type", "bytes", "kept", "why", "file name", "document", "warnings")
    table(headings, (_part(part) for part in parts))


def _part(part: PartLine) -> tuple[object, ...]:
    warnings = [*part.defects, *([] if part.decode_status == "ok" else [f"decoding: {part.decode_status}"])]
    return (
        part.path,
        kind(part),
        part.size_bytes,
        part.kept,
        part.reason,
        part.filename,
        short(part.document) if part.document else None,
        ", ".join(warnings),
    )


def kind(part: PartLine) -> str:
    """Return what the mail calls the part, and what its bytes look like where that is something else."""
    if not disagree(part.content_type, part.sniffed):
        return part.content_type
    return f"{part.content_type}, looks like {part.sniffed}"


def _show_attempts(message: MessageView) -> None:
    attempts = (message.error or {}).get("attempts", [])
    if not attempts:
        return
    _title("What went wrong")
    for number, attempt in enumerate(attempts, start=1):
        words = f"{attempt.get('message', '')}  [{attempt.get('code', '')}]"
        click.echo(f"{attempt.get('attempt', number)}. {shown(str(attempt.get('at', '')))}  {shown(words)}")
    fix = (message.error or {}).get("fix")
    if fix:
        click.echo(f"     Fix: {shown(str(fix))}")


def _show_announcements(announcements: list[Told]) -> None:
    if not announcements:
        return
    _title("What was announced")
    table(
        ("event id", "event", "document", "announced", "failed tries", "error"),
        (
            (
                told.id,
                told.event,
                short(told.document_id) if told.document_id else None,
                told.announced_at or f"owed, next at {cell(told.due_at)}",
                told.attempts,
                (told.error or {}).get("message"),
            )
            for told in announcements
        ),
    )


def _title(words: str) -> None:
    click.echo()
    click.echo(words)
