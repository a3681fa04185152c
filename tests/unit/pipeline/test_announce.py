"""Announcing: struck off when it was told, tried again later when it was not."""

from __future__ import annotations

import pytest

from postroom.db.machinery import OUTBOX
from postroom.errors import DatabaseUnavailable
from postroom.pipeline.announce import tell
from tests.house import PDF, Postroom
from tests.mailbox import mail


def test_pauses_between_tries_grow_up_to_an_hour(postroom: Postroom) -> None:
    postroom.receiver.is_away = True
    postroom.take_in(mail(po=PDF))
    pauses = []
    for _ in range(12):
        (owed,) = postroom.rows(OUTBOX, OUTBOX.c.id)
        pauses.append((owed.due_at - postroom.clock()).total_seconds())
        postroom.clock.moment = owed.due_at
        postroom.announce()

    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]


def test_a_failed_try_says_why_and_when(postroom: Postroom) -> None:
    postroom.receiver.is_away = True
    postroom.take_in(mail(po=PDF))

    (owed,) = postroom.rows(OUTBOX, OUTBOX.c.id)
    assert (owed.attempts, owed.announced_at) == (1, None)
    assert owed.error_json == {
        "code": "E-TRANSIENT",
        "message": "the receiver is away",
        "at": "2025-03-04T09:00:00+00:00",
    }


def test_what_was_told_but_could_not_be_noted_is_told_again(postroom: Postroom) -> None:
    postroom.receiver.is_away = True
    postroom.take_in(mail(po=PDF))
    postroom.receiver.is_away = False
    postroom.clock.later(60)
    (owed,) = postroom.owed()

    told = tell(owed, notifier=postroom.receiver, now=postroom.clock, jitter=lambda: 0.0)
    with postroom.database_locked(), pytest.raises(DatabaseUnavailable):
        postroom.outbox.conclude([told], postroom.clock())
    postroom.clock.later(31)
    postroom.announce()

    assert [each.event_id for each in postroom.receiver.told] == [owed.announcements[0].event_id] * 2
    (row,) = postroom.rows(OUTBOX, OUTBOX.c.id)
    assert row.announced_at == postroom.clock()
