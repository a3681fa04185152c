"""P4: same Message-ID and other content: kept and flagged; and same content: a duplicate, counted."""

from __future__ import annotations

import pytest

from postroom.errors import StoreUnavailable
from tests.house import PDF, Postroom
from tests.mailbox import mail

FIRST = mail("<po@customer.example>", text="two")
OTHER = mail("<po@customer.example>", text="three")
OTHER_ID = "<po@customer.example>#39035edc0690"


def ids(postroom: Postroom) -> list[tuple[str, bool]]:
    return sorted((message.source_message_id, message.conflict) for message in postroom.messages())


def test_the_same_mail_twice_is_one_message_and_two_sightings(postroom: Postroom) -> None:
    by_another_road = mail("<po@customer.example>", text="two", received="by backup.in.example")

    first, second = postroom.take_in(FIRST), postroom.take_in(by_another_road)

    assert (first.taken, first.duplicates, second.taken, second.duplicates) == (1, 0, 0, 1)
    assert ids(postroom) == [("<po@customer.example>", False)]
    assert postroom.verdicts() == ["accepted", "duplicate"]
    assert postroom.orders.settled == [1, 2]


def test_the_same_mail_twice_in_one_batch_is_one_message(postroom: Postroom) -> None:
    tally = postroom.take_in(FIRST, FIRST)

    assert (tally.taken, tally.duplicates) == (1, 1)
    assert len(postroom.messages()) == 1


def test_another_mail_under_the_same_id_is_kept_and_flagged(postroom: Postroom) -> None:
    postroom.take_in(FIRST)

    tally = postroom.take_in(OTHER)

    assert (tally.taken, tally.conflicts, tally.duplicates) == (1, 1, 0)
    assert ids(postroom) == [("<po@customer.example>", False), (OTHER_ID, True)]
    assert postroom.verdicts() == ["accepted", "conflict"]


def test_both_mails_under_one_id_give_their_documents(postroom: Postroom) -> None:
    postroom.take_in(mail(po=PDF + b"1"), mail(po=PDF + b"2"))

    assert postroom.statuses() == ["parsed", "parsed"]
    assert len(postroom.documents()) == 2


def test_a_conflict_seen_again_is_a_duplicate_of_itself(postroom: Postroom) -> None:
    postroom.take_in(FIRST, OTHER)

    tally = postroom.take_in(OTHER, FIRST, OTHER)

    assert (tally.taken, tally.duplicates) == (0, 3)
    assert ids(postroom) == [("<po@customer.example>", False), (OTHER_ID, True)]


def test_a_sender_cannot_take_the_place_of_a_conflict(postroom: Postroom) -> None:
    digest = "5e10a7f0fe01013e7853ec47852784cd5eb08942e94f90d4594d7a267dd7fe68"
    bare = OTHER.replace(b"<po@customer.example>", b"po@customer.example")  # an id without brackets
    squatters = [
        mail("po@customer.example", text="two"),
        mail(f"po@customer.example#{digest[:12]}", text="squatting"),
        mail(f"po@customer.example#{digest}", text="squatting"),
    ]
    postroom.take_in(*squatters)

    tally = postroom.take_in(bare)

    assert (tally.taken, tally.conflicts) == (1, 1)
    assert (f"po@customer.example#{digest[:12]}", True) in ids(postroom)


def test_mails_without_a_usable_id_are_told_apart_by_content(postroom: Postroom) -> None:
    postroom.take_in(mail("<>", text="one"), mail("<>", text="two"), mail("<>", text="one"))

    assert [flagged for _, flagged in ids(postroom)] == [False, False]
    assert postroom.verdicts() == ["accepted", "accepted", "duplicate"]


def test_a_mail_that_waits_for_the_archive_is_resumed_and_no_duplicate(postroom: Postroom) -> None:
    postroom.orders.put(FIRST)
    postroom.archive.is_down = True
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            postroom.poll()
    waiting = postroom.statuses()

    postroom.archive.is_down = False
    tally = postroom.poll()

    assert waiting == ["received"]
    assert (tally.taken, tally.duplicates) == (1, 0)
    assert (postroom.statuses(), postroom.verdicts()) == (["stored"], ["accepted"])
