"""What every OutboxQueue promises: owed until announced, oldest first, later after a failure."""

from __future__ import annotations

import pytest

from postroom.db.machinery import Outbox
from postroom.db.outbox import SqlOutbox
from tests.contract.db.databases import MORNING, Orders, minutes, part, rows


@pytest.fixture
def outbox(orders: Orders) -> SqlOutbox:
    """Return an outbox with two documents and a failed message in it, a minute apart each."""
    orders.commit("<1@x>", "<2@x>", "<3@x>")
    for number in (1, 2):
        (claim,) = orders.claim(minutes(number))
        orders.bench.finish(claim, [part(filename=f"{number}.pdf")], minutes(number))
    (claim,) = orders.claim(minutes(3))
    orders.bench.attempt_failed(claim, {"code": "E-BUG"}, minutes(3), retry_at=None)
    return SqlOutbox(orders.database)


def test_what_is_owed_comes_oldest_first_up_to_the_limit(outbox: SqlOutbox) -> None:
    owed = outbox.due(limit=2, now=minutes(9))

    assert [announcement.body["filename"] for announcement in owed] == ["1.pdf", "2.pdf"]


def test_what_is_not_due_waits(outbox: SqlOutbox) -> None:
    assert outbox.due(limit=9, now=MORNING) == []


def test_a_failed_message_is_owed_without_a_document(outbox: SqlOutbox) -> None:
    failed = outbox.due(limit=9, now=minutes(9))[-1]

    assert (failed.event, failed.org, failed.document_id) == ("message.failed", "acme", None)
    assert sorted(failed.body) == ["message", "org", "source_message_id"]


def test_what_was_announced_is_owed_no_more(outbox: SqlOutbox, orders: Orders) -> None:
    first = outbox.due(limit=1, now=minutes(9))[0]

    outbox.announced(first.event_id, minutes(9))

    assert first.event_id not in {owed.event_id for owed in outbox.due(limit=9, now=minutes(9))}
    assert [row.announced_at for row in rows(orders.database, Outbox, Outbox.due_at)] == [
        minutes(9),
        None,
        None,
    ]


def test_a_failed_try_is_counted_and_waits_for_its_time_under_the_same_id(outbox: SqlOutbox) -> None:
    first = outbox.due(limit=1, now=minutes(9))[0]

    outbox.failed(first.event_id, {"code": "E-TRANSIENT"}, minutes(20))

    before, after = outbox.due(limit=9, now=minutes(19)), outbox.due(limit=9, now=minutes(20))
    assert first.event_id not in {owed.event_id for owed in before}
    assert [(owed.event_id, owed.attempts) for owed in after][-1] == (first.event_id, 1)
