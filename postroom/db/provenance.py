"""Over which source a message was accepted."""

from __future__ import annotations

from sqlalchemy import select

from postroom.db.engine import Database
from postroom.db.machinery import SIGHTING
from postroom.db.values import Claim


class SqlProvenance:
    """What the sightings tell of where a message came from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def source_of(self, claim: Claim) -> str:
        """Return the name of the source whose copy made the message, "" where there is no sighting of it.

        A further copy over another source, a duplicate, changes nothing.  Raises DatabaseUnavailable.
        """
        first = (
            select(SIGHTING.c.source_name)
            .where(SIGHTING.c.org_id == claim.org_id, SIGHTING.c.message_id == claim.message_id)
            .order_by(SIGHTING.c.id)
            .limit(1)
        )
        with self._database.read(org=claim.org_id) as connection:
            return connection.scalars(first).first() or ""
