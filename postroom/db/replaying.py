"""A message sent back to be taken apart again: an explicit act, for which nothing is fetched anew."""

from __future__ import annotations

from datetime import datetime

from postroom.core.lifecycle import Status
from postroom.db.advancing import RowId, message_of
from postroom.db.engine import Database
from postroom.db.inbox import replay

_AT_ITS_END = (Status.PARSED, Status.FAILED)


def send_back(database: Database, row: RowId, now: datetime) -> bool:
    """Let a PARSED or FAILED message be extracted again; False where it is neither, or has no raw mail.

    Its documents keep their rows and ids as far as their bytes are the same.  Raises DatabaseUnavailable.
    """
    with database.write(org=row[0]) as connection:
        found = connection.execute(message_of(row)).first()
        if found is None or found.status not in _AT_ITS_END:
            return False
        return replay(connection, row, found.status, now)
