"""The time that all hosts agree on: the database's, asked now and then and carried on in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic

from sqlalchemy import DateTime, cast, func, select

from postroom.db.engine import Database
from postroom.errors import DatabaseUnavailable

_ASKED_EVERY_SECONDS = 30.0


class DatabaseClock:
    """Tells the time of a shared database, and that of this machine where nobody shares it.

    Leases are judged by it, so a host whose own clock is wrong, or is set while it runs, takes nobody's away.
    While the database is away, the last answer is carried on by the machine's monotonic clock.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: tuple[datetime, float] | None = None

    def __call__(self) -> datetime:
        """Return the time now, aware, in UTC.  Raises DatabaseUnavailable only before the first answer."""
        if not self._database.is_shared:
            return datetime.now(UTC)
        moment, since = self._fresh()
        return moment + timedelta(seconds=monotonic() - since)

    def _fresh(self) -> tuple[datetime, float]:
        asked = self._asked
        if asked is not None and monotonic() - asked[1] < _ASKED_EVERY_SECONDS:
            return asked
        try:
            self._asked = self._ask()
        except DatabaseUnavailable:
            if asked is None:
                raise
            return asked
        return self._asked

    def _ask(self) -> tuple[datetime, float]:
        with self._database.read() as connection:
            before = monotonic()
            answer = connection.scalar(select(cast(func.clock_timestamp(), DateTime(timezone=True))))
            between = (before + monotonic()) / 2
        assert answer is not None  # noqa: S101  (the function always answers)
        return answer.astimezone(UTC), between
