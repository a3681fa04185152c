"""P1: a source may forget a mail only once its bytes are durable and its row is committed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from postroom import maildir
from postroom.core.places import Place
from postroom.errors import (
    DatabaseUnavailable,
    SourceChanged,
    SourceUnavailable,
    StoreUnavailable,
)
from tests.house import Postroom, sha256
from tests.mailbox import mail


def test_a_message_is_archived_before_its_mailbox_may_forget_it(postroom: Postroom) -> None:
    postroom.orders.put(mail())
    postroom.archive.is_down = True

    with pytest.raises(StoreUnavailable):
        postroom.poll()

    assert postroom.orders.settled == []
    assert postroom.sightings() == []
    assert postroom.memory("orders").cursor("INBOX", 7) is None


def test_a_message_is_committed_before_its_mailbox_may_forget_it(postroom: Postroom) -> None:
    postroom.orders.put(mail())

    with postroom.database_locked(), pytest.raises(DatabaseUnavailable):
        postroom.accept()

    assert postroom.orders.settled == []
    assert len(postroom.archive.writes) == 1


def test_when_the_mailbox_is_told_all_is_safe_already(postroom: Postroom) -> None:
    raw = mail()
    postroom.orders.put(raw)
    found: list[tuple[list[str], list[str], bool]] = []

    def settle(places: Sequence[Place]) -> Sequence[Place]:
        objects = [key.rpartition("/")[2] for key in postroom.archive.objects()]
        cursor = postroom.memory("orders").cursor("INBOX", 7)
        found.append((postroom.statuses(), objects, cursor is not None))
        return places

    postroom.accept(settle=settle)

    assert found == [(["stored"], [sha256(raw)], True)]


def test_a_batch_whose_commit_fails_half_way_leaves_nothing_behind_but_objects(postroom: Postroom) -> None:
    for number in range(30):
        postroom.orders.put(mail(f"<{number}@customer.example>", sender="a" * 900 + "@customer.example"))

    with postroom.database_full(spare=3), pytest.raises(DatabaseUnavailable, match="full"):
        postroom.accept()

    assert (postroom.messages(), postroom.sightings(), postroom.work()) == ([], [], [])
    assert postroom.memory("orders").cursor("INBOX", 7) is None
    assert postroom.orders.settled == []


def test_after_an_outage_of_the_archive_everything_is_taken(postroom: Postroom) -> None:
    for number in range(3):
        postroom.orders.put(mail(f"<{number}@customer.example>"))
    postroom.archive.down_after = 1
    with pytest.raises(StoreUnavailable):
        postroom.poll()

    postroom.archive.down_after = None
    tally = postroom.poll()

    assert tally.taken == 3
    assert postroom.statuses() == ["stored"] * 3
    assert postroom.orders.settled == [1, 2, 3]


def test_a_refused_after_action_is_done_at_the_next_poll(postroom: Postroom) -> None:
    postroom.orders.put(mail())
    postroom.orders.refuses = True
    refused = postroom.poll()
    before = (postroom.statuses(), postroom.orders.settled.copy())

    postroom.orders.refuses = False
    postroom.poll()

    assert (refused.taken, refused.refused) == (1, "no such folder")
    assert before == (["stored"], [])
    assert postroom.orders.settled == [1]
    assert postroom.inbox.unsettled("orders") == []


def test_an_after_action_lost_to_a_broken_connection_is_done_again(postroom: Postroom) -> None:
    postroom.orders.put(mail())
    postroom.orders.breaks_while_settling = True
    with pytest.raises(SourceUnavailable):
        postroom.poll()

    postroom.orders.breaks_while_settling = False
    postroom.poll()

    assert postroom.orders.settled == [1, 1]
    assert postroom.inbox.unsettled("orders") == []


def test_what_the_source_did_not_manage_stays_owed(postroom: Postroom) -> None:
    postroom.orders.put(mail("<1@x>"))
    postroom.orders.put(mail("<2@x>"))

    postroom.accept(settle=lambda places: places[:1])

    assert [place.uid for place in postroom.inbox.unsettled("orders")] == [2]


def test_a_maildir_keeps_its_file_until_the_message_is_safe(postroom: Postroom, tmp_path: Path) -> None:
    folder = tmp_path / "Maildir"
    maildir.create(folder)
    name = maildir.deliver(folder, mail())
    intake = postroom.maildir(folder)
    postroom.archive.is_down = True

    with pytest.raises(StoreUnavailable):
        postroom.poll(intake)
    kept = [path.name for path in (folder / "new").iterdir()]
    postroom.archive.is_down = False
    postroom.poll(intake)

    assert kept == [name]
    assert list((folder / "new").iterdir()) == []
    assert postroom.statuses() == ["stored"]


def test_a_mailbox_copy_that_vanished_from_the_spool_is_fetched_again(postroom: Postroom) -> None:
    postroom.orders.put(mail("<1@x>"))
    postroom.orders.put(mail("<2@x>"))
    (batch,) = postroom.orders.batches(postroom.memory("orders"), limit=10)
    batch.fetched[0].path.unlink()

    with pytest.raises(SourceChanged, match="is gone"):
        postroom.accept(batch)
    postroom.poll()

    assert [message.source_message_id for message in postroom.messages()] == ["<1@x>", "<2@x>"]
