"""What every Workbench promises: one holder at a time, a late one shut out, everything in one transaction."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import update

from postroom.core.lifecycle import Status
from postroom.db.engine import Database
from postroom.db.machinery import OUTBOX, WORK
from postroom.db.outbox import SqlOutbox
from postroom.db.outcomes import Extracted
from postroom.db.tables import DOCUMENT, INBOUND_MESSAGE, PART
from postroom.db.values import Claim, WorkState
from postroom.errors import LeaseLost
from tests.contract.db.databases import MORNING, Orders, message, minutes, part, rows

FAULT = {"code": "E-BUG", "message": "it broke", "attempt": 1}


def test_a_claim_carries_what_a_worker_needs(orders: Orders) -> None:
    (row_id,) = orders.commit("<1@x>")

    assert orders.claim() == [
        Claim(
            message_id=row_id,
            org_id=orders.acme,
            org="acme",
            source_message_id="<1@x>",
            raw_key=f"{orders.acme}/raw/ab/{'ab' * 32}",
            raw_sha256="ab" * 32,
            size_bytes=478,
            attempts=0,
            token=1,
        )
    ]


def test_what_is_claimed_is_nobody_elses(orders: Orders) -> None:
    orders.commit("<1@x>", "<2@x>", "<3@x>")

    first, second, third = orders.claim(limit=2), orders.claim(limit=2, holder="there"), orders.claim()

    assert (len(first), len(second), third) == (2, 1, [])
    assert len({claim.message_id for claim in first + second}) == 3


def test_the_oldest_due_work_is_claimed_first(orders: Orders) -> None:
    (late,), (early,) = orders.commit("<1@x>", now=minutes(2)), orders.commit("<2@x>", now=minutes(1))

    assert [orders.claim(minutes(5))[0].message_id for _ in range(2)] == [early, late]


def test_what_is_not_due_or_not_stored_is_not_claimed(orders: Orders) -> None:
    orders.commit("<1@x>", now=minutes(2))
    orders.inbox.note_received([message(orders.acme, "<2@x>")], MORNING)

    assert (orders.claim(minutes(1)), len(orders.claim(minutes(2), limit=9))) == ([], 1)


def test_a_claim_whose_lease_ended_can_be_claimed_by_another(orders: Orders) -> None:
    orders.commit("<1@x>")
    (first,) = orders.claim()

    in_time, (second,) = orders.claim(minutes(0.5)), orders.claim(minutes(1), holder="there")

    assert in_time == []
    assert (first.token, second.token) == (1, 2)


def test_finishing_writes_ledger_documents_and_announcements_and_leaves_these_to_be_made(
    orders: Orders,
) -> None:
    (row_id,) = orders.commit("<1@x>")
    (claim,) = orders.claim()
    text = part("1", content_type="text/plain", kept=False, reason="text body", object_key=None)

    documents = orders.finish(
        claim, [text, part("2", defects=("odd",))], minutes(1), defects=("odd",), limits=("parts",)
    )

    (document,) = rows(orders.database, DOCUMENT)
    (row,) = rows(orders.database, INBOUND_MESSAGE)
    ledger = [
        (line.path, line.kept, line.reason, line.defects) for line in rows(orders.database, PART, PART.c.path)
    ]
    assert documents == 1
    assert (row.defects, row.limits) == (["odd"], ["parts"])
    assert (row.status, row.attempts, row.next_attempt_at, row.updated_at) == (
        Status.PARSED,
        1,
        None,
        minutes(1),
    )
    assert ledger == [("1", False, "text body", []), ("2", True, "attachment", ["odd"])]
    assert (document.message_id, document.part_path, document.filename) == (row_id, "2", "po.pdf")
    assert [(owed.event, owed.document_id) for owed in rows(orders.database, OUTBOX)] == [
        ("document.created", document.id)
    ]
    (work,) = rows(orders.database, WORK)
    assert (work.state, work.due_at, work.holder) == (WorkState.OWED, minutes(1), None)


def test_a_mail_without_documents_is_parsed_too(orders: Orders) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()

    assert orders.finish(claim, [], MORNING) == 0
    assert rows(orders.database, INBOUND_MESSAGE)[0].status is Status.PARSED
    assert rows(orders.database, OUTBOX) + rows(orders.database, WORK) == []


def test_a_document_without_a_name_or_a_kind_still_has_both(orders: Orders) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()

    orders.finish(claim, [part(filename=None, filename_original=None, sniffed=None)], MORNING)

    (document,) = rows(orders.database, DOCUMENT)
    assert (document.filename, document.sniffed) == ("unnamed", "application/octet-stream")


@pytest.mark.parametrize("late", ["put_back", "attempt_failed", "attempt_failed for good"])
def test_a_late_worker_is_shut_out_and_writes_nothing(orders: Orders, late: str) -> None:
    orders.commit("<1@x>")
    (old,) = orders.claim()
    (new,) = orders.claim(minutes(2), holder="there")

    with pytest.raises(LeaseLost):
        act(orders, old, late)

    (row,) = rows(orders.database, INBOUND_MESSAGE)
    (work,) = rows(orders.database, WORK)
    assert (row.status, row.attempts, row.error_json) == (Status.STORED, 0, None)
    assert (work.holder, work.token) == ("there", new.token)
    assert rows(orders.database, DOCUMENT) + rows(orders.database, PART) + rows(orders.database, OUTBOX) == []


def act(orders: Orders, claim: Claim, what: str) -> None:
    """Let a worker do one of the things that end its claim."""
    if what == "put_back":
        orders.bench.put_back(claim, minutes(2), pause_seconds=60)
    else:
        retry_at = None if what.endswith("good") else minutes(3)
        orders.bench.attempt_failed(claim, FAULT, minutes(2), retry_at=retry_at)


def test_of_messages_that_are_finished_together_a_late_one_is_left_out(orders: Orders) -> None:
    orders.commit("<1@x>", "<2@x>", "<3@x>")
    late, *others = orders.claim(limit=3)
    orders.claim(minutes(2), holder="there")
    orders.bench.renew(others, lease_seconds=600, now=minutes(2))
    together = [Extracted(claim, (part(), part("3"))) for claim in (late, *others)]

    counts = orders.bench.finish(together, minutes(2))

    assert counts == {claim.message_id: 2 for claim in others}
    documents = rows(orders.database, DOCUMENT)
    assert sorted(document.message_id for document in documents) == sorted(
        claim.message_id for claim in others for _ in range(2)
    )
    assert {owed.document_id for owed in rows(orders.database, OUTBOX)} == {each.id for each in documents}
    assert {(work.message_id, work.state) for work in rows(orders.database, WORK)} == {
        (late.message_id, WorkState.STORED),
        *((claim.message_id, WorkState.OWED) for claim in others),
    }


def test_a_worker_that_finishes_twice_is_shut_out_the_second_time(orders: Orders) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()
    orders.finish(claim, [part()], MORNING)

    again = orders.finish(claim, [part(), part("3")], MORNING)

    assert again is None
    assert len(rows(orders.database, DOCUMENT)) == 1


def test_what_an_outage_put_back_is_due_again_and_counts_no_attempt(orders: Orders) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()

    orders.bench.put_back(claim, MORNING, pause_seconds=60)

    (row,) = rows(orders.database, INBOUND_MESSAGE)
    assert (row.attempts, row.error_json, row.next_attempt_at) == (0, None, minutes(1))
    assert (orders.claim(minutes(0.9)), len(orders.claim(minutes(1)))) == ([], 1)


def test_three_failed_attempts_are_the_end_and_all_are_told(orders: Orders) -> None:
    (row_id,) = orders.commit("<1@x>")
    for attempt, retry_at in ((1, minutes(1)), (2, minutes(2)), (3, None)):
        (claim,) = orders.claim(minutes(attempt - 1))
        orders.bench.attempt_failed(
            claim, FAULT | {"attempt": attempt}, minutes(attempt - 1), retry_at=retry_at
        )

    (row,) = rows(orders.database, INBOUND_MESSAGE)
    (owed,) = rows(orders.database, OUTBOX)
    assert (row.status, row.attempts, row.next_attempt_at) == (Status.FAILED, 3, None)
    assert row.error_json == {
        "code": "E-BUG",
        "message": "it broke",
        "attempt": 3,
        "attempts": [FAULT, FAULT | {"attempt": 2}, FAULT | {"attempt": 3}],
    }
    assert (owed.event, owed.message_id, owed.document_id) == ("message.failed", row_id, None)
    assert [work.state for work in rows(orders.database, WORK)] == [WorkState.OWED]


def test_a_failed_attempt_waits_for_its_time(orders: Orders) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()

    orders.bench.attempt_failed(claim, FAULT, MORNING, retry_at=minutes(1))

    (row,) = rows(orders.database, INBOUND_MESSAGE)
    assert (row.status, row.attempts, row.next_attempt_at) == (Status.STORED, 1, minutes(1))
    assert orders.claim(minutes(0.9)) == []
    assert orders.claim(minutes(1))[0].attempts == 1


def test_success_after_a_failure_leaves_no_error_but_the_attempt_that_failed(orders: Orders) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()
    orders.bench.attempt_failed(claim, FAULT, MORNING, retry_at=minutes(1))
    (claim,) = orders.claim(minutes(1))

    orders.finish(claim, [part()], minutes(1))

    (row,) = rows(orders.database, INBOUND_MESSAGE)
    assert (row.status, row.attempts, row.error_json) == (Status.PARSED, 2, {"attempts": [FAULT]})


def test_a_rescue_frees_what_the_dead_held_and_shuts_them_out(orders: Orders) -> None:
    orders.commit("<1@x>", "<2@x>")
    (dead,) = orders.claim()
    (alive,) = orders.claim(minutes(0.5))

    early, freed = orders.bench.rescue(minutes(0.9)), orders.bench.rescue(minutes(1))

    assert (early, freed) == (0, 1)
    assert orders.finish(dead, [], minutes(1)) is None
    assert orders.finish(alive, [part()], minutes(1)) == 1


def test_a_claim_that_a_process_died_over_is_due_at_once_with_a_death_more_and_no_attempt(
    orders: Orders,
) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()

    orders.bench.died_over(claim)

    (again,) = orders.claim()
    assert (again.message_id, again.deaths, again.attempts) == (claim.message_id, 1, 0)
    assert orders.finish(claim, [], MORNING) is None
    with pytest.raises(LeaseLost):
        orders.bench.died_over(claim)
    assert orders.finish(again, [part()], MORNING) == 1


def test_what_was_put_off_by_a_clock_that_was_wrong_is_due_at_once(orders: Orders) -> None:
    orders.commit("<1@x>", now=minutes(3 * 24 * 60))
    orders.commit("<2@x>", now=minutes(119))

    pulled = orders.bench.pull_in(minutes(120), MORNING)

    claims = orders.claim(limit=9)
    assert (pulled, [claim.source_message_id for claim in claims]) == (1, ["<1@x>"])


def test_an_announcement_put_off_by_a_clock_that_was_wrong_is_due_at_once(orders: Orders) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()
    orders.finish(claim, [part()], minutes(3 * 24 * 60))

    pulled = orders.bench.pull_in(minutes(120), minutes(1))

    outbox = SqlOutbox(orders.database)
    (owed,) = outbox.claim(limit=9, holder="here", lease_seconds=60, now=minutes(1))
    assert (pulled, len(owed.announcements)) == (1, 1)


def test_the_claim_of_a_message_that_is_no_longer_stored_is_refused(
    orders: Orders, database: Database
) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()
    with database.write(org=orders.acme) as connection:
        this = (INBOUND_MESSAGE.c.org_id == orders.acme, INBOUND_MESSAGE.c.id == claim.message_id)
        connection.execute(update(INBOUND_MESSAGE).where(*this).values(status=Status.FAILED))

    with pytest.raises(LeaseLost, match="no longer stored"):
        act(orders, claim, "attempt_failed for good")

    assert orders.finish(claim, [part()], minutes(2)) is None
    assert len(rows(database, WORK)) == 1


def test_a_forged_token_opens_nothing(orders: Orders) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()

    assert orders.finish(replace(claim, token=99), [part()], MORNING) is None


def test_a_renewed_claim_is_rescued_later_and_a_lost_one_not_renewed(orders: Orders) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()
    orders.bench.renew([claim, replace(claim, token=claim.token - 1)], lease_seconds=600, now=minutes(1))

    assert orders.bench.rescue(minutes(10)) == 0
    assert orders.bench.rescue(minutes(11)) == 1


def test_what_is_finished_is_not_kept_from_being_announced_by_the_batch_it_came_with(orders: Orders) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()
    orders.finish(claim, [part()], MORNING)

    orders.bench.renew([claim], lease_seconds=600, now=MORNING)

    assert len(SqlOutbox(orders.database).claim(limit=9, holder="here", lease_seconds=60, now=MORNING)) == 1
