"""The tasks: leases, books, attempts and pauses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Row

from postroom.core.places import Place
from postroom.db.leases import SqlLeases
from postroom.db.machinery import SOURCE_STATE
from postroom.errors import (
    ConnectFailed,
    DatabaseUnavailable,
    LeaseLost,
    PinnedOrgMissing,
    StoreUnavailable,
    Unroutable,
)
from postroom.fetcher.source import Batch, Memory
from postroom.jobs.extracting import extract_claims, extract_due
from postroom.jobs.polling import poll
from postroom.jobs.records import as_record
from postroom.jobs.rescuing import rescue_stalled
from tests.house import PDF, Postroom
from tests.mailbox import MailboxInRam, mail

MORNING = datetime(2025, 3, 4, 9, 0, tzinfo=UTC)


def book(postroom: Postroom) -> Row[Any]:
    (state,) = postroom.rows(SOURCE_STATE, SOURCE_STATE.c.source_name)
    return state


def test_a_poll_leaves_a_source_alone_that_another_host_polls(postroom: Postroom) -> None:
    postroom.orders.put(mail())
    SqlLeases(postroom.database).acquire("source:orders", holder="there", seconds=30, now=postroom.clock())

    tally = postroom.poll()

    assert (tally.taken, postroom.orders.read) == (0, [])


def test_a_poll_takes_over_when_the_other_hosts_lease_ended(postroom: Postroom) -> None:
    postroom.orders.put(mail())
    SqlLeases(postroom.database).acquire("source:orders", holder="there", seconds=30, now=postroom.clock())
    postroom.clock.later(30)

    assert postroom.poll().taken == 1


def test_a_poll_gives_its_lease_back(postroom: Postroom) -> None:
    postroom.poll()

    fence = SqlLeases(postroom.database).acquire(
        "source:orders", holder="there", seconds=30, now=postroom.clock()
    )

    assert fence is not None


def test_a_host_that_lost_its_lease_while_reading_commits_nothing_and_settles_nothing(
    postroom: Postroom,
) -> None:
    class Slow(MailboxInRam):
        def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
            for batch in super().batches(memory, limit=limit, since=since):
                postroom.clock.later(31)
                postroom.house.leases.acquire("source:slow", holder="there", seconds=30, now=postroom.clock())
                yield batch

    slow = Slow("slow", postroom.folder / "slow")
    slow.put(mail())

    with pytest.raises(LeaseLost):
        poll(postroom.kit(slow), postroom.house)

    assert (postroom.messages(), postroom.sightings(), slow.settled) == ([], [], [])


def test_a_poll_takes_nothing_more_once_the_mailbox_is_anothers(postroom: Postroom) -> None:
    given: list[int] = []

    class Long(MailboxInRam):
        def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
            for _ in range(3):
                given.append(len(given))
                yield from super().batches(memory, limit=1)

        def settle(self, places: Sequence[Place], *, held: bool = False) -> Sequence[Place]:
            postroom.clock.later(31)
            postroom.house.leases.acquire("source:long", holder="there", seconds=30, now=postroom.clock())
            return super().settle(places, held=held)

    long = Long("long", postroom.folder / "long")
    for number in range(3):
        long.put(mail(f"<{number}@x>"))

    with pytest.raises(LeaseLost):
        poll(postroom.kit(long), postroom.house)

    assert (len(postroom.messages()), given) == (1, [0, 1])
    assert postroom.book() == [], "a lost lease is no trouble of the mailbox"


def test_a_poll_that_went_well_is_in_the_book(postroom: Postroom) -> None:
    postroom.poll()

    state = book(postroom)
    assert (state.kind, state.last_success_at, state.failures, state.error_json) == ("imap", MORNING, 0, None)


def test_a_poll_that_failed_is_in_the_book_with_its_reason(postroom: Postroom) -> None:
    postroom.poll()
    postroom.orders.is_away = True
    for _ in range(2):
        postroom.clock.later(60)
        with pytest.raises(ConnectFailed):
            postroom.poll()

    state = book(postroom)
    assert (state.failures, state.last_success_at) == (2, MORNING)
    assert state.last_attempt_at == MORNING + timedelta(seconds=120)
    assert state.error_json == {
        "code": "E-IMAP-CONNECT",
        "message": "nobody answers",
        "fix": "",
        "at": "2025-03-04T09:02:00+00:00",
    }


def test_a_refused_after_action_is_in_the_book(postroom: Postroom) -> None:
    postroom.orders.put(mail())
    postroom.orders.refuses = True

    postroom.poll()

    error = book(postroom).error_json
    assert error is not None
    assert (error["code"], error["message"]) == ("E-SETTLE", "no such folder")


def test_a_poll_asked_to_stop_finishes_the_batch_at_hand(postroom: Postroom) -> None:
    for number in range(6):
        postroom.orders.put(mail(f"<{number}@x>"))
    postroom.orders.batch_size = 2
    postroom.house.stopping.set()

    tally = postroom.poll()

    assert tally.taken == 2
    assert postroom.memory("orders").cursor("INBOX", 7) == postroom.orders.cursor(2)


def test_a_failed_attempt_waits_twice_as_long_each_time(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    postroom.archive.lose(str(postroom.messages()[0].raw_key))

    pauses = []
    for _ in range(2):
        postroom.extract()
        (work,) = postroom.work()
        pauses.append((work.due_at - postroom.clock()).total_seconds())
        postroom.clock.moment = work.due_at

    assert pauses == [30.0, 60.0]


def test_work_that_is_not_due_is_left_alone(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    postroom.archive.lose(str(postroom.messages()[0].raw_key))
    postroom.extract()

    postroom.clock.later(29)
    postroom.extract()

    assert postroom.messages()[0].attempts == 1


def test_an_outage_while_extracting_puts_every_claim_back_and_is_raised(postroom: Postroom) -> None:
    for number in range(5):
        postroom.orders.put(mail(f"<{number}@x>", po=PDF))
    postroom.poll()
    postroom.archive.is_down = True

    with pytest.raises(StoreUnavailable):
        postroom.extract()

    work = postroom.work()
    assert [(one.holder, one.due_at) for one in work] == [(None, MORNING + timedelta(seconds=15))] * 5
    assert [message.attempts for message in postroom.messages()] == [0] * 5


def test_a_database_outage_while_extracting_is_raised_and_counts_no_attempt(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    (claim,) = postroom.workbench.claim(limit=1, holder="here", lease_seconds=30, now=postroom.clock())

    with postroom.database_locked(), pytest.raises(DatabaseUnavailable):
        extract_claims([claim], postroom.house)

    assert postroom.messages()[0].attempts == 0


def test_work_that_went_to_another_is_passed_over(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    (claim,) = postroom.workbench.claim(limit=1, holder="here", lease_seconds=30, now=postroom.clock())
    SqlLeases(postroom.database).void_all()

    tally = extract_claims([claim], postroom.house)

    assert (tally.documents, tally.failed) == (0, 0)


def test_a_failure_of_work_that_went_to_another_counts_for_nobody(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    (claim,) = postroom.workbench.claim(limit=1, holder="here", lease_seconds=30, now=postroom.clock())
    SqlLeases(postroom.database).void_all()
    postroom.archive.lose(claim.raw_key)

    extract_claims([claim], postroom.house)

    assert postroom.messages()[0].attempts == 0


def test_a_mail_that_the_database_refuses_costs_no_other_that_was_to_commit_with_it(
    postroom: Postroom,
) -> None:
    postroom.orders.put(mail("<1@x>", po=PDF))
    postroom.orders.put(mail("<2@x>", evil=PDF))
    postroom.orders.put(mail("<3@x>", po=PDF))
    postroom.poll()
    postroom.refuse_inserts("document", filename="evil.pdf")

    tally = postroom.extract()

    statuses = {message.source_message_id: message.status for message in postroom.messages()}
    assert (tally.documents, statuses) == (2, {"<1@x>": "parsed", "<2@x>": "stored", "<3@x>": "parsed"})
    (refused,) = [message for message in postroom.messages() if message.status == "stored"]
    assert refused.attempts == 1


def test_one_batch_is_extracted_where_no_more_was_asked_for(postroom: Postroom) -> None:
    for number in range(25):
        postroom.orders.put(mail(f"<{number}@x>"))
    postroom.poll()

    extract_due(postroom.house)

    assert sorted(postroom.statuses()) == ["parsed"] * 20 + ["stored"] * 5


def test_an_extraction_asked_to_stop_claims_nothing(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    postroom.house.stopping.set()

    assert postroom.extract().documents == 0
    assert postroom.statuses() == ["stored"]


def test_stalled_claims_are_counted_when_they_are_freed(postroom: Postroom) -> None:
    postroom.orders.put(mail())
    postroom.poll()
    postroom.workbench.claim(limit=1, holder="dead", lease_seconds=30, now=postroom.clock())
    in_time = rescue_stalled(postroom.house)

    postroom.clock.later(31)

    assert (in_time, rescue_stalled(postroom.house), rescue_stalled(postroom.house)) == (0, 1, 0)


@pytest.mark.parametrize(
    ("error", "record"),
    [
        pytest.param(
            Unroutable("who is this for?", fix="ask"),
            {"code": "E-UNROUTABLE", "message": "who is this for?", "fix": "ask"},
            id="foreseen",
        ),
        pytest.param(KeyError("x"), {"code": "E-BUG", "message": "KeyError: 'x'", "fix": ""}, id="a bug"),
    ],
)
def test_an_error_is_recorded_in_words(error: Exception, record: dict[str, str]) -> None:
    assert as_record(error, MORNING) == record | {"at": "2025-03-04T09:00:00+00:00"}


def test_a_source_pinned_to_an_org_that_is_missing_leaves_its_mail_alone(postroom: Postroom) -> None:
    postroom.orders.put(mail())
    kit = postroom.kit(postroom.orders)
    pinned = replace(kit, desk=replace(kit.desk, rule=replace(kit.desk.rule, pinned="acmee")))

    with pytest.raises(PinnedOrgMissing, match="acmee"):
        poll(pinned, postroom.house)

    assert (postroom.orders.read, postroom.orders.settled) == ([], [])
