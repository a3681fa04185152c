"""P5: every document is announced at least once, with a stable event id, from an outbox of one commit."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError

from postroom.db.machinery import OUTBOX
from tests.house import PDF, Postroom, sha256
from tests.mailbox import mail


def owed(postroom: Postroom) -> list[Row[Any]]:
    return [row for row in postroom.rows(OUTBOX, OUTBOX.c.id) if row.announced_at is None]


def test_a_document_is_announced_with_what_the_next_system_needs(postroom: Postroom) -> None:
    postroom.take_in(mail(po=PDF))

    (told,) = postroom.receiver.told
    (document,), (message,) = postroom.documents(), postroom.messages()
    assert (told.event, told.org, told.document_id) == ("document.created", "acme", document.id)
    assert told.body == {
        "org": "acme",
        "message": str(message.id),
        "source_message_id": "<1@customer.example>",
        "document": str(document.id),
        "filename": "po.pdf",
        "content_type": "application/pdf",
        "size": 9,
        "sha256": sha256(PDF),
    }


def test_nothing_is_announced_twice_while_all_goes_well(postroom: Postroom) -> None:
    postroom.take_in(mail(po=PDF, lines=PDF + b"2"))

    postroom.announce()
    postroom.clock.later(86400)
    postroom.announce()

    assert len(postroom.receiver.told) == 2


def test_a_receiver_that_was_away_is_told_later_under_the_same_id(postroom: Postroom) -> None:
    postroom.receiver.is_away = True
    postroom.take_in(mail(po=PDF))
    (waiting,) = owed(postroom)
    postroom.receiver.is_away = False

    at_once = postroom.announce()
    postroom.clock.later(60)
    later = postroom.announce()

    assert (at_once, later) == (0, 1)
    assert waiting.error_json is not None
    assert waiting.error_json["message"] == "the receiver is away"
    assert [told.event_id for told in postroom.receiver.told] == [waiting.id]
    assert owed(postroom) == []


def test_a_crash_between_telling_and_noting_it_tells_again_under_the_same_id(postroom: Postroom) -> None:
    postroom.receiver.is_away = True
    postroom.take_in(mail(po=PDF))
    postroom.clock.later(60)
    (owed,) = postroom.owed()
    postroom.receiver.is_away = False
    postroom.receiver.send(owed.announcements[0])  # and here the process dies

    postroom.announce()
    at_once = len(postroom.receiver.told)
    postroom.clock.later(31)
    postroom.announce()

    first, second = postroom.receiver.told
    assert (at_once, first.event_id) == (1, second.event_id)


def test_what_cannot_be_owed_is_not_parsed(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    postroom.refuse_inserts("outbox")
    (claim,) = postroom.workbench.claim(limit=1, holder="here", lease_seconds=30, now=postroom.clock())

    with pytest.raises(IntegrityError, match="outbox"):
        postroom.extract_claim(claim)

    assert (postroom.statuses(), postroom.documents()) == (["stored"], [])


def test_a_message_that_failed_for_good_is_announced_too(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    postroom.archive.lose(str(postroom.messages()[0].raw_key))

    for _ in range(3):
        postroom.extract()
        postroom.clock.later(3600)
    postroom.announce()

    assert [(told.event, told.document_id) for told in postroom.receiver.told] == [("message.failed", None)]


def test_more_documents_than_one_page_are_all_announced(postroom: Postroom) -> None:
    postroom.take_in(mail(documents={f"d{number}": PDF + str(number).encode() for number in range(120)}))

    assert len({told.document_id for told in postroom.receiver.told}) == 120
