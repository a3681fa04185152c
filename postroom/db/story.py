"""The whole story of one message: its copies, its parts, its announcements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from postroom.db.engine import Database
from postroom.db.ids import NOBODY
from postroom.db.machinery import OUTBOX, QUARANTINE, SIGHTING, WORK
from postroom.db.orgs import OrgEntry
from postroom.db.reading import OUT_OF_QUARANTINE
from postroom.db.reading_messages import MessageView
from postroom.db.scopes import acting_for
from postroom.db.tables import DOCUMENT, INBOUND_MESSAGE, PART
from postroom.db.values import WorkState


@dataclass(frozen=True, slots=True)
class CopySeen:
    """One copy: where it lay, what was decided, by which header, and when its source let it go."""

    source_name: str
    folder: str
    uidvalidity: int
    uid: int
    file_name: str
    internal_date: datetime
    size_bytes: int
    raw_sha256: str
    verdict: str
    decided_by: str
    seen_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class PartLine:
    """One line of the part ledger; `document` is the id of what it became."""

    path: str
    content_type: str
    sniffed: str | None
    filename: str | None
    disposition: str | None
    transfer_encoding: str
    size_bytes: int
    sha256: str | None
    kept: bool
    reason: str
    decode_status: str
    defects: list[str]
    document: UUID | None


@dataclass(frozen=True, slots=True)
class Told:
    """One announcement; `announced_at` is None while it is owed."""

    id: UUID
    event: str
    document_id: UUID | None
    created_at: datetime
    due_at: datetime
    attempts: int
    error: dict[str, Any] | None
    announced_at: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """The quarantine entry out of which a person gave the message to its org."""

    id: int
    reason: str
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Pending:
    """What is still to be done for a message; `holder` is at it until then, and `deaths` died over it."""

    state: WorkState
    due_at: datetime
    holder: str | None
    leased_until: datetime | None
    deaths: int


@dataclass(frozen=True, slots=True)
class Story:
    """A message and all that is known of it; `first_of_its_id` is the mail it is in conflict with.

    `work` is None once nothing is to be done for it any more.
    """

    message: MessageView
    work: Pending | None
    copies: list[CopySeen]
    parts: list[PartLine]
    announcements: list[Told]
    first_of_its_id: UUID | None
    held: Held | None


def story(database: Database, org: OrgEntry, message: MessageView) -> Story:
    """Return the story of one of the org's messages, as one state of the database has it."""
    with database.read(org=org.id) as connection:
        rows = _sightings(connection, org, message)
        held = _held(connection, org, rows)
        return Story(
            message=message,
            work=_work(connection, org, message),
            copies=_copies(connection, rows, held),
            parts=_parts(connection, org, message),
            announcements=_announcements(connection, org, message),
            first_of_its_id=_first_of_its_id(connection, org, message),
            held=held,
        )


def _work(connection: Connection, org: OrgEntry, message: MessageView) -> Pending | None:
    its_own = (WORK.c.org_id == org.id, WORK.c.message_id == message.id)
    row = connection.execute(select(WORK).where(*its_own)).first()
    return Pending(**{name: getattr(row, name) for name in Pending.__slots__}) if row else None


def _sightings(connection: Connection, org: OrgEntry, message: MessageView) -> list[Row[Any]]:
    mine = (SIGHTING.c.org_id == org.id, SIGHTING.c.message_id == message.id)
    return list(connection.execute(select(SIGHTING).where(*mine)))


def _held(connection: Connection, org: OrgEntry, rows: Sequence[Row[Any]]) -> Held | None:
    """Return the entry that a person gave the message out of: the copy that came so carries its id."""
    for row in rows:
        word, _, entry_id = row.file_name.partition(OUT_OF_QUARANTINE)
        if word or not entry_id.isdecimal():
            continue
        given = (QUARANTINE.c.assigned_org_id == org.id, QUARANTINE.c.id == int(entry_id))
        entry = connection.execute(select(QUARANTINE).where(*given)).first()
        if entry:
            return Held(entry.id, entry.reason, entry.resolved_at)
    return None


def _copies(connection: Connection, rows: Sequence[Row[Any]], held: Held | None) -> list[CopySeen]:
    """Return the copies in the order they were met, those among them that went to quarantine first."""
    copies = list(rows)
    if held:
        nobodys = select(SIGHTING).where(SIGHTING.c.org_id == NOBODY, SIGHTING.c.quarantine_id == held.id)
        with acting_for(connection, NOBODY):
            copies += connection.execute(nobodys)
    copies.sort(key=lambda row: row.id)
    names = CopySeen.__slots__
    return [CopySeen(**{name: getattr(row, name) for name in names}) for row in copies]


def _parts(connection: Connection, org: OrgEntry, message: MessageView) -> list[PartLine]:
    of_it = (DOCUMENT.c.org_id == org.id, DOCUMENT.c.message_id == message.id)
    kept = select(DOCUMENT.c.part_path, DOCUMENT.c.id).where(*of_it)
    documents = dict(connection.execute(kept).all())
    names = [name for name in PartLine.__slots__ if name != "document"]
    mine = (PART.c.org_id == org.id, PART.c.message_id == message.id)
    lines = [
        PartLine(document=documents.get(row.path), **{name: getattr(row, name) for name in names})
        for row in connection.execute(select(PART).where(*mine))
    ]
    return sorted(lines, key=lambda line: _in_order(line.path))


def _in_order(path: str) -> tuple[int, ...]:
    return tuple(int(step) for step in path.split(".") if step.isdecimal())


def _announcements(connection: Connection, org: OrgEntry, message: MessageView) -> list[Told]:
    mine = (OUTBOX.c.org_id == org.id, OUTBOX.c.message_id == message.id)
    names = [name for name in Told.__slots__ if name != "error"]
    return [
        Told(error=row.error_json, **{name: getattr(row, name) for name in names})
        for row in connection.execute(select(OUTBOX).where(*mine).order_by(OUTBOX.c.created_at, OUTBOX.c.id))
    ]


def _first_of_its_id(connection: Connection, org: OrgEntry, message: MessageView) -> UUID | None:
    if not message.conflict:
        return None
    wanted = message.source_message_id.rpartition("#")[0]
    same = (INBOUND_MESSAGE.c.org_id == org.id, INBOUND_MESSAGE.c.source == message.source)
    return connection.scalar(
        select(INBOUND_MESSAGE.c.id).where(*same, INBOUND_MESSAGE.c.source_message_id == wanted)
    )
