"""Work that is due, shared out among the orgs: one org's flood delays another's single mail by little."""

from __future__ import annotations

from collections import Counter
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
    bindparam,
    case,
    exists,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from postroom.core.orgs import by_org
from postroom.db.engine import Database
from postroom.db.ids import NOBODY
from postroom.db.machinery import WORK
from postroom.db.scopes import acting_for_each
from postroom.db.tables import ORG
from postroom.db.values import WorkState


class Leased(NamedTuple):
    """A row of work that is leased now: its message, the token of the lease, and who died over it before.

    `slug` is its org's.
    """

    org_id: UUID
    message_id: UUID
    token: int
    deaths: int
    slug: str


T = TypeVar("T")
Read = Callable[[Connection, UUID, Sequence[Leased]], list[T]]
"""Reads what was leased of the org that the connection acts for."""


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
            with acting_for_each(connection) as act_for:
                for org_id, some in taken:
                    act_for(org_id)
                    claims += read(connection, org_id, some)
        return claims

    def _has_due(self, now: datetime) -> bool:
        with self._database.read() as connection:
            return bool(_orgs_behind(connection, self._state, now, after=NOBODY, most=1))

    def _take_due(
        self, connection: Connection, limit: int, holder: str, until: datetime, now: datetime
    ) -> list[tuple[UUID, list[Leased]]]:
        """Return what was leased, by org; of each org the longest due first."""
        taken: list[Row[Any]] = []
        orgs = _next_orgs(connection, self._state, now, after=self._last, most=limit)
        self._last = orgs[-1] if orgs else NOBODY
        step = {"in_state": self._state, "now": now, "new_holder": holder, "until": until}
        while orgs and len(taken) < limit:
            share = max(1, (limit - len(taken)) // len(orgs))
            served = orgs[: limit - len(taken)]
            found = _lease(connection, {**step, "orgs": served, "share": share})
            taken += found
            counts = Counter(row.org_id for row in found)
            orgs = [org_id for org_id in served if counts[org_id] == share]
        taken.sort(key=lambda row: (row.due_at, row.message_id))
        leased = [Leased(row.org_id, row.message_id, row.token, row.deaths, row.slug) for row in taken]
        return by_org(leased, lambda each: each.org_id)


def _lease(connection: Connection, wanted: dict[str, Any]) -> Sequence[Row[Any]]:
    """Lease a share of each of the orgs, its longest due; an org gets less where less is due."""
    return connection.execute(_leasing(connection.dialect.name), wanted).all()


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
    wanted = {"in_state": state, "now": now, "after": after, "most": most}
    return list(connection.execute(_ring_of_orgs(), wanted).scalars())


@cache
def _ring_of_orgs() -> Select[Any]:
    """Return the query for orgs with work due; made once, for making it costs more than running it.

    The index is stepped through org by org, so a million rows of one cost as little as one row.
    """

    def next_org(last: Any) -> Any:
        one = WORK.alias()
        following = select(one.c.org_id).where(one.c.state == bindparam("in_state"), one.c.org_id > last)
        return following.order_by(one.c.org_id).limit(1).scalar_subquery()

    after = bindparam("after", type_=WORK.c.org_id.type)
    ring = select(next_org(after).label("org_id")).cte("ring", recursive=True)
    ring = ring.union_all(select(next_org(ring.c.org_id)).where(ring.c.org_id.is_not(None)))
    has_due = exists().where(WORK.c.org_id == ring.c.org_id, *_is_due(WORK.c))
    found = select(ring.c.org_id).where(ring.c.org_id.is_not(None), has_due)
    return found.limit(bindparam("most", type_=Integer()))


@cache
def _leasing(dialect: str) -> ReturningUpdate[Any]:
    """Return the statement that leases rows; a lease that nobody ended is a death."""
    org = ORG.c
    died = case((WORK.c.leased_until.is_not(None), 1), else_=0)
    changes = {
        "holder": bindparam("new_holder"),
        "leased_until": bindparam("until"),
        "token": WORK.c.token + 1,
        "deaths": WORK.c.deaths + died,
    }
    slug = select(org.slug).where(org.id == WORK.c.org_id).scalar_subquery().label("slug")
    of_it = (WORK.c.org_id, WORK.c.message_id, WORK.c.due_at, WORK.c.token, WORK.c.deaths, slug)
    longest_due = _longest_due_of_each(dialect)
    return update(WORK).where(WORK.c.message_id.in_(longest_due)).values(**changes).returning(*of_it)


def _longest_due_of_each(dialect: str) -> Select[Any]:
    """Return the query for the ids of a `share` of each of the `orgs`; a walk of the index for each.

    PostgreSQL passes over the rows that another transaction holds, and is to find and lock them only once.
    """
    mine, one = WORK.alias("mine"), WORK.alias("one")
    in_turn = select(mine.c.message_id).where(mine.c.org_id == ORG.c.id, *_is_due(mine.c))
    in_turn = in_turn.order_by(mine.c.due_at, mine.c.message_id).limit(bindparam("share", type_=Integer()))
    in_turn = in_turn.correlate(ORG)
    theirs = ORG.c.id.in_(bindparam("orgs", expanding=True))
    if dialect == "postgresql":
        due = in_turn.with_for_update(skip_locked=True).lateral("due")
        once = select(due.c.message_id).join_from(ORG, due, true()).where(theirs).cte("once")
        return select(once.c.message_id)
    return select(one.c.message_id).join_from(ORG, one, one.c.message_id.in_(in_turn)).where(theirs)


def _is_due(work: Any) -> tuple[Any, ...]:
    now = bindparam("now", type_=work.due_at.type)
    is_free = or_(work.leased_until.is_(None), work.leased_until <= now)
    return (work.state == bindparam("in_state"), work.due_at <= now, is_free)
