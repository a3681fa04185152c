"""Taking the documents out: objects first, rows in one commit, and a second run that changes nothing."""

from __future__ import annotations

import pytest

from postroom.db.tables import PART
from postroom.errors import ObjectMissing, StoreUnavailable
from tests.house import PDF, Postroom
from tests.mailbox import mail


def test_a_document_is_durable_before_its_row(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF, lines=PDF + b"2"))
    postroom.poll()
    (claim,) = postroom.workbench.claim(limit=1, holder="here", lease_seconds=30, now=postroom.clock())
    postroom.archive.down_after = 2  # the raw mail and one document

    with pytest.raises(StoreUnavailable):
        postroom.extract_claim(claim)

    assert (postroom.documents(), postroom.statuses()) == ([], ["stored"])


def test_two_equal_documents_in_one_mail_are_two_rows_and_one_object(postroom: Postroom) -> None:
    postroom.take_in(mail(po=PDF, copy=PDF))

    assert len(postroom.documents()) == 2
    assert len({document.object_key for document in postroom.documents()}) == 1


def test_the_ledger_shows_every_part(postroom: Postroom) -> None:
    postroom.take_in(mail(po=PDF))

    ledger = [(part.path, part.kept) for part in postroom.rows(PART, PART.c.path)]
    assert ledger == [("0", False), ("1", False), ("2", True)]


def test_a_mail_nested_very_deeply_is_written_to_the_ledger(postroom: Postroom) -> None:
    deep = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n\r\n--b%d\r\n' % (level, level, level)
        for level in range(60)
    )
    head, _, _ = mail("<deep@x>").partition(b"Content-Type:")

    postroom.take_in(head + deep)

    assert postroom.statuses() == ["parsed"]
    assert max(len(part.path) for part in postroom.rows(PART, PART.c.path)) > 50


def test_a_mail_that_is_not_in_the_archive_is_its_own_trouble(postroom: Postroom) -> None:
    postroom.orders.put(mail())
    postroom.poll()
    (claim,) = postroom.workbench.claim(limit=1, holder="here", lease_seconds=30, now=postroom.clock())
    postroom.archive.lose(claim.raw_key)

    with pytest.raises(ObjectMissing):
        postroom.extract_claim(claim)
