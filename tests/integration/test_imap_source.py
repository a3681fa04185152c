"""An IMAP mailbox against real servers: what is read, what is remembered, what is settled."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from postroom.core.limits import DEFAULT_LIMITS, MIB
from postroom.errors import FolderRefused
from postroom.fetcher.imap import ImapSource
from tests.integration.imap_room import NOW, WEEK, Room, subject
from tests.servers.fixtures import fresh_mailbox
from tests.servers.imap_server import ImapServer


@pytest.fixture
def room(imap_server: ImapServer, tmp_path: Path) -> Iterator[Room]:
    made = Room(imap_server, fresh_mailbox(imap_server), tmp_path / "spool")
    yield made
    made.close()


# --- the cursor ----------------------------------------------------------------------------------


def test_a_batch_moves_the_cursor_only_past_what_it_holds(room: Room) -> None:
    room.deliver(*[f"mail{number:03}" for number in range(60)])

    cursors = [batch.cursor.last_uid for batch in room.batches() if batch.cursor]

    assert cursors == [50, 60]


def test_every_folder_is_taken(room: Room) -> None:
    room.mailbox = replace(room.mailbox, folders=("INBOX", "Scans"))
    room.deliver("in the inbox")
    room.deliver("in the other", folder="Scans")

    taken = room.take()

    assert taken == ["in the inbox", "in the other"]
    assert {folder for folder, _ in room.memory.cursors} == {"INBOX", "Scans"}


def test_a_folder_that_is_not_there_does_not_hold_up_the_others(room: Room) -> None:
    room.mailbox = replace(room.mailbox, folders=("Missing", "INBOX"))
    room.deliver("one")
    taken: list[str] = []

    with pytest.raises(FolderRefused, match="'Missing'"):
        taken.extend(subject(c) for b in room.source.batches(room.memory, limit=9) for c in b.fetched)

    assert taken == ["one"]


# --- the first connect ---------------------------------------------------------------------------


def test_a_first_connect_declines_what_is_older_than_since(room: Room) -> None:
    room.mailbox = replace(room.mailbox, since_seconds=WEEK)
    room.deliver("too old", when=NOW - timedelta(days=7, seconds=1))
    room.deliver("just young enough", when=NOW - timedelta(days=7))

    taken = room.take()

    assert taken == ["just young enough"]


def test_an_old_date_declines_nothing_after_the_first_connect(room: Room) -> None:
    room.mailbox = replace(room.mailbox, since_seconds=WEEK)
    room.deliver("one")
    room.take()
    room.deliver("found in an old folder", when=NOW - timedelta(days=900))

    taken = room.take()

    assert taken == ["found in an old folder"]


def test_the_bound_of_the_command_line_stands_before_that_of_the_configuration(room: Room) -> None:
    room.mailbox = replace(room.mailbox, since_seconds=WEEK)
    room.deliver("of last month", when=NOW - timedelta(days=30))

    taken = room.take(since=NOW - timedelta(days=60))

    assert taken == ["of last month"]


def test_a_crash_in_the_first_connect_keeps_its_bound(room: Room) -> None:
    room.mailbox = replace(room.mailbox, since_seconds=WEEK)
    room.deliver("old", when=NOW - timedelta(days=8))
    room.deliver("young")
    next(room.source.batches(room.memory, limit=200))  # and nothing of it was committed
    room.close()
    room.deliver("came in between, with an old date", when=NOW - timedelta(days=8))

    taken = room.take(since=NOW - timedelta(days=300))

    assert taken == ["young", "came in between, with an old date"]


def test_a_first_connect_that_takes_nothing_moves_the_cursor_all_the_same(room: Room) -> None:
    room.mailbox = replace(room.mailbox, since_seconds=WEEK)
    room.deliver("old", "older", when=NOW - timedelta(days=30))

    taken = room.take()

    assert taken == []
    assert [cursor.last_uid for cursor in room.memory.cursors.values()] == [2]


# --- bodies --------------------------------------------------------------------------------------


def test_a_big_mail_comes_in_pieces_and_is_whole(room: Room) -> None:
    line = bytes(range(32, 127)) + b"\r\n"
    body = line * (12 * MIB // len(line))
    room.deliver("big", body=body)

    (found,) = [
        (copy.size_bytes, copy.sha256, copy.whole, copy.path.stat().st_size)
        for batch in room.source.batches(room.memory, limit=1)
        for copy in batch.fetched
    ]

    raw = b"Message-ID: <big@sender.example>\r\nSubject: big\r\n\r\n" + body
    assert found == (len(raw), hashlib.sha256(raw).hexdigest(), True, len(raw))


@pytest.mark.parametrize("spare", [-1, 0, 1])
def test_a_mail_that_ends_near_the_end_of_a_piece_is_whole(room: Room, spare: int) -> None:
    header = len(b"Message-ID: <even@sender.example>\r\nSubject: even\r\n\r\n")
    room.deliver("even", body=b"x" * (5 * MIB - header - 2 + spare) + b"\r\n")

    sizes = [c.size_bytes for b in room.source.batches(room.memory, limit=1) for c in b.fetched]

    assert sizes == [5 * MIB + spare]


def test_of_a_mail_over_the_limit_only_the_header_is_read(room: Room) -> None:
    room.limits = replace(DEFAULT_LIMITS, message_bytes=MIB)
    room.deliver("huge", body=b"x" * MIB + b"\r\n")

    (found,) = [
        (copy.whole, copy.path.read_bytes().rstrip(b"\r\n"))  # GreenMail sends no empty line after it
        for batch in room.source.batches(room.memory, limit=1)
        for copy in batch.fetched
    ]

    assert found == (False, b"Message-ID: <huge@sender.example>\r\nSubject: huge")


def test_the_spool_holds_the_last_two_batches_and_after_the_poll_nothing(room: Room) -> None:
    room.deliver(*[f"mail{number:03}" for number in range(110)])

    held = [len(list(room.spool.iterdir())) for _ in room.source.batches(room.memory, limit=200)]
    room.source.rest()

    assert held == [50, 100, 60]
    assert list(room.spool.iterdir()) == []


def test_mails_that_vanish_while_they_are_listed_are_passed(room: Room) -> None:
    room.deliver(*[f"mail{number:03}" for number in range(60)])
    batches = room.source.batches(room.memory, limit=200)
    next(batches)
    room.server.remove(room.mailbox.user, "mail055", "mail056")

    rest = next(batches)

    assert (len(rest.fetched), rest.cursor and rest.cursor.last_uid) == (8, 60)


def test_a_dry_run_changes_and_remembers_nothing(room: Room) -> None:
    room.deliver("one")
    dry = ImapSource(room.mailbox, room.spool, room.limits, read_only=True)

    places = [c.place for b in dry.batches(room.memory, limit=9) for c in b.fetched]
    settled = dry.settle(places)
    dry.close()

    assert (len(places), settled, room.memory.cursors) == (1, (), {})
