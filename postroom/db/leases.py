"""Leases with fencing tokens: one worker at a time, and a late one is shut out of its commit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, or_, true, update

from postroom.db.dialect import insert_missing
from postroom.db.engine import Database
from postroom.db.machinery import LEASE, WORK
from postroom.db.values import Fence
from postroom.errors import LeaseLost

_ENDED = datetime(1970, 1, 1, tzinfo=UTC)
_IT = LEASE.c.name == bindparam("lease")
# Built once: every poll needs them, also where nothing came.
_ACQUIRE = (
    update(LEASE)
    .where(_IT, or_(LEASE.c.leased_until <= bindparam("now"), LEASE.c.holder == bindparam("by")))
    .values(holder=bindparam("by"), leased_until=bindparam("until"), token=LEASE.c.token + 1)
    .returning(LEASE.c.token)
)
_MINE = update(LEASE).where(_IT, LEASE.c.token == bindparam("mine"))
# The row stays, for its token must go on growing; only its time ends.
_RELEASE = _MINE.values(leased_until=_ENDED)
_HOLD = _MINE.values(holder=LEASE.c.holder).returning(LEASE.c.token)
_RENEW = _MINE.values(leased_until=bindparam("until")).returning(LEASE.c.token)


def lease_of_source(name: Any) -> Any:
    """Return the name of the lease on polling a source; `name` is its name, or a column of such names."""
    return "source:" + name


def require(connection: Connection, fence: Fence, now: datetime, *, until: datetime | None = None) -> None:
    """Hold the lease of a fence whose token is the newest for the caller's transaction, or renew it.

    Raises LeaseLost.
    """
    asked = {"lease": fence.name, "mine": fence.token}
    statement, told = (_HOLD, asked) if until is None else (_RENEW, {**asked, "until": until})
    if connection.scalar(statement, told) is None:
        raise LeaseLost(f"{fence.name} went to another worker before {now:%H:%M:%S}")


class SqlLeases:
    """The leases protocol on SQLAlchemy.

    A power cut ends whoever holds a lease of this machine's own database: such a lease need not outlast it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, name: str, *, holder: str, seconds: float, now: datetime) -> Fence | None:
        asked = {"lease": name, "by": holder, "until": now + timedelta(seconds=seconds), "now": now}
        with self._database.write(lasts=False) as connection:
            token = connection.scalar(_ACQUIRE, asked)
            if token is not None:
                return Fence(name, token)
            # Nobody ever held it; or somebody else does, who may have been the first just now.
            first = {"name": name, "holder": holder, "leased_until": asked["until"], "token": 1}
            return Fence(name, 1) if insert_missing(connection, LEASE, first) else None

    def renew(self, fence: Fence, *, seconds: float, now: datetime) -> None:
        with self._database.write(lasts=False) as connection:
            require(connection, fence, now, until=now + timedelta(seconds=seconds))

    def release(self, fence: Fence) -> None:
        with self._database.write(lasts=False) as connection:
            connection.execute(_RELEASE, {"lease": fence.name, "mine": fence.token})

    def void_all(self) -> None:
        """End every lease and claim: the caller holds the state_dir lock, so their holders are dead."""
        with self._database.write() as connection:
            _void(connection, true(), or_(WORK.c.holder.is_not(None), WORK.c.leased_until.is_not(None)))

    def void(self, holder: str) -> None:
        """End the leases and claims of a holder that is known to be dead, and of no other."""
        with self._database.write() as connection:
            _void(connection, LEASE.c.holder == holder, WORK.c.holder == holder)


def _void(connection: Connection, leases: Any, claims: Any) -> None:
    ended = {"leased_until": _ENDED, "token": LEASE.c.token + 1}
    connection.execute(update(LEASE).where(leases).values(**ended))
    freed = {"holder": None, "leased_until": None, "token": WORK.c.token + 1, "deaths": WORK.c.deaths + 1}
    connection.execute(update(WORK).where(claims).values(**freed))
