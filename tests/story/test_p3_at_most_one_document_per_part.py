"""P3: at most one document per message and part, whatever is killed when."""

from __future__ import annotations

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from postroom.db.tables import DOCUMENT
from postroom.db.values import Claim
from postroom.errors import DatabaseUnavailable
from tests.databases import every_row
from tests.house import PDF, Postroom
from tests.mailbox import mail


def claim_one(postroom: Postroom, holder: str = "here") -> Claim:
    (claim,) = postroom.workbench.claim(limit=1, holder=holder, lease_seconds=30, now=postroom.clock())
    return claim


def test_a_worker_killed_before_its_commit_leaves_the_work_to_the_next(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF, lines=PDF + b"2"))
    postroom.poll()
    claim_one(postroom, "dead")
    assert postroom.extract().documents == 0

    postroom.clock.later(31)
    tally = postroom.extract()

    assert tally.documents == 2
    assert [document.filename for document in postroom.documents()] == ["po.pdf", "lines.pdf"]


def test_a_worker_that_was_only_slow_writes_nothing_when_it_comes_back(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    slow = claim_one(postroom, "slow")
    postroom.clock.later(31)
    postroom.workbench.rescue(postroom.clock())
    quick = claim_one(postroom, "quick")

    late = postroom.extract_claim(slow)
    before = postroom.documents()
    postroom.extract_claim(quick)

    assert (late, before) == (None, [])
    assert len(postroom.documents()) == 1


def test_two_workers_that_both_finish_make_one_set_of_documents(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF, lines=PDF + b"2"))
    postroom.poll()
    claim = claim_one(postroom, "here")
    postroom.extract_claim(claim)

    again = postroom.extract_claim(claim)

    assert again is None
    assert len(postroom.documents()) == 2
    (owed,) = postroom.owed()
    assert len(owed.announcements) == 2


def test_a_commit_that_fails_half_way_is_done_whole_the_next_time(postroom: Postroom) -> None:
    postroom.orders.put(mail(documents={f"order-{number}": PDF + bytes([number]) for number in range(40)}))
    postroom.poll()
    claim = claim_one(postroom)

    with postroom.database_full(spare=2), pytest.raises(DatabaseUnavailable):
        postroom.extract_claim(claim)
    after_the_fault = (postroom.documents(), postroom.statuses())
    postroom.clock.later(31)
    postroom.extract()

    assert after_the_fault == ([], ["stored"])
    assert len({document.part_path for document in postroom.documents()}) == 40
    assert len(postroom.documents()) == 40


def test_the_database_itself_refuses_a_second_document_for_a_part(postroom: Postroom) -> None:
    postroom.take_in(mail(po=PDF))
    (document,) = postroom.documents()
    columns = document._asdict()

    with pytest.raises(IntegrityError), every_row(postroom.database) as connection:
        connection.execute(insert(DOCUMENT).values(**columns | {"id": columns["message_id"]}))
