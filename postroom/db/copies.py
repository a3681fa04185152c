"""Sightings, quarantine entries and cursors: the part of a batch's transaction that is not the messages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from sqlalchemy import Row, Select, Table, bindparam, delete, select, update
from sqlalchemy.orm import Session

from postroom.core.places import Cursor, Place
from postroom.db.dialect import insert_new
from postroom.db.ids import NOBODY, new_id
from postroom.db.machinery import FolderCursor, Quarantine, Sighting
from postroom.db.models import InboundMessage
from postroom.db.scopes import acting_for_each
from postroom.db.values import STAYING, Held, Intake, Key, Seen, Verdict

_AT_ONCE = 200
_T = TypeVar("_T")
_SIGHTING: Final = cast("Table", Sighting.__table__)
LIES_THERE: Final = (
    _SIGHTING.c.source_name == bindparam("source"),
    _SIGHTING.c.folder == bindparam("place"),
    _SIGHTING.c.uidvalidity == bindparam("validity"),
    _SIGHTING.c.uid.in_(bindparam("uids", expanding=True)),
    _SIGHTING.c.file_name.in_(bindparam("files", expanding=True)),
)
"""The conditions that a sighting lies at one of the places that `spots` gave."""
# Built once, and past the mapper: every batch needs both.
_FORGET_STAYING: Final = delete(_SIGHTING).where(*LIES_THERE, _SIGHTING.c.verdict.in_(STAYING))
_SETTLE: Final = (
    update(_SIGHTING)
    .where(*LIES_THERE, _SIGHTING.c.settled_at.is_(None), _SIGHTING.c.verdict.not_in(STAYING))
    .values(settled_at=bindparam("now"))
)


def messages_with(session: Session, keys: Collection[Key]) -> dict[Key, Row[Any]]:
    """Return what is there under these keys: `id`, `status`, `raw_key` and both digests of each message."""
    found: dict[Key, Row[Any]] = {}
    with acting_for_each(session) as act_for:
        for (org_id, source), some in groupby(sorted(set(keys)), key=lambda key: (key.org_id, key.source)):
            act_for(org_id)
            for piece in pieces([key.source_message_id for key in some]):
                rows = session.connection().execute(
                    _with_names(), {"org": org_id, "source": source, "names": piece}
                )
                found |= {Key(org_id, source, row.source_message_id): row for row in rows}
    return found


@cache
def _with_names() -> Select[Any]:
    """Return the query for messages of one org and source; given pairs, SQLite would use no index."""
    message = cast("Table", InboundMessage.__table__).c
    wanted = (message.id, message.status, message.raw_key, message.raw_sha256, message.content_sha256)
    mine = (message.org_id == bindparam("org"), message.source == bindparam("source"))
    named = message.source_message_id.in_(bindparam("names", expanding=True))
    return select(message.source_message_id, *wanted).where(*mine, named)


def record(session: Session, intake: Intake, ids: dict[Key, UUID], now: datetime) -> None:
    """Write one sighting per copy and org; a copy met again keeps its verdict, unless it stayed.

    The session acts for the intake's source.
    """
    _forget_staying(session, list(dict.fromkeys(seen.place for seen in intake.seen)))
    rows = [_columns(seen, now) | whose for seen in intake.seen for whose in _whose(session, seen, ids, now)]
    insert_new(session, Sighting, rows)


def _whose(session: Session, seen: Seen, ids: dict[Key, UUID], now: datetime) -> list[dict[str, Any]]:
    """Return what a copy's sightings say of whose mail it is: one for each org that has it."""
    recognised = _as_recognised(session, seen) if seen.verdict is Verdict.KNOWN else []
    if recognised:
        return recognised
    org_id, message_id = (seen.key.org_id, ids[seen.key]) if seen.key else (NOBODY, None)
    quarantine_id = _hold(session, seen.held, now) if seen.held else None
    return [{"org_id": org_id, "message_id": message_id, "quarantine_id": quarantine_id}]


def _as_recognised(session: Session, seen: Seen) -> list[dict[str, Any]]:
    """Return what the earlier sightings with this fingerprint say of whose mail it is."""
    columns = (Sighting.org_id, Sighting.message_id, Sighting.quarantine_id, Sighting.raw_sha256)
    same = select(*columns).where(
        Sighting.source_name == seen.place.source,
        Sighting.folder == seen.place.folder,
        Sighting.message_id_sha256 == seen.message_id_sha256,
        Sighting.internal_date == seen.internal_date,
        Sighting.size_bytes == seen.size_bytes,
        Sighting.verdict.not_in(STAYING),
    )
    first_of_org: dict[UUID, dict[str, Any]] = {}
    for row in session.execute(same.order_by(Sighting.id)).mappings():
        first_of_org.setdefault(row["org_id"], dict(row))
    return list(first_of_org.values())


def _forget_staying(session: Session, places: Sequence[Place]) -> None:
    for spot in spots(places):
        session.connection().execute(_FORGET_STAYING, spot)


def _hold(session: Session, held: Held, now: datetime) -> int:
    values = {name: getattr(held, name) for name in Held.__slots__} | {"seen_at": now}
    values["state"] = "held"
    insert_new(session, Quarantine, [values])
    same = (Quarantine.source_name == held.source_name, Quarantine.raw_sha256 == held.raw_sha256)
    return session.scalars(select(Quarantine.id).where(*same)).one()


def move_cursor(session: Session, source_name: str, cursor: Cursor, now: datetime) -> None:
    """Move a folder's cursor; it never goes back under the same UIDVALIDITY."""
    this = (source_name, cursor.folder, cursor.uidvalidity)
    row = session.get(FolderCursor, this)
    if row is None:
        session.add(_opened(source_name, cursor, now))
    elif row.last_uid < cursor.last_uid:
        row.last_uid, row.moved_at = cursor.last_uid, now


def _opened(source_name: str, cursor: Cursor, now: datetime) -> FolderCursor:
    return FolderCursor(
        source_name=source_name,
        folder=cursor.folder,
        uidvalidity=cursor.uidvalidity,
        last_uid=cursor.last_uid,
        since=cursor.since,
        since_until_uid=cursor.since_until_uid,
        opened_at=now,
        moved_at=now,
    )


def mark_settled(session: Session, places: Sequence[Place], now: datetime) -> None:
    """Record that the source has let these copies go."""
    for spot in spots(places):
        session.connection().execute(_SETTLE, spot | {"now": now})


def place_of(row: Sighting | Row[Any]) -> Place:
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
