"""Sightings, quarantine entries and cursors: the part of a batch's transaction that is not the messages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, select, update

from postroom.core.places import Cursor, Place
from postroom.db.dialect import insert_new
from postroom.db.ids import NOBODY, new_id
from postroom.db.machinery import FOLDER_CURSOR, QUARANTINE, SIGHTING
from postroom.db.scopes import acting_for_each
from postroom.db.tables import INBOUND_MESSAGE
from postroom.db.values import STAYING, Held, Intake, Key, Seen, Verdict

_AT_ONCE = 200
_T = TypeVar("_T")
LIES_THERE: Final = (
    SIGHTING.c.source_name == bindparam("source"),
    SIGHTING.c.folder == bindparam("place"),
    SIGHTING.c.uidvalidity == bindparam("validity"),
    SIGHTING.c.uid.in_(bindparam("uids", expanding=True)),
    SIGHTING.c.file_name.in_(bindparam("files", expanding=True)),
)
"""The conditions that a sighting lies at one of the places that `spots` gave."""
# Built once: every batch needs them.
_FORGET_STAYING: Final = delete(SIGHTING).where(*LIES_THERE, SIGHTING.c.verdict.in_(STAYING))
_SETTLE: Final = (
    update(SIGHTING)
    .where(*LIES_THERE, SIGHTING.c.settled_at.is_(None), SIGHTING.c.verdict.not_in(STAYING))
    .values(settled_at=bindparam("now"))
)
THIS_CURSOR: Final = (
    FOLDER_CURSOR.c.source_name == bindparam("source"),
    FOLDER_CURSOR.c.folder == bindparam("place"),
    FOLDER_CURSOR.c.uidvalidity == bindparam("validity"),
)
"""The conditions of the one cursor of a folder under one UIDVALIDITY."""
_CURSOR_AT: Final = select(FOLDER_CURSOR.c.last_uid).where(*THIS_CURSOR)
_MOVE_CURSOR: Final = (
    update(FOLDER_CURSOR).where(*THIS_CURSOR).values(last_uid=bindparam("reached"), moved_at=bindparam("now"))
)


def messages_with(connection: Connection, keys: Collection[Key]) -> dict[Key, Row[Any]]:
    """Return what is there under these keys: `id`, `status`, `raw_key` and both digests of each message."""
    found: dict[Key, Row[Any]] = {}
    with acting_for_each(connection) as act_for:
        for (org_id, source), some in groupby(sorted(set(keys)), key=lambda key: (key.org_id, key.source)):
            act_for(org_id)
            for piece in pieces([key.source_message_id for key in some]):
                rows = connection.execute(_with_names(), {"org": org_id, "source": source, "names": piece})
                found |= {Key(org_id, source, row.source_message_id): row for row in rows}
    return found


@cache
def _with_names() -> Select[Any]:
    """Return the query for messages of one org and source; given pairs, SQLite would use no index."""
    message = INBOUND_MESSAGE.c
    wanted = (message.id, message.status, message.raw_key, message.raw_sha256, message.content_sha256)
    mine = (message.org_id == bindparam("org"), message.source == bindparam("source"))
    named = message.source_message_id.in_(bindparam("names", expanding=True))
    return select(message.source_message_id, *wanted).where(*mine, named)


def record(connection: Connection, intake: Intake, ids: dict[Key, UUID], now: datetime) -> None:
    """Write one sighting per copy and org; a copy met again keeps its verdict, unless it stayed.

    The connection acts for the intake's source.
    """
    _forget_staying(connection, list(dict.fromkeys(seen.place for seen in intake.seen)))
    rows = [
        _columns(seen, now) | whose for seen in intake.seen for whose in _whose(connection, seen, ids, now)
    ]
    insert_new(connection, SIGHTING, rows)


def _whose(connection: Connection, seen: Seen, ids: dict[Key, UUID], now: datetime) -> list[dict[str, Any]]:
    """Return what a copy's sightings say of whose mail it is: one for each org that has it."""
    recognised = _as_recognised(connection, seen) if seen.verdict is Verdict.KNOWN else []
    if recognised:
        return recognised
    org_id, message_id = (seen.key.org_id, ids[seen.key]) if seen.key else (NOBODY, None)
    quarantine_id = _hold(connection, seen.held, now) if seen.held else None
    return [{"org_id": org_id, "message_id": message_id, "quarantine_id": quarantine_id}]


def _as_recognised(connection: Connection, seen: Seen) -> list[dict[str, Any]]:
    """Return what the earlier sightings with this fingerprint say of whose mail it is."""
    columns = (SIGHTING.c.org_id, SIGHTING.c.message_id, SIGHTING.c.quarantine_id, SIGHTING.c.raw_sha256)
    same = select(*columns).where(
        SIGHTING.c.source_name == seen.place.source,
        SIGHTING.c.folder == seen.place.folder,
        SIGHTING.c.message_id_sha256 == seen.message_id_sha256,
        SIGHTING.c.internal_date == seen.internal_date,
        SIGHTING.c.size_bytes == seen.size_bytes,
        SIGHTING.c.verdict.not_in(STAYING),
    )
    first_of_org: dict[UUID, dict[str, Any]] = {}
    for row in connection.execute(same.order_by(SIGHTING.c.id)).mappings():
        first_of_org.setdefault(row["org_id"], dict(row))
    return list(first_of_org.values())


def _forget_staying(connection: Connection, places: Sequence[Place]) -> None:
    for spot in spots(places):
        connection.execute(_FORGET_STAYING, spot)


def _hold(connection: Connection, held: Held, now: datetime) -> int:
    values = {name: getattr(held, name) for name in Held.__slots__} | {"seen_at": now}
    values["state"] = "held"
    insert_new(connection, QUARANTINE, [values])
    same = (QUARANTINE.c.source_name == held.source_name, QUARANTINE.c.raw_sha256 == held.raw_sha256)
    return int(connection.execute(select(QUARANTINE.c.id).where(*same)).scalar_one())


def move_cursor(connection: Connection, source_name: str, cursor: Cursor, now: datetime) -> None:
    """Move a folder's cursor; it never goes back under the same UIDVALIDITY."""
    this = {"source": source_name, "place": cursor.folder, "validity": cursor.uidvalidity}
    last_uid = connection.scalar(_CURSOR_AT, this)
    if last_uid is None:
        connection.execute(insert(FOLDER_CURSOR), _opened(source_name, cursor, now))
    elif last_uid < cursor.last_uid:
        connection.execute(_MOVE_CURSOR, this | {"reached": cursor.last_uid, "now": now})


def _opened(source_name: str, cursor: Cursor, now: datetime) -> dict[str, Any]:
    return {
        "source_name": source_name,
        "folder": cursor.folder,
        "uidvalidity": cursor.uidvalidity,
        "last_uid": cursor.last_uid,
        "since": cursor.since,
        "since_until_uid": cursor.since_until_uid,
        "opened_at": now,
        "moved_at": now,
    }


def mark_settled(connection: Connection, places: Sequence[Place], now: datetime) -> None:
    """Record that the source has let these copies go."""
    for spot in spots(places):
        connection.execute(_SETTLE, spot | {"now": now})


def place_of(row: Row[Any]) -> Place:
    """Return where the copy of a sighting lies."""
    return Place(row.source_name, row.folder, row.uidvalidity, row.uid, row.file_name)


def spots(places: Sequence[Place]) -> Iterator[dict[str, Any]]:
    """Yield what LIES_THERE is given, until each of these places was named, all of one source.

    Spelled out per folder, as for keys.  A mailbox has no file names and a Maildir no UIDs, so the two lists
    never name a place that was not asked for.
    """
    by_folder: dict[tuple[str, int, bool], list[Place]] = {}
    for place in places:
        by_folder.setdefault((place.folder, place.uidvalidity, bool(place.file_name)), []).append(place)
    for (folder, uidvalidity, _), some in by_folder.items():
        for piece in pieces(some):
            yield {
                "source": piece[0].source,
                "place": folder,
                "validity": uidvalidity,
                "uids": list({place.uid for place in piece}),
                "files": list({place.file_name for place in piece}),
            }


def _columns(seen: Seen, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "source_name": seen.place.source,
        "folder": seen.place.folder,
        "uidvalidity": seen.place.uidvalidity,
        "uid": seen.place.uid,
        "file_name": seen.place.file_name,
        "internal_date": seen.internal_date,
        "size_bytes": seen.size_bytes,
        "message_id_sha256": seen.message_id_sha256,
        "raw_sha256": seen.raw_sha256,
        "verdict": seen.verdict.value,
        "decided_by": seen.decided_by,
        "seen_at": now,
        "settled_at": now if seen.settled else None,
    }


def pieces(whole: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Yield a long list in pieces that fit one statement."""
    return (whole[start : start + _AT_ONCE] for start in range(0, len(whole), _AT_ONCE))
