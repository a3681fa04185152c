"""What every Inbox promises: a batch whole or not at all, a key once, a status by compare-and-set."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from postroom.core.lifecycle import IllegalTransition, Status
from postroom.core.places import Cursor
from postroom.db.advancing import advance
from postroom.db.engine import Database
from postroom.db.inbox import SqlInbox, replay
from postroom.db.leases import SqlLeases
from postroom.db.machinery import FOLDER_CURSOR, QUARANTINE, SIGHTING, WORK
from postroom.db.memory import SourceMemory
from postroom.db.orgs import SqlDirectory
from postroom.db.tables import INBOUND_MESSAGE
from postroom.db.values import EMAIL, Existing, Held, Intake, Key, Raced, Verdict
from postroom.errors import LeaseLost
from tests.contract.db.databases import DIGEST, MORNING, Orders, copy, message, minutes, place, rows
from tests.databases import every_row


def held(**changes: object) -> Held:
    entry = Held(
        "orders", DIGEST, "_quarantine/raw/x", "unknown-org", "no org", "r", None, None, 478, MORNING
    )
    return replace(entry, **changes)  # type: ignore[arg-type]  # the fields are named where it is called


def test_what_was_committed_is_found_by_its_key(orders: Orders) -> None:
    (row_id,) = orders.commit("<1@x>")

    key, unknown = Key(orders.acme, EMAIL, "<1@x>"), Key(orders.acme, EMAIL, "<2@x>")
    assert orders.inbox.find({key, unknown}) == {
        key: Existing(row_id, Status.STORED, "cd" * 32, DIGEST, archived=True)
    }


def test_hundreds_of_keys_are_found_at_once(orders: Orders) -> None:
    names = [f"<{number}@x>" for number in range(250)]
    orders.commit(*names)

    assert len(orders.inbox.find([Key(orders.acme, EMAIL, name) for name in names])) == 250


def test_a_row_holds_what_was_known_of_its_mail(orders: Orders) -> None:
    berlin = datetime(2025, 3, 4, 10, 0, tzinfo=UTC) - timedelta(hours=1)
    new = message(orders.acme, received_at=berlin, sent_at=berlin, to_address="b@c", conflict=True)

    orders.inbox.commit(Intake([new]), minutes(1))

    (row,) = rows(orders.database, INBOUND_MESSAGE)
    assert (row.org_id, row.source, row.source_message_id) == (orders.acme, "EMAIL", "<1@x>")
    assert (row.from_address, row.to_address, row.subject) == ("anna@customer.example", "b@c", "an order")
    assert (row.received_at, row.sent_at, row.created_at) == (MORNING, MORNING, minutes(1))
    assert (row.status, row.attempts, row.conflict) == (Status.STORED, 0, True)
    assert row.raw_key == f"{orders.acme}/raw/ab/{DIGEST}"


def test_text_that_no_database_holds_is_made_harmless(orders: Orders) -> None:
    orders.inbox.commit(Intake([message(orders.acme, subject="a\x00b\ud800c")]), MORNING)

    (row,) = rows(orders.database, INBOUND_MESSAGE)
    assert row.subject == "a\ufffdb\ufffdc"


def test_a_time_without_a_zone_is_refused(orders: Orders) -> None:
    naive = MORNING.replace(tzinfo=None)

    with pytest.raises(Exception, match="without a zone"):
        orders.inbox.commit(Intake([message(orders.acme, received_at=naive)]), MORNING)


def test_a_committed_message_is_due_at_once(orders: Orders) -> None:
    (row_id,) = orders.commit("<1@x>")

    (work,) = rows(orders.database, WORK)
    assert (work.message_id, work.org_id, work.state, work.due_at) == (
        row_id,
        orders.acme,
        Status.STORED,
        MORNING,
    )
    assert (work.holder, work.leased_until, work.token) == (None, None, 0)


def test_a_batch_that_loses_a_race_writes_nothing(orders: Orders) -> None:
    orders.commit("<2@x>")
    batch = Intake(
        [message(orders.acme, "<1@x>"), message(orders.acme, "<2@x>")],
        seen=[copy(9)],
        cursor=Cursor("INBOX", 7, 9),
        source_name="orders",
    )

    with pytest.raises(Raced):
        orders.inbox.commit(batch, MORNING)

    assert len(rows(orders.database, INBOUND_MESSAGE)) == 1
    assert [sighting.uid for sighting in rows(orders.database, SIGHTING)] == [1]
    assert rows(orders.database, FOLDER_CURSOR) == []


def test_the_ids_of_older_rows_come_back_for_their_duplicates(orders: Orders) -> None:
    (row_id,) = orders.commit("<1@x>")
    key = Key(orders.acme, EMAIL, "<1@x>")

    ids = orders.inbox.commit(Intake(seen=[copy(2, Verdict.DUPLICATE, key=key)]), MORNING)

    assert ids == {key: row_id}
    assert [sighting.message_id for sighting in rows(orders.database, SIGHTING)] == [row_id, row_id]


def test_more_duplicates_than_one_statement_holds_are_recorded(orders: Orders) -> None:
    names = [f"<{number}@x>" for number in range(450)]
    orders.commit(*names)
    again = [
        copy(1000 + uid, Verdict.DUPLICATE, key=Key(orders.acme, EMAIL, name))
        for uid, name in enumerate(names)
    ]

    ids = orders.inbox.commit(Intake(seen=again), MORNING)

    assert len(ids) == 450


def test_no_batch_is_too_big_for_one_look_up(orders: Orders) -> None:
    keys = [Key(orders.acme, EMAIL, f"<{number}@x>") for number in range(40_000)]

    assert orders.inbox.find(keys) == {}


def test_a_copy_met_again_keeps_its_first_verdict(orders: Orders) -> None:
    orders.commit("<1@x>")

    orders.inbox.commit(
        Intake(seen=[copy(1, Verdict.DUPLICATE, key=Key(orders.acme, EMAIL, "<1@x>"))]), minutes(5)
    )

    (sighting,) = rows(orders.database, SIGHTING)
    assert (sighting.verdict, sighting.seen_at) == ("accepted", MORNING)


def test_a_copy_that_was_left_gets_a_new_verdict_when_it_is_met_again(orders: Orders) -> None:
    orders.inbox.commit(Intake(seen=[copy(1, Verdict.LEFT)]), MORNING)
    new = message(orders.acme)

    orders.inbox.commit(Intake([new], seen=[copy(1, key=new.key)]), minutes(5))

    assert [sighting.verdict for sighting in rows(orders.database, SIGHTING)] == ["accepted"]


def test_a_copy_without_an_org_is_recorded_once(orders: Orders) -> None:
    for _ in range(2):
        orders.inbox.commit(Intake(seen=[copy(1, Verdict.QUARANTINED, held=held())]), MORNING)

    assert len(rows(orders.database, SIGHTING)) == 1
    assert len(rows(orders.database, QUARANTINE)) == 1


def test_one_copy_for_two_orgs_is_two_sightings(orders: Orders) -> None:
    beta = SqlDirectory(orders.database).add("beta", MORNING).id
    both = [message(orders.acme), message(beta)]

    orders.inbox.commit(Intake(both, seen=[copy(1, key=new.key) for new in both]), MORNING)

    assert {sighting.org_id for sighting in rows(orders.database, SIGHTING)} == {orders.acme, beta}


def test_a_quarantined_copy_points_to_its_entry(orders: Orders) -> None:
    orders.inbox.commit(Intake(seen=[copy(1, Verdict.QUARANTINED, held=held())]), MORNING)
    orders.inbox.commit(Intake(seen=[copy(2, Verdict.QUARANTINED, held=held())]), MORNING)

    (entry,) = rows(orders.database, QUARANTINE)
    assert (entry.state, entry.code, entry.raw_key) == ("held", "unknown-org", "_quarantine/raw/x")
    assert [sighting.quarantine_id for sighting in rows(orders.database, SIGHTING)] == [entry.id, entry.id]


def test_a_commit_under_an_old_token_is_refused_whole(orders: Orders) -> None:
    leases = SqlLeases(orders.database)
    old = leases.acquire("source:orders", holder="here", seconds=30, now=MORNING)
    leases.acquire("source:orders", holder="there", seconds=30, now=minutes(1))

    with pytest.raises(LeaseLost, match="source:orders"):
        orders.inbox.commit(Intake([message(orders.acme)], seen=[copy()], fence=old), minutes(1))

    assert (rows(orders.database, INBOUND_MESSAGE), rows(orders.database, SIGHTING)) == ([], [])


def test_a_commit_under_the_newest_token_goes_through(orders: Orders) -> None:
    fence = SqlLeases(orders.database).acquire("source:orders", holder="here", seconds=30, now=MORNING)

    orders.inbox.commit(Intake([message(orders.acme)], fence=fence), MORNING)

    assert len(rows(orders.database, INBOUND_MESSAGE)) == 1


def test_a_cursor_moves_with_its_batch_and_never_back(orders: Orders) -> None:
    memory = SourceMemory(orders.database, "orders", lambda: MORNING)
    reached = []
    for uid in (5, 9, 3):
        orders.inbox.commit(Intake(cursor=Cursor("INBOX", 7, uid), source_name="orders"), MORNING)
        cursor = memory.cursor("INBOX", 7)
        reached.append(cursor.last_uid if cursor else None)

    assert reached == [5, 9, 9]


def test_a_cursor_is_its_folders_and_uidvaliditys_own(orders: Orders) -> None:
    for cursor in (Cursor("INBOX", 7, 5), Cursor("INBOX", 8, 1), Cursor("Other", 7, 2)):
        orders.inbox.commit(Intake(cursor=cursor, source_name="orders"), MORNING)

    memory = SourceMemory(orders.database, "orders", lambda: MORNING)
    assert memory.cursor("INBOX", 7) == Cursor("INBOX", 7, 5)
    assert memory.cursor("INBOX", 8) == Cursor("INBOX", 8, 1)
    assert SourceMemory(orders.database, "other", lambda: MORNING).cursor("INBOX", 7) is None


# --- RECEIVED ------------------------------------------------------------------------------------


def test_a_mail_that_waits_for_the_archive_has_a_row_without_a_key(orders: Orders) -> None:
    for _ in range(2):
        orders.inbox.note_received([message(orders.acme)], MORNING)

    (row,) = rows(orders.database, INBOUND_MESSAGE)
    (work,) = rows(orders.database, WORK)
    assert (row.status, row.raw_key, work.state) == (Status.RECEIVED, None, Status.RECEIVED)
    assert not orders.inbox.find([Key(orders.acme, EMAIL, "<1@x>")]).popitem()[1].archived


def test_noting_a_mail_that_is_safe_changes_nothing(orders: Orders) -> None:
    orders.commit("<1@x>")

    orders.inbox.note_received([message(orders.acme)], minutes(5))

    (row,) = rows(orders.database, INBOUND_MESSAGE)
    assert (row.status, row.updated_at) == (Status.STORED, MORNING)


def test_a_waiting_row_is_resumed_with_the_bytes_that_were_archived(orders: Orders) -> None:
    orders.inbox.note_received([message(orders.acme)], MORNING)
    other = "99" * 32  # another copy: other Received lines, the same content
    now = message(orders.acme, raw_sha256=other, raw_key=f"org/raw/99/{other}", size_bytes=500)

    orders.inbox.commit(Intake(resumed=[now], seen=[copy(1, key=now.key)]), minutes(1))

    (row,) = rows(orders.database, INBOUND_MESSAGE)
    (work,) = rows(orders.database, WORK)
    assert (row.status, row.raw_sha256, row.size_bytes) == (Status.STORED, other, 500)
    assert row.raw_key == f"org/raw/99/{other}"
    assert (work.state, work.due_at) == (Status.STORED, minutes(1))


def test_a_row_that_another_resumed_first_is_a_lost_race(orders: Orders) -> None:
    orders.commit("<1@x>")

    with pytest.raises(Raced):
        orders.inbox.commit(Intake(resumed=[message(orders.acme)]), MORNING)


def test_a_mail_not_met_again_for_long_is_given_up_with_a_reason(orders: Orders) -> None:
    orders.inbox.note_received([message(orders.acme, "<gone@x>"), message(orders.acme, "<here@x>")], MORNING)
    orders.inbox.note_received([message(orders.acme, "<here@x>")], minutes(30))

    lost = orders.inbox.give_up_received(unseen_since=minutes(20), now=minutes(60))

    outcome = {row.source_message_id: row for row in rows(orders.database, INBOUND_MESSAGE)}
    assert lost == 1
    assert outcome["<gone@x>"].status is Status.FAILED
    assert outcome["<gone@x>"].error_json["code"] == "E-SOURCE-VANISHED"
    assert outcome["<here@x>"].status is Status.RECEIVED
    assert len(rows(orders.database, WORK)) == 1


# --- settling ------------------------------------------------------------------------------------


def test_what_is_committed_is_owed_to_its_source_until_it_is_settled(orders: Orders) -> None:
    orders.commit("<1@x>", "<2@x>", "<3@x>")

    orders.inbox.settled([place(1), place(3)], minutes(1))

    assert orders.inbox.unsettled("orders") == [place(2)]
    assert orders.inbox.unsettled("other") == []
    assert [sighting.settled_at for sighting in rows(orders.database, SIGHTING, SIGHTING.c.uid)] == [
        minutes(1),
        None,
        minutes(1),
    ]


def test_settling_twice_keeps_the_first_time(orders: Orders) -> None:
    orders.commit("<1@x>")

    for moment in (minutes(1), minutes(2)):
        orders.inbox.settled([place(1)], moment)

    assert rows(orders.database, SIGHTING)[0].settled_at == minutes(1)


def test_settling_nothing_and_unknown_places_is_harmless(orders: Orders) -> None:
    orders.inbox.settled([], MORNING)
    orders.inbox.settled([place(99)], MORNING)

    assert rows(orders.database, SIGHTING) == []


def test_more_places_than_one_statement_holds_are_settled(orders: Orders) -> None:
    orders.commit(*(f"<{number}@x>" for number in range(450)))

    orders.inbox.settled([place(uid) for uid in range(1, 451)], MORNING)

    assert orders.inbox.unsettled("orders") == []


def test_a_copy_that_was_left_is_owed_nothing_and_never_settled(orders: Orders) -> None:
    orders.inbox.commit(Intake(seen=[copy(1, Verdict.LEFT)]), MORNING)

    orders.inbox.settled([place(1)], MORNING)

    assert orders.inbox.unsettled("orders") == []
    assert rows(orders.database, SIGHTING)[0].settled_at is None


# --- status --------------------------------------------------------------------------------------


def test_a_status_moves_only_from_where_it_is(database: Database, orders: Orders) -> None:
    (row_id,) = orders.commit("<1@x>")

    with database.write(org=orders.acme) as connection:
        first = advance(connection, (orders.acme, row_id), Status.STORED, Status.PARSED)
        second = advance(connection, (orders.acme, row_id), Status.STORED, Status.PARSED)

    assert (first, second) == (True, False)


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_change_by_hand_moves_the_time_of_the_last_change(orders: Orders) -> None:
    orders.commit("<1@x>")
    (before,) = rows(orders.database, INBOUND_MESSAGE)

    with every_row(orders.database) as connection:
        connection.execute(text("UPDATE inbound_message SET subject = 'mended'"))

    (after,) = rows(orders.database, INBOUND_MESSAGE)
    assert before.updated_at == MORNING
    assert after.updated_at > datetime(2026, 1, 1, tzinfo=UTC)


def test_an_illegal_step_is_refused_before_anything_is_written(database: Database, orders: Orders) -> None:
    (row_id,) = orders.commit("<1@x>")

    with pytest.raises(IllegalTransition), database.write() as connection:
        advance(connection, (orders.acme, row_id), Status.PARSED, Status.RECEIVED)

    assert rows(database, INBOUND_MESSAGE)[0].status is Status.STORED


def test_a_replay_is_refused_where_nothing_was_archived(database: Database, orders: Orders) -> None:
    orders.inbox.note_received([message(orders.acme)], MORNING)
    orders.inbox.give_up_received(unseen_since=minutes(1), now=minutes(2))
    (row,) = rows(database, INBOUND_MESSAGE)

    with database.write(org=orders.acme) as connection:
        replayed = replay(connection, (orders.acme, row.id), Status.FAILED, MORNING)
        unknown = replay(connection, (orders.acme, UUID(int=0)), Status.FAILED, MORNING)

    assert (replayed, unknown, rows(database, WORK)) == (False, False, [])


def test_a_replay_of_what_is_no_longer_there_queues_nothing(database: Database, orders: Orders) -> None:
    (row_id,) = orders.commit("<1@x>")

    with database.write(org=orders.acme) as connection:
        replayed = replay(connection, (orders.acme, row_id), Status.PARSED, minutes(9))

    assert replayed is False
    assert [work.due_at for work in rows(database, WORK)] == [MORNING]


def test_two_inboxes_agree_on_one_row(database: Database, orders: Orders) -> None:
    orders.commit("<1@x>")

    with pytest.raises(Raced):
        SqlInbox(database).commit(Intake([message(orders.acme)]), MORNING)
