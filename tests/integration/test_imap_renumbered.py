"""UIDs that jump and folders that are numbered anew, on Dovecot, whose store lies open to a test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from postroom.config.settings import Action
from tests.integration.imap_room import NOW, WEEK, Room
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import fresh_mailbox
from tests.servers.waiting import wait_until


@pytest.fixture
def room(dovecot: Dovecot, tmp_path: Path) -> Iterator[Room]:
    made = Room(dovecot, fresh_mailbox(dovecot), tmp_path / "spool")
    yield made
    made.close()


def renumber(dovecot: Dovecot, room: Room, uidvalidity: int) -> None:
    room.close()
    dovecot.change_uidvalidity(room.mailbox.user, uidvalidity)


def bodies_read(dovecot: Dovecot, room: Room) -> int:
    """Close, and return how many bodies Dovecot gave out in all, by its own log."""
    room.close()
    user = re.escape(room.mailbox.user)

    def counts() -> list[str]:
        return re.findall(rf"imap\({user}\)<.* body_count=(\d+)", dovecot.log())

    logins = len(re.findall(rf"Login: user=<{user}>", dovecot.log()))
    wait_until(lambda: len(counts()) == logins, "Dovecot to log the end of every connection")
    return sum(map(int, counts()))


def test_a_poll_without_new_mail_reads_no_body(dovecot: Dovecot, room: Room) -> None:
    room.deliver("one", "two")
    first = room.take()

    again = [room.take(), room.take()]

    assert (first, again) == (["one", "two"], [[], []])
    assert bodies_read(dovecot, room) == 2


def test_the_last_mail_is_not_taken_again_for_being_last(dovecot: Dovecot, room: Room) -> None:
    room.deliver("one", "two")
    room.take()
    room.close()
    dovecot.raise_next_uid(room.mailbox.user, 100)

    taken = room.take()

    assert taken == []
    assert [cursor.last_uid for cursor in room.memory.cursors.values()] == [99]


def test_sparse_uids_are_taken_once_each(dovecot: Dovecot, room: Room) -> None:
    dovecot.change_uidvalidity(room.mailbox.user, 7, next_uid=743_024_218)
    room.deliver("one", "two")
    first = room.take()
    room.close()
    dovecot.raise_next_uid(room.mailbox.user, 2_000_000_000)
    room.deliver("three")

    second = room.take()

    assert (first, second) == (["one", "two"], ["three"])
    assert room.memory.cursors["INBOX", 7].last_uid == 2_000_000_000


@pytest.mark.parametrize("action", [Action.KEEP, Action.SEEN, Action.FLAG])
def test_known_copies_are_not_read_again_after_a_new_uidvalidity(
    dovecot: Dovecot, room: Room, action: Action
) -> None:
    room.mailbox = fresh_mailbox(dovecot, action)
    room.deliver("one", "two", "three")
    room.take()
    renumber(dovecot, room, 4242)
    room.deliver("four")

    batches = room.batches()

    assert [copy.place.uid for b in batches for copy in b.known] == [1, 2, 3]
    assert [[copy.place.uid for copy in batch.fetched] for batch in batches] == [[], [4]]
    assert bodies_read(dovecot, room) == 4


@pytest.mark.parametrize("action", [Action.MOVE, Action.DELETE])
def test_no_copy_is_removed_on_the_strength_of_a_fingerprint(
    dovecot: Dovecot, room: Room, action: Action
) -> None:
    room.mailbox = fresh_mailbox(dovecot, action)
    room.deliver("one")
    for batch in room.source.batches(room.memory, limit=1):
        room.memory.commit(batch)  # killed before it was settled
    renumber(dovecot, room, 4242)

    (batch,) = room.batches()

    assert (len(batch.fetched), batch.known) == (1, ())


def test_a_mail_without_message_id_is_always_read_again(dovecot: Dovecot, room: Room) -> None:
    dovecot.deliver(room.mailbox.user, b"Subject: no id\r\n\r\n")
    room.take()
    renumber(dovecot, room, 4242)

    taken = room.take()

    assert taken == ["no id"]


def test_declined_mail_stays_declined_after_a_new_uidvalidity(dovecot: Dovecot, room: Room) -> None:
    room.mailbox = replace(room.mailbox, since_seconds=WEEK)
    room.deliver("old", when=NOW - timedelta(days=8))
    room.deliver("young")
    room.take()
    renumber(dovecot, room, 4242)

    taken = room.take()

    assert taken == []
    assert room.memory.cursors["INBOX", 4242].last_uid == 2


def test_a_rescan_that_was_cut_short_goes_on_without_reading_bodies(dovecot: Dovecot, room: Room) -> None:
    room.deliver("one", "two", "three")
    room.take()
    renumber(dovecot, room, 4242)
    next(room.source.batches(room.memory, limit=200))  # and nothing of it was committed
    room.close()

    batches = room.batches()

    assert [len(batch.known) for batch in batches] == [3]


def test_a_connection_that_died_between_two_polls_is_opened_again(
    dovecot: Dovecot, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroom.fetcher.imap_connection._QUIET_SECONDS", 0.0)
    room.deliver("one")
    room.take()
    dovecot.restart()
    room.deliver("two")

    taken = room.take()

    assert taken == ["two"]
