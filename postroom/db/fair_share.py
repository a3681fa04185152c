"""Work that is due, shared out among the orgs: one org's flood delays another's single mail by little."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Integer, Select, Table, bindparam, exists, or_, select
from sqlalchemy.orm import Session

from postroom.core.orgs import by_org
from postroom.db.ids import NOBODY
from postroom.db.machinery import Work
from postroom.db.values import WorkState


class OrgRing:
    """The orgs in a ring, for one claimer: each claim goes on behind the org that was served last.

    Every org that has work due gets an equal share of a claim, its longest due first, and what is left goes
    to those that have more.  So, of n orgs at work, one waits for at most n/limit claims, whatever the others
    have piled up.
    """

    def __init__(self) -> None:
        self._last = NOBODY

    def take_due(
        self, session: Session, state: WorkState, *, limit: int, holder: str, until: datetime, now: datetime
    ) -> list[tuple[UUID, list[Work]]]:
        """Lease up to `limit` due rows of that state to `holder`, and return them by org.

        Rows that another transaction is just taking are passed over, not waited for.
        """
        taken: list[Work] = []
        orgs = _next_orgs(session, state, now, after=self._last, most=limit)
        self._last = orgs[-1] if orgs else NOBODY
        while orgs and len(taken) < limit:
            share = max(1, (limit - len(taken)) // len(orgs))
            with_more = []
            for org_id in orgs:
                some = _due_of(session, state, org_id, now, most=min(share, limit - len(taken)))
                for work in some:
                    work.deaths += work.leased_until is not None
                    work.holder, work.leased_until, work.token = holder, until, work.token + 1
                taken += some
                with_more += [org_id] if len(some) == share else []
            orgs = with_more
        return by_org(taken, lambda work: work.org_id)


def _next_orgs(session: Session, state: WorkState, now: datetime, *, after: UUID, most: int) -> list[UUID]:
    """Return up to `most` orgs that have work due: those behind `after`, then those from the beginning."""
    behind = _orgs_behind(session, state, now, after=after, most=most)
    if len(behind) == most or after == NOBODY:
        return behind
    before = _orgs_behind(session, state, now, after=NOBODY, most=most - len(behind))
    return list(dict.fromkeys([*behind, *before]))


def _orgs_behind(session: Session, state: WorkState, now: datetime, *, after: UUID, most: int) -> list[UUID]:
    """Return the orgs with work due in the order of their ids."""
    wanted = {"state": state, "now": now, "after": after, "most": most}
    return list(session.execute(_ring_of_orgs(), wanted).scalars())


def _due_of(session: Session, state: WorkState, org_id: UUID, now: datetime, *, most: int) -> Sequence[Work]:
    wanted = {"state": state, "now": now, "org": org_id, "most": most}
    return session.scalars(_longest_due(), wanted).all()


@cache
def _ring_of_orgs() -> Select[Any]:
    """Return the query for orgs with work due; made once, for making it costs more than running it.

    The index is stepped through org by org, so a million rows of one cost as little as one row.
    """
    work = cast("Table", Work.__table__)

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
def _longest_due() -> Select[Work]:
    mine = (Work.org_id == bindparam("org"), *_is_due(Work))
    in_turn = select(Work).where(*mine).order_by(Work.due_at, Work.message_id)
    return in_turn.limit(bindparam("most", type_=Integer())).with_for_update(skip_locked=True)


def _is_due(work: Any) -> tuple[Any, ...]:
    now = bindparam("now", type_=Work.due_at.type)
    is_free = or_(work.leased_until.is_(None), work.leased_until <= now)
    return (work.state == bindparam("state"), work.due_at <= now, is_free)
