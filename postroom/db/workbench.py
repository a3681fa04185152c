"""Work that is due: claimed under a lease, finished or put back under its token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, Update, bindparam, select, update

from postroom.core.lifecycle import Status
from postroom.db.advancing import RowId, advance, message_of
from postroom.db.engine import Database
from postroom.db.fair_share import Leased, OrgRing
from postroom.db.finishing import (
    by_token,
    close_or_owe,
    failed_attempts,
    finish,
    owe,
    owed,
    still_owed,
    still_theirs,
)
from postroom.db.machinery import OUTBOX, WORK
from postroom.db.outcomes import Extracted
from postroom.db.scopes import acting_for
from postroom.db.tables import INBOUND_MESSAGE
from postroom.db.values import Claim, Owed, WorkState
from postroom.errors import LeaseLost


class SqlWorkbench:
    """The workbench protocol on SQLAlchemy."""

    def __init__(self, database: Database) -> None:
        self._database, self._ring = database, OrgRing(database, WorkState.STORED)

    def claim(self, *, limit: int, holder: str, lease_seconds: float, now: datetime) -> list[Claim]:
        return self._ring.claim(_claims, limit=limit, holder=holder, lease_seconds=lease_seconds, now=now)

    def renew(self, claims: Sequence[Claim], *, lease_seconds: float, now: datetime) -> None:
        until = now + timedelta(seconds=lease_seconds)
        with self._database.write(lasts=False) as connection:
            keep(connection, claims, until)

    def finish(self, extracted: Sequence[Extracted], now: datetime) -> Mapping[UUID, int]:
        with self._database.write() as connection:
            return finish(connection, extracted, now)

    def put_back(self, claim: Claim, now: datetime, *, pause_seconds: float) -> None:
        due_at = now + timedelta(seconds=pause_seconds)
        with self._database.write(org=claim.org_id) as connection:
            _reopen(connection, claim, due_at)
            connection.execute(_message(claim).values(next_attempt_at=due_at, updated_at=now))

    def attempt_failed(
        self, claim: Claim, error: Mapping[str, Any], now: datetime, *, retry_at: datetime | None
    ) -> None:
        with self._database.write(org=claim.org_id) as connection:
            facts: dict[str, Any] = {"attempts": claim.attempts + 1, "updated_at": now}
            facts |= {"next_attempt_at": retry_at, "error_json": _with_history(connection, claim, error)}
            if retry_at is not None:
                _reopen(connection, claim, retry_at)
                connection.execute(_message(claim).values(**facts))
                return
            require_ours(connection, claim)
            if not advance(connection, _row(claim), Status.STORED, Status.FAILED, **facts):
                raise LeaseLost(f"message {claim.message_id} is no longer stored")
            owe(connection, [owed(claim.org_id, claim.message_id, "message.failed", now)])
            ended = [claim.message_id]
            close_or_owe(connection, ended, still_owed(connection, claim.org_id, ended))

    def died_over(self, claim: Claim) -> None:
        with self._database.write(org=claim.org_id) as connection:
            require_ours(connection, claim, **_dead())

    def rescue(self, now: datetime) -> int:
        with self._database.write() as connection:
            stalled = (WORK.c.leased_until.is_not(None), WORK.c.leased_until <= now)
            freed = connection.execute(
                update(WORK).where(*stalled).values(_dead()).returning(WORK.c.message_id)
            )
            return len(freed.all())

    def pull_in(self, latest: datetime, now: datetime) -> int:
        with self._database.write() as connection:
            # The states are named for the index, so that a long backlog is not read through.
            far_ahead = (WORK.c.state.in_(list(WorkState)), WORK.c.due_at > latest, WORK.c.holder.is_(None))
            pulled = connection.execute(
                update(WORK).where(*far_ahead).values(due_at=now).returning(WORK.c.org_id)
            )
            orgs = pulled.scalars().all()
            for org_id in set(orgs):
                with acting_for(connection, org_id):
                    owed_late = (
                        OUTBOX.c.org_id == org_id,
                        OUTBOX.c.announced_at.is_(None),
                        OUTBOX.c.due_at > latest,
                    )
                    connection.execute(update(OUTBOX).where(*owed_late).values(due_at=now))
            return len(orgs)


def keep(connection: Connection, held: Sequence[Claim | Owed], until: datetime) -> None:
    """Let those of the claims that are still ours last until then; what is finished is nobody's."""
    for tokens in by_token(held):
        connection.execute(_lasting_until(), {**tokens, "until": until})


@cache
def _lasting_until() -> Update:
    ours = update(WORK).where(*still_theirs(), WORK.c.holder.is_not(None))
    return ours.values(leased_until=bindparam("until"))


def require_ours(connection: Connection, held: Claim | Owed, **changes: Any) -> None:
    """Change the work row of a claim that is still ours; the caller's transaction then holds it.

    Raises LeaseLost.
    """
    ours = (WORK.c.org_id == held.org_id, WORK.c.message_id == held.message_id, WORK.c.token == held.token)
    touched = (
        update(WORK).where(*ours).values(changes or {"holder": WORK.c.holder}).returning(WORK.c.message_id)
    )
    if connection.execute(touched).scalar_one_or_none() is None:
        raise LeaseLost(f"message {held.message_id} went to another worker")


def _dead() -> dict[str, Any]:
    """Return what changes in a work row whose holder died: whoever it was is shut out."""
    return {"holder": None, "leased_until": None, "token": WORK.c.token + 1, "deaths": WORK.c.deaths + 1}


def _reopen(connection: Connection, claim: Claim, due_at: datetime) -> None:
    require_ours(connection, claim, due_at=due_at, holder=None, leased_until=None)


def _row(claim: Claim) -> RowId:
    return claim.org_id, claim.message_id


def _claims(connection: Connection, org_id: UUID, some: Sequence[Leased]) -> list[Claim]:
    """Return the claims of messages of one org, which the connection acts for; in the order of their ids."""
    by_id = {work.message_id: work for work in some}
    messages = connection.execute(_claimed(), {"org": org_id, "ids": list(by_id)}).all()
    return [_claim(message, by_id[message.id]) for message in messages]


@cache
def _claimed() -> Select[Any]:
    """Return the query for what a claim needs; made once, for making it costs more than running it."""
    message = INBOUND_MESSAGE.c
    needed = (message.id, message.source_message_id, message.raw_key, message.raw_sha256)
    mine = (message.org_id == bindparam("org"), message.id.in_(bindparam("ids", expanding=True)))
    return select(*needed, message.size_bytes, message.attempts).where(*mine).order_by(message.id)


def _claim(message: Row[Any], work: Leased) -> Claim:
    assert message.raw_key is not None  # noqa: S101  (a STORED row has one; db/inbox.py writes both together)
    return Claim(
        message_id=work.message_id,
        org_id=work.org_id,
        org=work.slug,
        source_message_id=message.source_message_id,
        raw_key=message.raw_key,
        raw_sha256=message.raw_sha256,
        size_bytes=message.size_bytes,
        attempts=message.attempts,
        token=work.token,
        deaths=work.deaths,
    )


def _message(claim: Claim) -> Any:
    return update(INBOUND_MESSAGE).where(
        INBOUND_MESSAGE.c.org_id == claim.org_id, INBOUND_MESSAGE.c.id == claim.message_id
    )


def _with_history(connection: Connection, claim: Claim, error: Mapping[str, Any]) -> dict[str, Any]:
    """Return the newest error with the earlier ones behind it, for `explain`."""
    return {**error, "attempts": [*_history(connection, claim), dict(error)]}


def _history(connection: Connection, claim: Claim) -> list[Any]:
    return failed_attempts(connection.execute(message_of(_row(claim))).one().error_json)
