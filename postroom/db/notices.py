"""What a person was told, or is yet to be told if it lasts, kept between two rounds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict

from sqlalchemy import delete, select

from postroom.core.notices import Notice
from postroom.db.dialect import insert_new
from postroom.db.engine import Database
from postroom.db.machinery import NOTICE


class SqlNotices:
    """The notices on SQLAlchemy; hosts that share a database share them, so that a thing is said by one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self) -> dict[str, Notice]:
        """Return all of them by name.  Raises DatabaseUnavailable."""
        with self._database.read() as connection:
            rows = connection.execute(select(NOTICE).order_by(NOTICE.c.name)).all()
            return {
                row.name: Notice(row.name, row.code, row.message, row.rank, row.since, row.said_at)
                for row in rows
            }

    def replace(self, notices: Collection[Notice]) -> None:
        """Keep these and no others; what did not change is not written.  Raises DatabaseUnavailable."""
        if {notice.name: notice for notice in notices} == self.known():
            return
        with self._database.write() as connection:
            connection.execute(delete(NOTICE))
            insert_new(connection, NOTICE, [asdict(notice) for notice in notices])
