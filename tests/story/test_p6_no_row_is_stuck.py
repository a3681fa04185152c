"""P6: after recovery every row is PARSED or FAILED with a reason that a person understands."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Row

from postroom.db.inbox import replay
from postroom.db.leases import SqlLeases
from postroom.db.outcomes import Extracted
from postroom.db.values import LedgerPart
from postroom.errors import DatabaseUnavailable, StoreUnavailable
from postroom.jobs.rescuing import rescue_stalled
from tests.house import PDF, Postroom
from tests.mailbox import mail


def work_on(postroom: Postroom, rounds: int = 6) -> None:
    """Let an hour pass between two rounds, and let every outage end a round."""
    for _ in range(rounds):
        postroom.clock.later(3600)
        postroom.poll()
        postroom.extract()


def test_a_row_left_received_by_an_outage_goes_all_the_way(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.archive.is_down = True
    with pytest.raises(StoreUnavailable):
        postroom.poll()
    before = (postroom.statuses(), [work.state.value for work in postroom.work()])

    postroom.archive.is_down = False
    work_on(postroom, 1)
    postroom.announce()

    assert before == (["received"], ["received"])
    assert (postroom.statuses(), postroom.work()) == (["parsed"], [])


def test_a_mail_that_waits_through_a_long_outage_is_not_given_up(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.archive.is_down = True
    for _ in range(30):
        with pytest.raises(StoreUnavailable):
            postroom.poll()
        rescue_stalled(postroom.house)
        postroom.clock.later(3600)
    waiting = postroom.statuses()

    postroom.archive.is_down = False
    work_on(postroom, 1)

    assert waiting == ["received"]
    assert postroom.statuses() == ["parsed"]


def test_a_mail_that_left_its_mailbox_during_an_outage_fails_with_the_reason(postroom: Postroom) -> None:
    uid = postroom.orders.put(mail(po=PDF))
    postroom.archive.is_down = True
    with pytest.raises(StoreUnavailable):
        postroom.poll()
    del postroom.orders.mails[uid]
    postroom.archive.is_down = False

    postroom.poll()
    postroom.clock.later(86401)
    rescue_stalled(postroom.house)

    (message,) = postroom.messages()
    assert (message.status.value, postroom.work()) == ("failed", [])
    assert message.error_json is not None
    assert message.error_json["message"] == "the mail left its source before its bytes could be archived"


def test_a_mail_that_was_given_up_is_taken_when_it_comes_after_all(postroom: Postroom) -> None:
    uid = postroom.orders.put(mail(po=PDF))
    postroom.archive.is_down = True
    with pytest.raises(StoreUnavailable):
        postroom.poll()
    raw = postroom.orders.mails.pop(uid)
    postroom.archive.is_down = False
    postroom.clock.later(86401)
    rescue_stalled(postroom.house)

    postroom.take_in(raw)

    (message,) = postroom.messages()
    assert (message.status.value, message.error_json) == ("parsed", None)
    assert len(postroom.documents()) == 1


def test_an_outage_uses_up_no_attempt_however_long_it_lasts(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    postroom.archive.is_down = True
    for _ in range(10):
        postroom.clock.later(3600)
        with pytest.raises(StoreUnavailable):
            postroom.extract()
    (waiting,) = postroom.messages()

    postroom.archive.is_down = False
    work_on(postroom, 1)

    assert (waiting.status.value, waiting.attempts, waiting.error_json) == ("stored", 0, None)
    assert postroom.statuses() == ["parsed"]


def test_a_worker_that_died_leaves_its_claim_to_others(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    postroom.workbench.claim(limit=1, holder="dead", lease_seconds=30, now=postroom.clock())

    work_on(postroom, 1)

    (message,) = postroom.messages()
    assert (message.status.value, message.attempts) == ("parsed", 1)


def test_whoever_holds_the_lock_need_not_wait_for_the_leases_of_the_dead(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    postroom.workbench.claim(limit=1, holder="dead", lease_seconds=3600, now=postroom.clock())

    SqlLeases(postroom.database).void_all()
    postroom.extract()

    assert postroom.statuses() == ["parsed"]


def test_a_message_that_cannot_be_read_fails_with_its_reasons(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    key = str(postroom.messages()[0].raw_key)
    postroom.archive.lose(key)

    work_on(postroom)

    (message,) = postroom.messages()
    assert (message.status.value, message.attempts) == ("failed", 3)
    assert [work.state for work in postroom.work()] == ["owed"]
    assert message.error_json is not None
    assert message.error_json["message"] == f"not in the archive: {key}"
    assert [attempt["attempt"] for attempt in message.error_json["attempts"]] == [1, 2, 3]


def test_a_failed_message_can_be_replayed_and_is_worked_on_again(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    (message,) = postroom.messages()
    raw = postroom.archive.read(message.raw_key)
    postroom.archive.lose(message.raw_key)
    work_on(postroom)
    postroom.archive.replace(message.raw_key, raw)

    (message,) = postroom.messages()
    replayed = replay_of(postroom, message)
    postroom.extract()

    assert replayed
    assert (postroom.statuses(), len(postroom.documents())) == (["parsed"], 1)


def test_a_replay_keeps_the_ids_of_equal_documents_and_announces_nothing_anew(postroom: Postroom) -> None:
    postroom.take_in(mail(po=PDF, lines=PDF + b"2"))
    before = [document.id for document in postroom.documents()]
    (message,) = postroom.messages()

    replay_of(postroom, message)
    again = postroom.statuses()
    postroom.extract()
    postroom.announce()

    assert (again, postroom.statuses()) == (["stored"], ["parsed"])
    assert [document.id for document in postroom.documents()] == before
    assert len(postroom.receiver.told) == 2


def test_a_replay_with_other_parts_replaces_what_changed_only(postroom: Postroom) -> None:
    postroom.take_in(mail(po=PDF, lines=PDF + b"2"))
    kept, _changed = postroom.documents()
    (message,) = postroom.messages()
    replay_of(postroom, message)
    (claim,) = postroom.workbench.claim(limit=1, holder="here", lease_seconds=30, now=postroom.clock())

    ledger = (part(kept.part_path, kept.sha256), part("9", "ab" * 32))
    new = postroom.workbench.finish([Extracted(claim, ledger)], postroom.clock())

    after = postroom.documents()
    assert new == {claim.message_id: 1}
    assert [(document.part_path, document.id == kept.id) for document in after] == [("2", True), ("9", False)]


def test_a_replay_that_finds_other_bytes_in_a_part_makes_a_new_document(postroom: Postroom) -> None:
    postroom.take_in(mail(po=PDF))
    (before,), (message,) = postroom.documents(), postroom.messages()
    replay_of(postroom, message)
    (claim,) = postroom.workbench.claim(limit=1, holder="here", lease_seconds=30, now=postroom.clock())

    ledger = (part(before.part_path, "cd" * 32),)
    new = postroom.workbench.finish([Extracted(claim, ledger)], postroom.clock())

    (after,) = postroom.documents()
    assert (new, after.sha256, after.id == before.id) == ({claim.message_id: 1}, "cd" * 32, False)


def test_a_database_outage_leaves_every_claim_to_be_taken_up_again(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    (claim,) = postroom.workbench.claim(limit=1, holder="here", lease_seconds=30, now=postroom.clock())
    with postroom.database_locked(), pytest.raises(DatabaseUnavailable):
        postroom.extract_claim(claim)

    work_on(postroom, 1)

    assert postroom.statuses() == ["parsed"]


def replay_of(postroom: Postroom, message: Row[Any]) -> bool:
    with postroom.database.write(org=message.org_id) as connection:
        return replay(connection, (message.org_id, message.id), message.status, postroom.clock())


def part(path: str, sha256: str) -> LedgerPart:
    return LedgerPart(
        path=path,
        content_type="application/pdf",
        sniffed="application/pdf",
        filename="po.pdf",
        filename_original="po.pdf",
        disposition="attachment",
        content_id=None,
        transfer_encoding="base64",
        size_bytes=9,
        sha256=sha256,
        kept=True,
        reason="attachment",
        decode_status="ok",
        object_key="org/doc/ab/abcd",
    )
