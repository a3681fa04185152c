"""Which copies a source was to keep for a while only, and how far they are removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, bindparam, select, update

from postroom.core.places import Place
from postroom.db.copies import place_of
from postroom.db.dialect import insert_missing
from postroom.db.engine import Database
from postroom.db.machinery import SIGHTING, SOURCE_STATE
from postroom.db.values import STAYING, Verdict

_AT_ONCE: Final = 500
_ITS_OWN: Final = SOURCE_STATE.c.source_name == bindparam("source")
_REMOVED_UNTIL: Final = select(SOURCE_STATE.c.removed_until).where(_ITS_OWN)
_REMOVED: Final = update(SOURCE_STATE).where(_ITS_OWN).values(removed_until=bindparam("until"))


class SqlKept:
    """The kept protocol of one source on SQLAlchemy."""

    def __init__(self, database: Database, source_name: str, kind: str, now: Callable[[], datetime]) -> None:
        self._database, self._source_name, self._kind, self._now = database, source_name, kind, now

    def due(self, seen_until: datetime) -> tuple[Sequence[Place], datetime | None]:
        with self._database.read(source=self._source_name) as connection:
            removed_until = connection.scalar(_REMOVED_UNTIL, {"source": self._source_name})
            rows = select(SIGHTING).where(
                SIGHTING.c.source_name == self._source_name, SIGHTING.c.seen_at <= seen_until
            )
            if removed_until is not None:
                rows = rows.where(SIGHTING.c.seen_at > removed_until)
            found = connection.execute(rows.order_by(SIGHTING.c.seen_at).limit(_AT_ONCE)).all()
            return _due(found, is_cut=len(found) == _AT_ONCE)

    def removed(self, until: datetime) -> None:
        with self._database.write(source=self._source_name) as connection:
            first = {"source_name": self._source_name, "kind": self._kind, "last_attempt_at": self._now()}
            insert_missing(connection, SOURCE_STATE, first)
            connection.execute(_REMOVED, {"source": self._source_name, "until": until})


def _due(found: Sequence[Row[Any]], *, is_cut: bool) -> tuple[list[Place], datetime | None]:
    """Return the places that may be removed, and until when all that was seen is dealt with then.

    What no org got stays, and what was recognised without being read.  So does all from the first on that its
    source has not let go yet.
    """
    owed = [row.seen_at for row in found if row.settled_at is None and row.verdict not in STAYING]
    end = min(owed, default=None)
    if end is None and is_cut and found[0].seen_at < found[-1].seen_at:
        end = found[-1].seen_at  # others seen at that moment may have been cut off
    rows = [row for row in found if end is None or row.seen_at < end]
    staying = {*STAYING, Verdict.QUARANTINED.value, Verdict.KNOWN.value}
    stays = {place_of(row) for row in rows if row.verdict in staying}
    # What a person gave out of the quarantine has no UID of its own: its copy in the mailbox is another row.
    places = [place for place in dict.fromkeys(map(place_of, rows)) if place.uid and place not in stays]
    return places, rows[-1].seen_at if rows else None
