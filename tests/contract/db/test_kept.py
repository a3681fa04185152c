"""Copies that stay in their source for a while: which of them are due, and never one that is not safe."""

from __future__ import annotations

import pytest

from postroom.core.places import Place
from postroom.db.engine import Database
from postroom.db.keeping import SqlKept
from postroom.db.source_book import SqlSourceBook
from postroom.db.values import Intake, Verdict
from tests.contract.db.databases import MORNING, Orders, copy, message, minutes, place


@pytest.fixture
def kept(database: Database) -> SqlKept:
    return SqlKept(database, "orders", "imap", lambda: MORNING)


def take(orders: Orders, moment: float, *uids: int, settle: bool = True) -> None:
    """Commit a message for each UID at that minute, and let its source let it go."""
    messages = [message(orders.acme, f"<{uid}@x>") for uid in uids]
    seen = [copy(uid, key=new.key) for uid, new in zip(uids, messages, strict=True)]
    orders.inbox.commit(Intake(messages, seen=seen, source_name="orders"), minutes(moment))
    if settle:
        orders.inbox.settled([place(uid) for uid in uids], minutes(moment))


def due(kept: SqlKept, moment: float) -> list[Place]:
    return list(kept.due(minutes(moment))[0])


def test_what_was_taken_long_enough_ago_is_due(kept: SqlKept, orders: Orders) -> None:
    take(orders, 1, 1, 2)
    take(orders, 2, 3)
    take(orders, 9, 4)

    places, until = kept.due(minutes(2))

    assert (places, until) == ([place(1), place(2), place(3)], minutes(2))


def test_what_was_removed_is_due_no_more(kept: SqlKept, orders: Orders) -> None:
    take(orders, 1, 1)
    take(orders, 2, 2)

    kept.removed(minutes(1))

    assert due(kept, 5) == [place(2)]


def test_where_nothing_is_due_there_is_no_moment(kept: SqlKept, orders: Orders) -> None:
    take(orders, 9, 1)

    assert kept.due(minutes(5)) == ([], None)


def test_what_its_source_has_not_let_go_is_waited_for(kept: SqlKept, orders: Orders) -> None:
    take(orders, 1, 1)
    take(orders, 2, 2, settle=False)
    take(orders, 3, 3)
    first = kept.due(minutes(5))

    kept.removed(minutes(1))
    orders.inbox.settled([place(2)], minutes(6))

    assert first == ([place(1)], minutes(1))
    assert due(kept, 5) == [place(2), place(3)]


@pytest.mark.parametrize(
    "verdict", [Verdict.QUARANTINED, Verdict.KNOWN, Verdict.LEFT, Verdict.UNREADABLE], ids=str
)
def test_what_is_not_safe_with_an_org_stays(kept: SqlKept, orders: Orders, verdict: Verdict) -> None:
    orders.inbox.commit(Intake(seen=[copy(1, verdict)]), minutes(1))
    orders.inbox.settled([place(1)], minutes(1))
    take(orders, 2, 2)

    assert due(kept, 5) == [place(2)]


def test_more_than_are_read_at_once_come_one_after_the_other(kept: SqlKept, orders: Orders) -> None:
    for batch in range(12):
        take(orders, batch, *range(batch * 50 + 1, batch * 50 + 51))

    found: list[Place] = []
    while True:
        places, until = kept.due(minutes(60))
        if until is None:
            break
        found += places
        kept.removed(until)

    assert found == [place(uid) for uid in range(1, 601)]


def test_what_is_said_of_a_source_stays_beside_it(kept: SqlKept, orders: Orders, database: Database) -> None:
    take(orders, 1, 1)
    kept.removed(minutes(1))

    SqlSourceBook(database).polled("orders", "imap", minutes(2), error=None)

    assert due(kept, 5) == []


def test_a_mail_that_a_person_gave_out_of_the_quarantine_is_no_place_in_a_mailbox(
    kept: SqlKept, orders: Orders
) -> None:
    take(orders, 1, 1)
    given = Place("orders", "", file_name="quarantine:7")
    new = message(orders.acme, "<given@x>")
    seen = copy(place=given, key=new.key, settled=True)
    orders.inbox.commit(Intake([new], seen=[seen], source_name="orders"), minutes(2))

    assert due(kept, 5) == [place(1)]
