"""When each shared mailbox is polled next, so that many hosts poll it as often as one would."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, select, update

from postroom.db.dialect import insert_missing
from postroom.db.engine import Database
from postroom.db.leases import lease_of_source
from postroom.db.machinery import Lease, Turn

Dispatch = Callable[[Any, str], object]


class SqlTurns:
    """The turns protocol on SQLAlchemy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enrol(self, sources: Collection[str], now: datetime) -> None:
        with self._database.write() as session:
            for name in sorted(sources):
                insert_missing(session, Turn, {"source_name": name, "due_at": now})

    def claim(
        self, seconds: Mapping[str, float], now: datetime, *, limit: int, dispatch: Dispatch
    ) -> list[str]:
        with self._database.write() as session:
            polled_now = exists().where(
                Lease.name == lease_of_source(Turn.source_name), Lease.leased_until > now
            )
            due = (
                select(Turn)
                .where(Turn.source_name.in_(seconds), Turn.due_at <= now, ~polled_now)
                .order_by(Turn.due_at, Turn.source_name)
                .limit(limit)
                .with_for_update(skip_locked=True, of=Turn)
            )
            turns = session.scalars(due).all()
            connection = session.connection().connection.driver_connection
            for turn in turns:
                turn.due_at = now + timedelta(seconds=seconds[turn.source_name])
                dispatch(connection, turn.source_name)
            return [turn.source_name for turn in turns]

    def put(self, source: str, due_at: datetime) -> None:
        with self._database.write() as session:
            session.execute(update(Turn).where(Turn.source_name == source).values(due_at=due_at))
