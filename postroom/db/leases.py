"""Leases with fencing tokens: one worker at a time, and a late one is shut out of its commit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from postroom.db.engine import Database
from postroom.db.machinery import Lease, Work
from postroom.db.values import Fence
from postroom.errors import LeaseLost

_ENDED = datetime(1970, 1, 1, tzinfo=UTC)


def require(session: Session, fence: Fence, now: datetime) -> None:
    """Return if the fence's token is the newest; the caller's transaction then holds the row.

    Raises LeaseLost.
    """
    ours = (Lease.name == fence.name, Lease.token == fence.token)
    held = session.execute(update(Lease).where(*ours).values(holder=Lease.holder).returning(Lease.token))
    if held.scalar_one_or_none() is None:
        raise LeaseLost(f"{fence.name} went to another worker before {now:%H:%M:%S}")


class SqlLeases:
    """The leases protocol on SQLAlchemy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, name: str, *, holder: str, seconds: float, now: datetime) -> Fence | None:
        until = now + timedelta(seconds=seconds)
        with self._database.write() as session:
            lease = session.get(Lease, name, with_for_update=True)
            if lease is None:
                session.add(Lease(name=name, holder=holder, leased_until=until, token=1))
                return Fence(name, 1)
            if lease.leased_until > now and lease.holder != holder:
                return None
            lease.holder, lease.leased_until, lease.token = holder, until, lease.token + 1
            return Fence(name, lease.token)

    def renew(self, fence: Fence, *, seconds: float, now: datetime) -> None:
        with self._database.write() as session:
            require(session, fence, now)
            lease = session.scalars(select(Lease).where(Lease.name == fence.name)).one()
            lease.leased_until = now + timedelta(seconds=seconds)

    def release(self, fence: Fence) -> None:
        with self._database.write() as session:
            # The row stays, for its token must go on growing; only its time ends.
            ours = (Lease.name == fence.name, Lease.token == fence.token)
            session.execute(update(Lease).where(*ours).values(leased_until=_ENDED))

    def void_all(self) -> None:
        """End every lease and claim: the caller holds the state_dir lock, so their holders are dead."""
        with self._database.write() as session:
            session.execute(update(Lease).values(leased_until=_ENDED, token=Lease.token + 1))
            held = or_(Work.holder.is_not(None), Work.leased_until.is_not(None))
            session.execute(
                update(Work).where(held).values(holder=None, leased_until=None, token=Work.token + 1)
            )
