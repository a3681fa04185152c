"""What a source remembers between polls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import Row, Table, bindparam, func, select
from sqlalchemy.orm import Session

from postroom.core.places import GENERATION, Cursor, Fingerprint, KnownFile, Place
from postroom.db.copies import LIES_THERE, move_cursor, pieces, place_of, spots
from postroom.db.engine import Database
from postroom.db.machinery import FolderCursor, Sighting
from postroom.db.models import OrgAlias, OrgRow
from postroom.db.unsettled import owed_rows, staying_rows
from postroom.db.values import STAYING, Verdict

_CURSOR: Final = cast("Table", FolderCursor.__table__)
# What every poll needs, also where nothing came, is built once and goes past the mapper.
_OF_FOLDER: Final = select(_CURSOR).where(
    _CURSOR.c.source_name == bindparam("source"), _CURSOR.c.folder == bindparam("place")
)
_OLDEST: Final = _OF_FOLDER.order_by(_CURSOR.c.opened_at, _CURSOR.c.uidvalidity).limit(1)
_EXACTLY: Final = _OF_FOLDER.where(_CURSOR.c.uidvalidity == bindparam("validity"))
_NEWEST: Final = (
    _OF_FOLDER.where(_CURSOR.c.uidvalidity % GENERATION == bindparam("validity"))
    .order_by(_CURSOR.c.uidvalidity.desc())
    .limit(1)
)


class SourceMemory:
    """The memory protocol of one source on SQLAlchemy."""

    def __init__(self, database: Database, source_name: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._source_name = source_name
        self._now = now

    def cursor(self, folder: str, uidvalidity: int) -> Cursor | None:
        with self._database.read(source=self._source_name) as session:
            asked = {"source": self._source_name, "place": folder, "validity": uidvalidity}
            row = session.connection().execute(_EXACTLY, asked).first()
            return _cursor(row) if row else None

    def first_bound(self, folder: str) -> Cursor | None:
        asked = {"source": self._source_name, "place": folder}
        with self._database.read(source=self._source_name) as session:
            row = session.connection().execute(_OLDEST, asked).first()
            return _cursor(row) if row else None

    def remember(self, cursor: Cursor) -> None:
        with self._database.write(source=self._source_name) as session:
            move_cursor(session, self._source_name, cursor, self._now())

    def known(self, folder: str, fingerprints: Collection[Fingerprint]) -> set[Fingerprint]:
        wanted = {fingerprint.message_id_sha256 for fingerprint in fingerprints} - {""}
        found: set[Fingerprint] = set()
        with self._database.read(source=self._source_name) as session:
            for piece in pieces(sorted(wanted)):
                found.update(self._sightings(session, folder, piece))
        return found & set(fingerprints)

    def bytes_since(self, moment: datetime) -> int:
        mine = (Sighting.source_name == self._source_name, Sighting.seen_at >= moment)
        not_read = (*STAYING, Verdict.KNOWN.value)
        # A copy that many orgs got was read once.
        copies = select(Sighting.folder, Sighting.uidvalidity, Sighting.uid, Sighting.size_bytes).where(*mine)
        read = copies.where(Sighting.verdict.not_in(not_read)).distinct().subquery()
        with self._database.read(source=self._source_name) as session:
            return int(session.scalar(select(func.coalesce(func.sum(read.c.size_bytes), 0))) or 0)

    def unreadable(self, folder: str, uidvalidity: int) -> Sequence[Place]:
        with self._database.read(source=self._source_name) as session:
            rows = sorted(
                self._staying(session, Verdict.UNREADABLE.value), key=lambda row: (row.seen_at, row.uid)
            )
            return [place_of(row) for row in rows if (row.folder, row.uidvalidity) == (folder, uidvalidity)]

    def left(self, folder: str, uidvalidity: int) -> Sequence[Place]:
        with self._database.read(source=self._source_name) as session:
            staying = self._staying(session, Verdict.LEFT.value)
            newest = _newest_org(session) if staying else None
            stale = [place_of(row) for row in staying if newest and row.seen_at <= newest]
        here = [place for place in stale if (place.folder, place.uidvalidity) == (folder, uidvalidity)]
        return sorted(here, key=lambda place: place.uid)

    def done_up_to(self, folder: str, uidvalidity: int) -> int | None:
        asked = {"source": self._source_name, "place": folder, "validity": uidvalidity % GENERATION}
        with self._database.read(source=self._source_name) as session:
            cursor = session.connection().execute(_NEWEST, asked).first()
            staying = self._staying(session, *STAYING) if cursor else ()
            here = [row for row in staying if cursor and _lies_in(row, cursor)]
            added = _newest_org(session) if here else None
            again = any(row.verdict == Verdict.UNREADABLE or (added and row.seen_at <= added) for row in here)
            return cursor.last_uid if cursor and not again else None

    def sighted(self, file_names: Collection[str]) -> Sequence[KnownFile]:
        done: list[KnownFile] = []
        with self._database.read(source=self._source_name) as session:
            for piece in pieces(sorted(file_names)):
                mine = (Sighting.source_name == self._source_name, Sighting.file_name.in_(piece))
                # What every place in a Maildir has, said so that the index reaches the name.
                files = (Sighting.folder == "", Sighting.uidvalidity == 0, Sighting.uid == 0)
                settled = Sighting.settled_at.is_not(None)
                done.extend(map(_file, session.scalars(select(Sighting).where(*mine, *files, settled))))
        return done

    def unrecorded(self, places: Sequence[Place]) -> Sequence[Place]:
        known: set[Place] = set()
        columns = (Sighting.folder, Sighting.uidvalidity, Sighting.uid, Sighting.file_name)
        with self._database.read(source=self._source_name) as session:
            for spot in spots(places):
                rows = session.execute(select(*columns).where(*LIES_THERE), spot)
                known.update(Place(self._source_name, *row) for row in rows)
        return [place for place in places if place not in known]

    def owed(self) -> Sequence[KnownFile]:
        with self._database.read(source=self._source_name) as session:
            rows = owed_rows(session, self._source_name)
            return [_file(row) for row in rows if row.file_name]

    def left_alone(self) -> Sequence[KnownFile]:
        with self._database.read(source=self._source_name) as session:
            left = self._staying(session, Verdict.LEFT.value)
            newest = _newest_org(session) if left else None
            return [_file(row) for row in left if newest is None or row.seen_at > newest]

    def _staying(self, session: Session, *verdicts: str) -> Sequence[Row[Any]]:
        return staying_rows(session, self._source_name, verdicts)

    def _sightings(self, session: Session, folder: str, digests: Sequence[str]) -> list[Fingerprint]:
        mine = (Sighting.source_name == self._source_name, Sighting.folder == folder)
        rows = session.scalars(
            select(Sighting).where(
                *mine, Sighting.message_id_sha256.in_(digests), Sighting.verdict.not_in(STAYING)
            )
        )
        return [Fingerprint(row.message_id_sha256, row.internal_date, row.size_bytes) for row in rows]


def _newest_org(session: Session) -> datetime | None:
    """Return when an org or alias was last added."""
    orgs = session.scalar(select(func.max(OrgRow.created_at)))
    aliases = session.scalar(select(func.max(OrgAlias.created_at)))
    return max((moment for moment in (orgs, aliases) if moment is not None), default=None)


def _lies_in(row: Row[Any], cursor: Row[Any]) -> bool:
    return (row.folder, row.uidvalidity) == (cursor.folder, cursor.uidvalidity)


def _file(row: Sighting | Row[Any]) -> KnownFile:
    return KnownFile(row.file_name, row.size_bytes, row.internal_date, row.raw_sha256)


def _cursor(row: Row[Any]) -> Cursor:
    return Cursor(row.folder, row.uidvalidity, row.last_uid, row.since, row.since_until_uid)
