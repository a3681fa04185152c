"""Messages: committed with what else a batch came to, archived, given up, replayed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, select, update

from postroom.core.lifecycle import Status, check
from postroom.core.places import Place
from postroom.db import copies
from postroom.db.advancing import RowId, advance, compare_and_set, message_of
from postroom.db.dialect import insert_all, insert_new
from postroom.db.engine import Database
from postroom.db.ids import new_id
from postroom.db.leases import require
from postroom.db.machinery import WORK
from postroom.db.scopes import acting_for, acting_for_each
from postroom.db.tables import INBOUND_MESSAGE
from postroom.db.unsettled import owed_places
from postroom.db.values import Existing, Intake, Key, NewMessage, Raced, WorkState
from postroom.errors import SourceVanished
from postroom.failpoints import reach

_GIVEN_UP_AT_ONCE = 1000


def replay(connection: Connection, row: RowId, old: Status, now: datetime, **facts: Any) -> bool:
    """Send a PARSED or FAILED row back to STORED, due now, with the facts that go with it.

    Return False where there is nothing to replay: the row is no longer in `old`, or its bytes were never
    archived.  The connection acts for the row's org.  Raises IllegalTransition.  The caller commits.
    """
    check(old, Status.STORED, replay=True)
    found = connection.execute(message_of(row)).first()
    if found is None or (found.raw_key or facts.get("raw_key")) is None:
        return False
    again = {"status": Status.STORED, "attempts": 0, "next_attempt_at": now, "error_json": None}
    if not compare_and_set(connection, row, old, {**again, "updated_at": now, **facts}):
        return False
    queue(connection, row, now)
    return True


class SqlInbox:
    """The inbox protocol on SQLAlchemy.

    `tell_workers` is called with the driver's connection inside every transaction that makes messages due,
    so that whoever hands the work out does it in the same transaction.
    """

    def __init__(self, database: Database, *, tell_workers: Callable[[Any], None] | None = None) -> None:
        self._database = database
        self._tell_workers = tell_workers

    def find(self, keys: Collection[Key]) -> dict[Key, Existing]:
        with self._database.read() as connection:
            found = copies.messages_with(connection, keys)
        return {key: _existing(row) for key, row in found.items()}

    def note_received(self, messages: Sequence[NewMessage], now: datetime) -> None:
        with self._database.write() as connection:
            for message in sorted(messages, key=lambda message: message.key):
                with acting_for(connection, message.key.org_id):
                    _note(connection, message, now)

    def give_up_received(self, *, unseen_since: datetime, now: datetime) -> int:
        with self._database.write() as connection:
            waiting = (WORK.c.state == WorkState.RECEIVED, WORK.c.due_at < unseen_since)
            lost = select(WORK.c.org_id, WORK.c.message_id).where(*waiting).order_by(WORK.c.org_id)
            rows = connection.execute(lost.limit(_GIVEN_UP_AT_ONCE).with_for_update(skip_locked=True)).all()
            for org_id, row_id in rows:
                facts = {"error_json": _gone(now), "next_attempt_at": None, "updated_at": now}
                with acting_for(connection, org_id):
                    advance(connection, (org_id, row_id), Status.RECEIVED, Status.FAILED, **facts)
                connection.execute(delete(WORK).where(WORK.c.message_id == row_id))
            return len(rows)

    def commit(self, intake: Intake, now: datetime) -> dict[Key, UUID]:
        source = intake.seen[0].place.source if intake.seen else None
        with self._database.write(source=source) as connection:
            if intake.fence:
                require(connection, intake.fence, now)
            reach("commit.fenced")
            ids = _write_messages(connection, intake, now)
            reach("commit.rows")
            due = bool(ids)
            others = [seen.key for seen in intake.seen if seen.key and seen.key not in ids]
            ids |= {key: row.id for key, row in copies.messages_with(connection, others).items()}
            copies.record(connection, intake, ids, now)
            if intake.cursor:
                copies.move_cursor(connection, intake.source_name, intake.cursor, now)
            if due and self._tell_workers:
                self._tell_workers(connection.connection.driver_connection)
            reach("commit.copies")
        return ids

    def settled(self, places: Sequence[Place], now: datetime) -> None:
        if not places:
            return
        # What a power cut takes of it is owed again, as after any crash before this line.
        with self._database.write(source=places[0].source, lasts=False) as connection:
            copies.mark_settled(connection, places, now)

    def unsettled(self, source_name: str, *, held: bool = False) -> list[Place]:
        with self._database.read(source=source_name) as connection:
            return owed_places(connection, source_name, held=held)


def _write_messages(connection: Connection, intake: Intake, now: datetime) -> dict[Key, UUID]:
    """Write each org's part in the order of its keys, so that two batches never wait for each other."""
    ids, due = dict[Key, UUID](), list[RowId]()
    in_order = sorted(intake.messages, key=lambda message: message.key)
    with acting_for_each(connection) as act_for:
        for org_id, messages in groupby(in_order, key=lambda message: message.key.org_id):
            act_for(org_id)
            some = list(messages)
            rows = [_columns(message, Status.STORED, now) for message in some]
            if insert_new(connection, INBOUND_MESSAGE, rows) < len(rows):
                raise Raced
            due += [(org_id, row["id"]) for row in rows]
            ids |= {message.key: row["id"] for message, row in zip(some, rows, strict=True)}
    if due:
        _add_work(connection, due, WorkState.STORED, now)
    for message in sorted(intake.resumed, key=lambda message: message.key):
        with acting_for(connection, message.key.org_id):
            ids[message.key] = _resume(connection, message, now)
    return ids


def _note(connection: Connection, message: NewMessage, now: datetime) -> None:
    row = _columns(message, Status.RECEIVED, now)
    if insert_new(connection, INBOUND_MESSAGE, [row]):
        _add_work(connection, [(message.key.org_id, row["id"])], WorkState.RECEIVED, now)
        return
    # Met again while the archive is still away: it is there, so nobody may give it up.
    waiting = (*_has(message.key), INBOUND_MESSAGE.c.status == Status.RECEIVED)
    again = update(INBOUND_MESSAGE).where(*waiting).values(updated_at=now).returning(INBOUND_MESSAGE.c.id)
    for met in connection.scalars(again).all():
        connection.execute(update(WORK).where(WORK.c.message_id == met).values(due_at=now))


def _resume(connection: Connection, message: NewMessage, now: datetime) -> UUID:
    """Take a row whose bytes were never archived to STORED, with the bytes archived now.

    It is in RECEIVED, or was given up because its mail seemed gone; that it comes after all is the replay.
    """
    found = connection.execute(select(INBOUND_MESSAGE).where(*_has(message.key))).one()
    row: RowId = (found.org_id, found.id)
    bytes_of_it = {name: getattr(message, name) for name in ("raw_key", "raw_sha256", "size_bytes")}
    facts = {**bytes_of_it, "next_attempt_at": now, "updated_at": now}
    if found.status is Status.FAILED and found.raw_key is None:
        moved = replay(connection, row, Status.FAILED, now, **facts)
    else:
        moved = advance(connection, row, Status.RECEIVED, Status.STORED, **facts)
        queue(connection, row, now)
    if not moved:
        raise Raced
    return row[1]


def queue(connection: Connection, row: RowId, now: datetime, state: WorkState = WorkState.STORED) -> None:
    """Make a message due now, for what `state` says."""
    connection.execute(delete(WORK).where(WORK.c.message_id == row[1]))
    _add_work(connection, [row], state, now)


def _gone(now: datetime) -> dict[str, Any]:
    words = "the mail left its source before its bytes could be archived"
    return {
        "code": SourceVanished.code,
        "message": words,
        "fix": "ask the sender for it",
        "at": now.isoformat(),
    }


def _add_work(connection: Connection, rows: Sequence[RowId], state: WorkState, now: datetime) -> None:
    step = {"state": state, "due_at": now, "token": 0, "deaths": 0}
    insert_all(
        connection, WORK, [{"message_id": row_id, "org_id": org_id, **step} for org_id, row_id in rows]
    )


def _has(key: Key) -> tuple[Any, Any, Any]:
    row = INBOUND_MESSAGE.c
    return row.org_id == key.org_id, row.source == key.source, row.source_message_id == key.source_message_id


def _existing(row: Row[Any]) -> Existing:
    return Existing(row.id, row.status, row.content_sha256, row.raw_sha256, row.raw_key is not None)


def _columns(message: NewMessage, status: Status, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "org_id": message.key.org_id,
        "source": message.key.source,
        "source_message_id": message.key.source_message_id,
        "from_address": message.from_address,
        "to_address": message.to_address,
        "recipient": message.recipient,
        "subject": message.subject,
        "sent_at": message.sent_at,
        "received_at": message.received_at,
        "size_bytes": message.size_bytes,
        "raw_key": message.raw_key if status is Status.STORED else None,
        "raw_sha256": message.raw_sha256,
        "content_sha256": message.content_sha256,
        "conflict": message.conflict,
        "status": status,
        "attempts": 0,
        "next_attempt_at": now,
        "defects": [],
        "limits": [],
        "created_at": now,
        "updated_at": now,
    }
