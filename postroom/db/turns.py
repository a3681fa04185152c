"""When each shared mailbox is polled next, so that many hosts poll it as often as one would."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, exists, select, update

from postroom.db.dialect import insert_missing
from postroom.db.engine import Database
from postroom.db.leases import lease_of_source
from postroom.db.machinery import LEASE, TURN

Dispatch = Callable[[Any, str], object]


class SqlTurns:
    """The turns protocol on SQLAlchemy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enrol(self, sources: Collection[str], now: datetime) -> None:
        with self._database.write() as connection:
            for name in sorted(sources):
                insert_missing(connection, TURN, {"source_name": name, "due_at": now})

    def claim(
        self, seconds: Mapping[str, float], now: datetime, *, limit: int, dispatch: Dispatch
    ) -> list[str]:
        with self._database.write() as connection:
            polled_now = exists().where(
                LEASE.c.name == lease_of_source(TURN.c.source_name), LEASE.c.leased_until > now
            )
            due = (
                select(TURN.c.source_name)
                .where(TURN.c.source_name.in_(seconds), TURN.c.due_at <= now, ~polled_now)
                .order_by(TURN.c.due_at, TURN.c.source_name)
                .limit(limit)
                .with_for_update(skip_locked=True, of=TURN)
            )
            names = [str(name) for name in connection.scalars(due)]
            driver = connection.connection.driver_connection
            for name in names:
                _put(connection, name, now + timedelta(seconds=seconds[name]))
                dispatch(driver, name)
            return names

    def put(self, source: str, due_at: datetime) -> None:
        with self._database.write() as connection:
            _put(connection, source, due_at)


def _put(connection: Connection, source: str, due_at: datetime) -> None:
    connection.execute(update(TURN).where(TURN.c.source_name == source).values(due_at=due_at))
