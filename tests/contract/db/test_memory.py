"""What every Memory promises: what was taken, what was known, what was left, and for how long."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from postroom.core.places import GENERATION, Cursor, Fingerprint, KnownFile, Place
from postroom.db.engine import Database
from postroom.db.inbox import SqlInbox
from postroom.db.machinery import SOURCE_STATE
from postroom.db.memory import SourceMemory
from postroom.db.orgs import SqlDirectory
from postroom.db.source_book import SqlSourceBook
from postroom.db.values import Intake, Verdict
from tests.contract.db.databases import DIGEST, MORNING, Orders, copy, minutes, place, rows

SEEN = Fingerprint("ef" * 32, MORNING, 478)


@pytest.fixture
def memory(database: Database) -> SourceMemory:
    return SourceMemory(database, "orders", lambda: MORNING)


def left_at(orders: Orders, moment: float, *uids: int) -> None:
    orders.inbox.commit(Intake(seen=[copy(uid, Verdict.LEFT) for uid in uids]), minutes(moment))


def test_a_folder_that_was_never_opened_has_no_cursor(memory: SourceMemory) -> None:
    assert (memory.cursor("INBOX", 7), memory.first_bound("INBOX")) == (None, None)


def test_the_cursor_of_a_first_connect_keeps_its_since(memory: SourceMemory) -> None:
    opened = Cursor("INBOX", 7, 0, since=MORNING, since_until_uid=743_024_218)

    memory.remember(opened)

    assert memory.cursor("INBOX", 7) == opened


def test_remembering_never_takes_a_cursor_back(memory: SourceMemory) -> None:
    memory.remember(Cursor("INBOX", 7, 9))
    memory.remember(Cursor("INBOX", 7, 0, since=MORNING, since_until_uid=5))

    assert memory.cursor("INBOX", 7) == Cursor("INBOX", 7, 9)


def test_the_first_bound_is_that_of_the_first_uidvalidity(database: Database) -> None:
    for number, uidvalidity in enumerate((9, 3, 5)):
        SourceMemory(database, "orders", partial(minutes, number)).remember(
            Cursor("INBOX", uidvalidity, 0, since=minutes(-number))
        )

    memory = SourceMemory(database, "orders", lambda: MORNING)
    assert memory.first_bound("INBOX") == Cursor("INBOX", 9, 0, since=MORNING)


def test_a_fingerprint_is_known_when_all_three_agree(memory: SourceMemory, orders: Orders) -> None:
    orders.commit("<1@x>")
    others = {
        Fingerprint("00" * 32, MORNING, 478),
        Fingerprint("ef" * 32, MORNING + timedelta(seconds=1), 478),
        Fingerprint("ef" * 32, MORNING, 479),
    }

    assert memory.known("INBOX", {SEEN, *others}) == {SEEN}


def test_a_fingerprint_is_its_sources_and_folders_own(database: Database, orders: Orders) -> None:
    orders.commit("<1@x>")

    assert SourceMemory(database, "orders", lambda: MORNING).known("Other", {SEEN}) == set()
    assert SourceMemory(database, "other", lambda: MORNING).known("INBOX", {SEEN}) == set()


def test_a_mail_without_a_message_id_is_never_known(memory: SourceMemory, orders: Orders) -> None:
    orders.inbox.commit(Intake(seen=[copy(1, message_id_sha256="")]), MORNING)

    assert memory.known("INBOX", {Fingerprint("", MORNING, 478)}) == set()


def test_a_mail_that_was_left_is_not_known_and_one_in_quarantine_is(
    memory: SourceMemory, orders: Orders
) -> None:
    left_at(orders, 0, 1)
    before = memory.known("INBOX", {SEEN})

    orders.inbox.commit(Intake(seen=[copy(2, Verdict.QUARANTINED)]), MORNING)

    assert (before, memory.known("INBOX", {SEEN})) == (set(), {SEEN})


def test_hundreds_of_fingerprints_are_looked_up_at_once(memory: SourceMemory, orders: Orders) -> None:
    prints = [Fingerprint(f"{number:064x}", MORNING, 478) for number in range(1, 501)]
    seen = [copy(uid, message_id_sha256=one.message_id_sha256) for uid, one in enumerate(prints, 1)]
    orders.inbox.commit(Intake(seen=seen), MORNING)

    assert memory.known("INBOX", prints) == set(prints)


def test_only_a_settled_file_is_sighted(memory: SourceMemory, orders: Orders) -> None:
    files = [Place("orders", "", file_name=name) for name in ("done", "owed")]
    orders.inbox.commit(Intake(seen=[copy(place=file) for file in files]), MORNING)

    orders.inbox.settled(files[:1], MORNING)

    assert memory.sighted({"done", "owed", "never"}) == [KnownFile("done", 478, MORNING, DIGEST)]
    assert memory.owed() == [KnownFile("owed", 478, MORNING, DIGEST)]


def test_a_copy_in_a_mailbox_or_left_alone_is_no_owed_file(memory: SourceMemory, orders: Orders) -> None:
    left = copy(place=Place("orders", "", file_name="left"), verdict=Verdict.LEFT)

    orders.inbox.commit(Intake(seen=[copy(1), left]), MORNING)

    assert memory.owed() == []


def test_two_files_under_one_name_are_both_known(memory: SourceMemory, orders: Orders) -> None:
    file = Place("orders", "", file_name="order.eml")
    for digest in ("ab" * 32, "cd" * 32):
        orders.inbox.commit(Intake(seen=[copy(place=file, raw_sha256=digest)]), MORNING)

    assert [known.raw_sha256 for known in memory.owed()] == ["ab" * 32, "cd" * 32]


def test_a_mail_is_left_alone_until_an_org_is_added(
    memory: SourceMemory, orders: Orders, database: Database
) -> None:
    left_at(orders, 1, 3, 1, 2)
    before = memory.left("INBOX", 7)

    SqlDirectory(database).add("beta", minutes(2))

    assert before == []
    assert memory.left("INBOX", 7) == [place(1), place(2), place(3)]
    assert (memory.left("INBOX", 8), memory.left("Other", 7)) == ([], [])


def test_an_alias_wakes_what_was_left_too(memory: SourceMemory, orders: Orders, database: Database) -> None:
    left_at(orders, 1, 1)

    SqlDirectory(database).alias("acme", "inc", minutes(2))

    assert memory.left("INBOX", 7) == [place(1)]


def test_a_mail_left_again_waits_for_the_next_org(
    memory: SourceMemory, orders: Orders, database: Database
) -> None:
    left_at(orders, 1, 1)
    SqlDirectory(database).add("beta", minutes(2))

    left_at(orders, 3, 1)

    assert memory.left("INBOX", 7) == []


def test_a_file_is_left_alone_until_an_org_is_added(
    memory: SourceMemory, orders: Orders, database: Database
) -> None:
    file = Place("orders", "", file_name="file")
    orders.inbox.commit(Intake(seen=[copy(place=file, verdict=Verdict.LEFT)]), minutes(1))
    before = memory.left_alone()

    SqlDirectory(database).add("beta", minutes(2))

    assert (before, memory.left_alone()) == ([KnownFile("file", 478, MORNING, DIGEST)], [])


def test_without_any_org_a_file_is_left_alone_too(database: Database, memory: SourceMemory) -> None:
    file = Place("orders", "", file_name="file")
    SqlInbox(database).commit(Intake(seen=[copy(place=file, verdict=Verdict.LEFT)]), MORNING)

    assert memory.left_alone() == [KnownFile("file", 478, MORNING, DIGEST)]
    assert memory.left("", 0) == []


def test_the_book_counts_failures_and_forgets_them_after_a_success(database: Database) -> None:
    book = SqlSourceBook(database)
    states = []
    for minute, error in enumerate((None, {"code": "E"}, {"code": "E"}, None)):
        book.polled("orders", "imap", minutes(minute), error=error)
        (state,) = rows(database, SOURCE_STATE)
        states.append((state.failures, state.last_success_at, state.error_json))

    assert states == [
        (0, minutes(0), None),
        (1, minutes(0), {"code": "E"}),
        (2, minutes(0), {"code": "E"}),
        (0, minutes(3), None),
    ]


def test_a_source_that_never_worked_has_no_success(database: Database) -> None:
    SqlSourceBook(database).polled("orders", "imap", MORNING, error={"code": "E"})

    (state,) = rows(database, SOURCE_STATE)
    assert (state.last_success_at, state.last_attempt_at, state.failures) == (None, MORNING, 1)


def test_a_folder_is_done_up_to_its_cursor_in_the_newest_generation(memory: SourceMemory) -> None:
    unknown = memory.done_up_to("INBOX", 7)
    for cursor in (
        Cursor("INBOX", 7, 90),
        Cursor("INBOX", 7 + GENERATION, 30),
        Cursor("INBOX", 8, 99),
        Cursor("Other", 7, 50),
    ):
        memory.remember(cursor)

    done = [memory.done_up_to("INBOX", 7), memory.done_up_to("INBOX", 8), memory.done_up_to("Other", 7)]

    assert (unknown, done) == (None, [30, 99, 50])


def test_a_folder_is_not_done_once_an_org_was_added_for_what_was_left(
    memory: SourceMemory, orders: Orders, database: Database
) -> None:
    memory.remember(Cursor("INBOX", 7, 9))
    memory.remember(Cursor("Other", 7, 5))
    left_at(orders, 1, 1)
    before = memory.done_up_to("INBOX", 7)

    SqlDirectory(database).add("beta", minutes(2))

    assert (before, memory.done_up_to("INBOX", 7), memory.done_up_to("Other", 7)) == (9, None, 5)
