"""What a source remembers between polls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, select

from postroom.core.places import GENERATION, Cursor, Fingerprint, KnownFile, Place
from postroom.db.copies import LIES_THERE, THIS_CURSOR, move_cursor, pieces, place_of, spots
from postroom.db.engine import Database
from postroom.db.machinery import FOLDER_CURSOR, SIGHTING
from postroom.db.tables import ORG, ORG_ALIAS
from postroom.db.unsettled import owed_rows, staying_rows
from postroom.db.values import STAYING, Verdict

# What every poll needs, also where nothing came, is built once.
_OF_FOLDER: Final = select(FOLDER_CURSOR).where(
    FOLDER_CURSOR.c.source_name == bindparam("source"), FOLDER_CURSOR.c.folder == bindparam("place")
)
_OLDEST: Final = _OF_FOLDER.order_by(FOLDER_CURSOR.c.opened_at, FOLDER_CURSOR.c.uidvalidity).limit(1)
_EXACTLY: Final = select(FOLDER_CURSOR).where(*THIS_CURSOR)
_NEWEST: Final = (
    _OF_FOLDER.where(FOLDER_CURSOR.c.uidvalidity % GENERATION == bindparam("validity"))
    .order_by(FOLDER_CURSOR.c.uidvalidity.desc())
    .limit(1)
)


class SourceMemory:
    """The memory protocol of one source on SQLAlchemy."""

    def __init__(self, database: Database, source_name: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._source_name = source_name
        self._now = now

    def cursor(self, folder: str, uidvalidity: int) -> Cursor | None:
        with self._database.read(source=self._source_name) as connection:
            asked = {"source": self._source_name, "place": folder, "validity": uidvalidity}
            row = connection.execute(_EXACTLY, asked).first()
            return _cursor(row) if row else None

    def first_bound(self, folder: str) -> Cursor | None:
        asked = {"source": self._source_name, "place": folder}
        with self._database.read(source=self._source_name) as connection:
            row = connection.execute(_OLDEST, asked).first()
            return _cursor(row) if row else None

    def remember(self, cursor: Cursor) -> None:
        with self._database.write(source=self._source_name) as connection:
            move_cursor(connection, self._source_name, cursor, self._now())

    def known(self, folder: str, fingerprints: Collection[Fingerprint]) -> set[Fingerprint]:
        wanted = {fingerprint.message_id_sha256 for fingerprint in fingerprints} - {""}
        found: set[Fingerprint] = set()
        with self._database.read(source=self._source_name) as connection:
            for piece in pieces(sorted(wanted)):
                found.update(self._sightings(connection, folder, piece))
        return found & set(fingerprints)

    def bytes_since(self, moment: datetime) -> int:
        mine = (SIGHTING.c.source_name == self._source_name, SIGHTING.c.seen_at >= moment)
        not_read = (*STAYING, Verdict.KNOWN.value)
        # A copy that many orgs got was read once.
        copies = select(
            SIGHTING.c.folder, SIGHTING.c.uidvalidity, SIGHTING.c.uid, SIGHTING.c.size_bytes
        ).where(*mine)
        read = copies.where(SIGHTING.c.verdict.not_in(not_read)).distinct().subquery()
        with self._database.read(source=self._source_name) as connection:
            return int(connection.scalar(select(func.coalesce(func.sum(read.c.size_bytes), 0))) or 0)

    def unreadable(self, folder: str, uidvalidity: int) -> Sequence[Place]:
        with self._database.read(source=self._source_name) as connection:
            rows = sorted(
                self._staying(connection, Verdict.UNREADABLE.value), key=lambda row: (row.seen_at, row.uid)
            )
            return [place_of(row) for row in rows if (row.folder, row.uidvalidity) == (folder, uidvalidity)]

    def left(self, folder: str, uidvalidity: int) -> Sequence[Place]:
        with self._database.read(source=self._source_name) as connection:
            staying = self._staying(connection, Verdict.LEFT.value)
            newest = _newest_org(connection) if staying else None
            stale = [place_of(row) for row in staying if newest and row.seen_at <= newest]
        here = [place for place in stale if (place.folder, place.uidvalidity) == (folder, uidvalidity)]
        return sorted(here, key=lambda place: place.uid)

    def done_up_to(self, folder: str, uidvalidity: int) -> int | None:
        asked = {"source": self._source_name, "place": folder, "validity": uidvalidity % GENERATION}
        with self._database.read(source=self._source_name) as connection:
            cursor = connection.execute(_NEWEST, asked).first()
            staying = self._staying(connection, *STAYING) if cursor else ()
            here = [row for row in staying if cursor and _lies_in(row, cursor)]
            added = _newest_org(connection) if here else None
            again = any(row.verdict == Verdict.UNREADABLE or (added and row.seen_at <= added) for row in here)
            return cursor.last_uid if cursor and not again else None

    def sighted(self, file_names: Collection[str]) -> Sequence[KnownFile]:
        done: list[KnownFile] = []
        with self._database.read(source=self._source_name) as connection:
            for piece in pieces(sorted(file_names)):
                mine = (SIGHTING.c.source_name == self._source_name, SIGHTING.c.file_name.in_(piece))
                # What every place in a Maildir has, said so that the index reaches the name.
                files = (SIGHTING.c.folder == "", SIGHTING.c.uidvalidity == 0, SIGHTING.c.uid == 0)
                settled = SIGHTING.c.settled_at.is_not(None)
                done.extend(map(_file, connection.execute(select(SIGHTING).where(*mine, *files, settled))))
        return done

    def unrecorded(self, places: Sequence[Place]) -> Sequence[Place]:
        known: set[Place] = set()
        columns = (SIGHTING.c.folder, SIGHTING.c.uidvalidity, SIGHTING.c.uid, SIGHTING.c.file_name)
        with self._database.read(source=self._source_name) as connection:
            for spot in spots(places):
                rows = connection.execute(select(*columns).where(*LIES_THERE), spot)
                known.update(Place(self._source_name, *row) for row in rows)
        return [place for place in places if place not in known]

    def owed(self) -> Sequence[KnownFile]:
        with self._database.read(source=self._source_name) as connection:
            rows = owed_rows(connection, self._source_name)
            return [_file(row) for row in rows if row.file_name]

    def left_alone(self) -> Sequence[KnownFile]:
        with self._database.read(source=self._source_name) as connection:
            left = self._staying(connection, Verdict.LEFT.value)
            newest = _newest_org(connection) if left else None
            return [_file(row) for row in left if newest is None or row.seen_at > newest]

    def _staying(self, connection: Connection, *verdicts: str) -> Sequence[Row[Any]]:
        return staying_rows(connection, self._source_name, verdicts)

    def _sightings(self, connection: Connection, folder: str, digests: Sequence[str]) -> list[Fingerprint]:
        mine = (SIGHTING.c.source_name == self._source_name, SIGHTING.c.folder == folder)
        rows = connection.execute(
            select(SIGHTING).where(
                *mine, SIGHTING.c.message_id_sha256.in_(digests), SIGHTING.c.verdict.not_in(STAYING)
            )
        )
        return [Fingerprint(row.message_id_sha256, row.internal_date, row.size_bytes) for row in rows]


def _newest_org(connection: Connection) -> datetime | None:
    """Return when an org or alias was last added."""
    orgs = connection.scalar(select(func.max(ORG.c.created_at)))
    aliases = connection.scalar(select(func.max(ORG_ALIAS.c.created_at)))
    return max((moment for moment in (orgs, aliases) if moment is not None), default=None)


def _lies_in(row: Row[Any], cursor: Row[Any]) -> bool:
    return (row.folder, row.uidvalidity) == (cursor.folder, cursor.uidvalidity)


def _file(row: Row[Any]) -> KnownFile:
    return KnownFile(row.file_name, row.size_bytes, row.internal_date, row.raw_sha256)


def _cursor(row: Row[Any]) -> Cursor:
    return Cursor(row.folder, row.uidvalidity, row.last_uid, row.since, row.since_until_uid)
