"""What the database keeps of a mail that its server lists and cannot give."""

from __future__ import annotations

import pytest

from postroom.core.places import Cursor, Fingerprint
from postroom.db.engine import Database
from postroom.db.machinery import SIGHTING
from postroom.db.memory import SourceMemory
from postroom.db.orgs import SqlDirectory
from postroom.db.reading_status import oldest_unsettled
from postroom.db.values import Intake, Verdict
from tests.contract.db.databases import MORNING, Orders, copy, message, minutes, place, rows


@pytest.fixture
def memory(database: Database) -> SourceMemory:
    return SourceMemory(database, "orders", lambda: MORNING)


def unreadable_at(orders: Orders, moment: float, *uids: int) -> None:
    seen = [copy(uid, Verdict.UNREADABLE) for uid in uids]
    orders.inbox.commit(Intake(seen=seen), minutes(moment))


def test_it_is_remembered_for_its_folder_and_uidvalidity(memory: SourceMemory, orders: Orders) -> None:
    unreadable_at(orders, 1, 2, 1)

    assert memory.unreadable("INBOX", 7) == [place(1), place(2)]
    assert (memory.unreadable("INBOX", 8), memory.unreadable("Other", 7)) == ([], [])


def test_its_folder_is_not_done_while_it_is_there(memory: SourceMemory, orders: Orders) -> None:
    memory.remember(Cursor("INBOX", 7, 9))
    memory.remember(Cursor("Other", 7, 5))
    before = memory.done_up_to("INBOX", 7)

    unreadable_at(orders, 1, 1)

    assert (before, memory.done_up_to("INBOX", 7), memory.done_up_to("Other", 7)) == (9, None, 5)


def test_the_one_tried_longest_ago_comes_first(memory: SourceMemory, orders: Orders) -> None:
    unreadable_at(orders, 1, 1, 2, 3)
    unreadable_at(orders, 2, 1)

    assert memory.unreadable("INBOX", 7) == [place(2), place(3), place(1)]


def test_it_is_owed_nothing_and_never_settled(database: Database, orders: Orders) -> None:
    unreadable_at(orders, 1, 1)

    orders.inbox.settled([place(1)], MORNING)

    assert orders.inbox.unsettled("orders") == []
    assert oldest_unsettled(database, "orders") is None
    assert rows(database, SIGHTING)[0].settled_at is None


def test_once_it_is_read_it_has_its_verdict_like_any_other(memory: SourceMemory, orders: Orders) -> None:
    unreadable_at(orders, 1, 1)
    new = message(orders.acme)

    orders.inbox.commit(Intake([new], seen=[copy(1, key=new.key)]), minutes(2))

    assert [sighting.verdict for sighting in rows(orders.database, SIGHTING)] == ["accepted"]
    assert memory.unreadable("INBOX", 7) == []


def test_it_is_neither_known_nor_left_alone(memory: SourceMemory, orders: Orders, database: Database) -> None:
    unreadable_at(orders, 1, 1)

    SqlDirectory(database).add("beta", minutes(2))

    assert memory.left("INBOX", 7) == []
    assert memory.known("INBOX", {Fingerprint("ef" * 32, MORNING, 478)}) == set()
