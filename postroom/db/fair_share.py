"""Work that is due, shared out among the orgs: one org's flood delays another's single mail by little."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import (
    Connection,
    Integer,
    Row,
    Select,
    Update,
    bindparam,
    case,
    exists,
    or_,
    select,
    update,
)

from postroom.core.orgs import by_org
from postroom.db.engine import Database
from postroom.db.ids import NOBODY
from postroom.db.machinery import WORK
from postroom.db.orgs import slugs_of
from postroom.db.scopes import acting_for_each
from postroom.db.values import WorkState


class Leased(NamedTuple):
    """A row of work that is leased now: its message, the token of the lease, and who died over it before."""

    org_id: UUID
    message_id: UUID
    token: int
    deaths: int


T = TypeVar("T")
Read = Callable[[Connection, UUID, Sequence[Leased], str], list[T]]
"""Reads what was leased of the org that the connection acts for; it is given the org's id and slug."""


class OrgRing:
    """The orgs in a ring, for one claimer: each claim goes on behind the org that was served last.

    Every org that has work due gets an equal share of a claim, its longest due first, and what is left goes
    to those that have more.  So, of n orgs at work, one waits for at most n/limit claims, whatever the others
    have piled up.
    """

    def __init__(self, database: Database, state: WorkState) -> None:
        self._database, self._state = database, state
        self._last = NOBODY

    def claim(
        self, read: Read[T], *, limit: int, holder: str, lease_seconds: float, now: datetime
    ) -> list[T]:
        """Lease up to `limit` due rows to `holder`, and return what `read` makes of each org's.

        Rows that another transaction is just taking are passed over, not waited for.  After a claim that
        found nothing, a look that keeps nobody from writing comes first.
        """
        if self._last == NOBODY and not self._has_due(now):
            return []
        claims, until = list[T](), now + timedelta(seconds=lease_seconds)
        with self._database.write(lasts=False) as connection:
            taken = self._take_due(connection, limit, holder, until, now)
            slugs = slugs_of(connection, [org_id for org_id, _ in taken])
            with acting_for_each(connection) as act_for:
                for org_id, some in taken:
                    act_for(org_id)
                    claims += read(connection, org_id, some, slugs[org_id])
        return claims

    def _has_due(self, now: datetime) -> bool:
        with self._database.read() as connection:
            return bool(_orgs_behind(connection, self._state, now, after=NOBODY, most=1))

    def _take_due(
        self, connection: Connection, limit: int, holder: str, until: datetime, now: datetime
    ) -> list[tuple[UUID, list[Leased]]]:
        """Return what was leased, by org."""
        taken: list[Row[Any]] = []
        orgs = _next_orgs(connection, self._state, now, after=self._last, most=limit)
        self._last = orgs[-1] if orgs else NOBODY
        while orgs and len(taken) < limit:
            share = max(1, (limit - len(taken)) // len(orgs))
            with_more, found = [], list[Row[Any]]()
            for org_id in orgs:
                most = min(share, limit - len(taken) - len(found))
                some = _due_of(connection, self._state, org_id, now, most=most)
                found += some
                with_more += [org_id] if len(some) == share else []
            if found:
                _lease(connection, found, holder, until)
            taken += found
            orgs = with_more
        leased = [Leased(row.org_id, row.message_id, row.token + 1, _deaths(row)) for row in taken]
        return by_org(leased, lambda each: each.org_id)


def _lease(connection: Connection, rows: Sequence[Row[Any]], holder: str, until: datetime) -> None:
    ids = [row.message_id for row in rows]
    connection.execute(_leasing(), {"ids": ids, "new_holder": holder, "until": until})


def _deaths(row: Row[Any]) -> int:
    """Return the deaths with the one of a holder whose lease ran out."""
    return int(row.deaths) + (row.leased_until is not None)


def _next_orgs(
    connection: Connection, state: WorkState, now: datetime, *, after: UUID, most: int
) -> list[UUID]:
    """Return up to `most` orgs that have work due: those behind `after`, then those from the beginning."""
    behind = _orgs_behind(connection, state, now, after=after, most=most)
    if len(behind) == most or after == NOBODY:
        return behind
    before = _orgs_behind(connection, state, now, after=NOBODY, most=most - len(behind))
    return list(dict.fromkeys([*behind, *before]))


def _orgs_behind(
    connection: Connection, state: WorkState, now: datetime, *, after: UUID, most: int
) -> list[UUID]:
    """Return the orgs with work due in the order of their ids."""
    wanted = {"state": state, "now": now, "after": after, "most": most}
    return list(connection.execute(_ring_of_orgs(), wanted).scalars())


def _due_of(
    connection: Connection, state: WorkState, org_id: UUID, now: datetime, *, most: int
) -> Sequence[Row[Any]]:
    wanted = {"state": state, "now": now, "org": org_id, "most": most}
    return connection.execute(_longest_due(), wanted).all()


@cache
def _ring_of_orgs() -> Select[Any]:
    """Return the query for orgs with work due; made once, for making it costs more than running it.

    The index is stepped through org by org, so a million rows of one cost as little as one row.
    """
    work = WORK

    def next_org(last: Any) -> Any:
        one = work.alias()
        following = select(one.c.org_id).where(one.c.state == bindparam("state"), one.c.org_id > last)
        return following.order_by(one.c.org_id).limit(1).scalar_subquery()

    after = bindparam("after", type_=work.c.org_id.type)
    ring = select(next_org(after).label("org_id")).cte("ring", recursive=True)
    ring = ring.union_all(select(next_org(ring.c.org_id)).where(ring.c.org_id.is_not(None)))
    has_due = exists().where(work.c.org_id == ring.c.org_id, *_is_due(work.c))
    found = select(ring.c.org_id).where(ring.c.org_id.is_not(None), has_due)
    return found.limit(bindparam("most", type_=Integer()))


@cache
def _longest_due() -> Select[Any]:
    work = WORK.c
    needed = (work.org_id, work.message_id, work.token, work.deaths, work.leased_until)
    mine = (work.org_id == bindparam("org"), *_is_due(work))
    in_turn = select(*needed).where(*mine).order_by(work.due_at, work.message_id)
    return in_turn.limit(bindparam("most", type_=Integer())).with_for_update(skip_locked=True)


@cache
def _leasing() -> Update:
    """Return the statement that leases rows; a lease that nobody ended is a death."""
    work = WORK
    died = case((work.c.leased_until.is_not(None), 1), else_=0)
    changes = {
        "holder": bindparam("new_holder"),
        "leased_until": bindparam("until"),
        "token": work.c.token + 1,
        "deaths": work.c.deaths + died,
    }
    return update(work).where(work.c.message_id.in_(bindparam("ids", expanding=True))).values(**changes)


def _is_due(work: Any) -> tuple[Any, ...]:
    now = bindparam("now", type_=work.due_at.type)
    is_free = or_(work.leased_until.is_(None), work.leased_until <= now)
    return (work.state == bindparam("state"), work.due_at <= now, is_free)
