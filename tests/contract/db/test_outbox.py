"""What every OutboxQueue promises: owed until announced, the longest owed first, later after a failure."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from postroom.db.machinery import OUTBOX, WORK
from postroom.db.outbox import SqlOutbox
from postroom.db.outcomes import Told
from postroom.db.values import Owed, Untold
from tests.contract.db.databases import MORNING, Orders, minutes, part, rows

FAULT = {"code": "E-TRANSIENT"}


@pytest.fixture
def outbox(orders: Orders) -> SqlOutbox:
    """Return an outbox with two documents and a failed message in it, a minute apart each."""
    orders.commit("<1@x>", "<2@x>", "<3@x>")
    for number in (1, 2):
        (claim,) = orders.claim(minutes(number))
        orders.finish(claim, [part(filename=f"{number}.pdf")], minutes(number))
    (claim,) = orders.claim(minutes(3))
    orders.bench.attempt_failed(claim, {"code": "E-BUG"}, minutes(3), retry_at=None)
    return SqlOutbox(orders.database)


def claim(outbox: SqlOutbox, now: float, limit: int = 9, holder: str = "here") -> list[Owed]:
    return outbox.claim(limit=limit, holder=holder, lease_seconds=60, now=minutes(now))


def names(claimed: Sequence[Owed]) -> list[str]:
    """Return the file names in what was claimed, or what else it is about."""
    announcements = [announcement for owed in claimed for announcement in owed.announcements]
    return sorted(str(each.body.get("filename", each.event)) for each in announcements)


def test_what_is_owed_longest_comes_first_up_to_the_limit(outbox: SqlOutbox) -> None:
    first, rest = claim(outbox, 9, limit=2), claim(outbox, 9)

    assert (names(first), names(rest)) == (["1.pdf", "2.pdf"], ["message.failed"])


def test_what_is_not_due_waits(outbox: SqlOutbox) -> None:
    assert claim(outbox, 0) == []


def test_what_one_worker_announces_no_other_does(outbox: SqlOutbox) -> None:
    claim(outbox, 9)

    in_time, later = claim(outbox, 9.9, holder="there"), claim(outbox, 10, holder="there")

    assert (in_time, len(later)) == ([], 3)


def test_what_is_renewed_lasts_from_then_on(outbox: SqlOutbox) -> None:
    claimed = claim(outbox, 9)

    outbox.renew(claimed, lease_seconds=60, now=minutes(9.5))

    assert claim(outbox, 10.4, holder="there") == []
    assert len(claim(outbox, 10.5, holder="there")) == 3


def test_what_went_to_another_is_not_renewed(outbox: SqlOutbox) -> None:
    mine = claim(outbox, 9)
    claim(outbox, 10, holder="there")

    outbox.renew(mine, lease_seconds=600, now=minutes(10.5))

    assert len(claim(outbox, 11)) == 3


def test_a_failed_message_is_owed_without_a_document(outbox: SqlOutbox) -> None:
    (announcement,) = claim(outbox, 9)[-1].announcements

    assert (announcement.event, announcement.org, announcement.document_id) == (
        "message.failed",
        "acme",
        None,
    )
    assert sorted(announcement.body) == ["message", "org", "source_message_id"]


def test_what_was_announced_is_owed_no_more(outbox: SqlOutbox, orders: Orders) -> None:
    (owed,) = claim(outbox, 9, limit=1)

    outbox.conclude([Told(owed, (owed.announcements[0].event_id,))], minutes(9))

    assert names(claim(outbox, 99)) == ["2.pdf", "message.failed"]
    assert [row.announced_at for row in rows(orders.database, OUTBOX, OUTBOX.c.due_at)] == [
        minutes(9),
        None,
        None,
    ]


def test_a_message_of_which_all_was_told_is_no_work_any_more(outbox: SqlOutbox, orders: Orders) -> None:
    for owed in claim(outbox, 9):
        outbox.conclude([Told(owed, tuple(each.event_id for each in owed.announcements))], minutes(9))

    assert rows(orders.database, WORK) == []


def test_a_failed_try_is_counted_and_waits_for_its_time_under_the_same_id(outbox: SqlOutbox) -> None:
    (owed,) = claim(outbox, 9, limit=1)
    (announcement,) = owed.announcements

    outbox.conclude([Told(owed, (), (Untold(announcement.event_id, FAULT, minutes(20)),))], minutes(9))

    before, (after,) = claim(outbox, 19.9), claim(outbox, 20)
    assert names(before) == ["2.pdf", "message.failed"]
    assert [(each.event_id, each.attempts) for each in after.announcements] == [(announcement.event_id, 1)]


def test_of_a_message_only_what_failed_is_tried_again(orders: Orders) -> None:
    orders.commit("<1@x>")
    orders.finish(orders.claim()[0], [part("2"), part("3", "ab" * 32)], MORNING)
    outbox = SqlOutbox(orders.database)
    (owed,) = claim(outbox, 0)
    told, untold = owed.announcements

    waits = Untold(untold.event_id, FAULT, minutes(5))
    outbox.conclude([Told(owed, (told.event_id,), (waits,))], MORNING)

    (again,) = claim(outbox, 5)
    assert [each.event_id for each in again.announcements] == [untold.event_id]


def test_a_late_worker_strikes_nothing_off(outbox: SqlOutbox, orders: Orders) -> None:
    (late,) = claim(outbox, 9, limit=1)
    claim(outbox, 11, holder="there")

    ours = outbox.conclude([Told(late, (late.announcements[0].event_id,))], minutes(12))

    assert ours == set()
    assert {row.announced_at for row in rows(orders.database, OUTBOX)} == {None}
