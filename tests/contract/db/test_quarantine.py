"""What the quarantine promises: held once, listed oldest first, closed by one person only."""

from __future__ import annotations

from uuid import UUID

import pytest

from postroom.db.engine import Database
from postroom.db.inbox import SqlInbox
from postroom.db.machinery import QUARANTINE
from postroom.db.quarantine import ASSIGNED, HeldMail, SqlQuarantine
from postroom.db.values import Held, Intake, Verdict
from postroom.errors import NotFound
from tests.contract.db.databases import MORNING, copy, minutes, rows


@pytest.fixture
def quarantine(database: Database) -> SqlQuarantine:
    """Return a quarantine that holds three mails."""
    held = [
        Held(
            "orders",
            f"{number:064x}",
            f"_quarantine/{number}",
            "unknown-org",
            "no org",
            "r",
            "a@b",
            "s",
            9,
            MORNING,
        )
        for number in (1, 2, 3)
    ]
    seen = [copy(uid, Verdict.QUARANTINED, held=one) for uid, one in enumerate(held, 1)]
    SqlInbox(database).commit(Intake(seen=seen), minutes(1))
    return SqlQuarantine(database)


def test_an_entry_tells_all_that_is_known(quarantine: SqlQuarantine) -> None:
    assert quarantine.entry(1) == HeldMail(
        id=1,
        source="orders",
        code="unknown-org",
        reason="no org",
        recipient="r",
        from_address="a@b",
        subject="s",
        size_bytes=9,
        raw_sha256=f"{1:064x}",
        raw_key="_quarantine/1",
        received_at=MORNING,
        seen_at=minutes(1),
        state="held",
    )


def test_what_is_held_comes_oldest_first(quarantine: SqlQuarantine) -> None:
    assert [mail.id for mail in quarantine.held()] == [1, 2, 3]
    assert [mail.id for mail in quarantine.held(limit=2)] == [1, 2]
    assert quarantine.count() == 3


def test_a_mail_is_given_to_one_org_and_to_no_other(
    quarantine: SqlQuarantine, database: Database, acme: UUID
) -> None:
    chosen = quarantine.choose(2, acme)
    other = quarantine.choose(2, UUID(int=7))
    again = quarantine.choose(2, acme)
    dropped = quarantine.drop(2, minutes(6))

    row = rows(database, QUARANTINE, QUARANTINE.c.id)[1]
    assert (chosen, other, again, dropped) == (True, False, True, False)
    assert (row.state, row.assigned_org_id) == ("assigning", acme)
    assert [mail.id for mail in quarantine.held()] == [1, 2, 3]


def test_an_assigned_mail_is_held_no_more(quarantine: SqlQuarantine, database: Database, acme: UUID) -> None:
    quarantine.choose(2, acme)
    quarantine.assigned(2, minutes(5))

    row = rows(database, QUARANTINE, QUARANTINE.c.id)[1]
    assert (row.state, row.resolved_at, row.assigned_org_id) == ("assigned", minutes(5), acme)
    assert [mail.id for mail in quarantine.held()] == [1, 3]
    assert [mail.id for mail in quarantine.held(state=ASSIGNED)] == [2]
    assert (quarantine.count(), quarantine.choose(2, acme)) == (2, False)


def test_a_dropped_mail_is_given_to_nobody(quarantine: SqlQuarantine, acme: UUID) -> None:
    dropped = quarantine.drop(2, minutes(5))

    assert (dropped, quarantine.drop(2, minutes(6)), quarantine.choose(2, acme)) == (True, False, False)
    assert quarantine.entry(2).state == "dropped"


def test_an_entry_that_is_not_there_is_said_so(quarantine: SqlQuarantine) -> None:
    with pytest.raises(NotFound, match="there is no quarantine entry 99"):
        quarantine.entry(99)
    assert quarantine.drop(99, MORNING) is False
