"""The copies that their source has not let go: those that are owed to it, and those that stay there.

Every poll asks for them, also where nothing came, so the statements are built once and go past the mapper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from sqlalchemy import Row, Table, bindparam, select
from sqlalchemy.orm import Session

from postroom.core.places import Place
from postroom.db.copies import place_of
from postroom.db.machinery import Sighting
from postroom.db.values import STAYING, Verdict

_SIGHTING: Final = cast("Table", Sighting.__table__)
# In the order of their index, or SQLite would prefer another one, over all that was ever seen.
_UNSETTLED: Final = (
    select(_SIGHTING)
    .where(_SIGHTING.c.source_name == bindparam("source"), _SIGHTING.c.settled_at.is_(None))
    .order_by(_SIGHTING.c.id)
)
_OWED: Final = _UNSETTLED.where(*(_SIGHTING.c.verdict != verdict for verdict in STAYING))
_STAYING: Final = _UNSETTLED.where(_SIGHTING.c.verdict.in_(bindparam("verdicts", expanding=True)))


def owed_rows(session: Session, source_name: str) -> Sequence[Row[Any]]:
    """Return the sightings of the copies that are to be settled, oldest first."""
    return session.connection().execute(_OWED, {"source": source_name}).all()


def owed_places(session: Session, source_name: str, *, held: bool) -> list[Place]:
    """Return where the copies lie that are to be settled, oldest first.

    With `held`, only those that no org got.
    """
    rows = owed_rows(session, source_name)
    taken = {place_of(row) for row in rows if row.verdict != Verdict.QUARANTINED.value}
    places = dict.fromkeys(map(place_of, rows))
    return [place for place in places if not (held and place in taken)]


def staying_rows(session: Session, source_name: str, verdicts: Sequence[str]) -> Sequence[Row[Any]]:
    """Return the sightings with these verdicts of copies that stayed where they are: few, oldest first."""
    asked = {"source": source_name, "verdicts": list(verdicts)}
    return session.connection().execute(_STAYING, asked).all()
