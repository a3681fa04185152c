"""The copies that their source has not let go: those that are owed to it, and those that stay there.

Every poll asks for them, also where nothing came, so the statements are built once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select

from postroom.core.places import Place
from postroom.db.copies import place_of
from postroom.db.machinery import SIGHTING
from postroom.db.values import STAYING, Verdict

# In the order of their index, or SQLite would prefer another one, over all that was ever seen.
_UNSETTLED: Final = (
    select(SIGHTING)
    .where(SIGHTING.c.source_name == bindparam("source"), SIGHTING.c.settled_at.is_(None))
    .order_by(SIGHTING.c.id)
)
_OWED: Final = _UNSETTLED.where(*(SIGHTING.c.verdict != verdict for verdict in STAYING))
_STAYING: Final = _UNSETTLED.where(SIGHTING.c.verdict.in_(bindparam("verdicts", expanding=True)))


def owed_rows(connection: Connection, source_name: str) -> Sequence[Row[Any]]:
    """Return the sightings of the copies that are to be settled, oldest first."""
    return connection.execute(_OWED, {"source": source_name}).all()


def owed_places(connection: Connection, source_name: str, *, held: bool) -> list[Place]:
    """Return where the copies lie that are to be settled, oldest first.

    With `held`, only those that no org got.
    """
    rows = owed_rows(connection, source_name)
    taken = {place_of(row) for row in rows if row.verdict != Verdict.QUARANTINED.value}
    places = dict.fromkeys(map(place_of, rows))
    return [place for place in places if not (held and place in taken)]


def staying_rows(connection: Connection, source_name: str, verdicts: Sequence[str]) -> Sequence[Row[Any]]:
    """Return the sightings with these verdicts of copies that stayed where they are: few, oldest first."""
    asked = {"source": source_name, "verdicts": list(verdicts)}
    return connection.execute(_STAYING, asked).all()
