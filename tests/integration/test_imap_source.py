"""An IMAP mailbox against a real Dovecot: what is read, what is remembered, what is settled."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from postroom.config.settings import Action, Mailbox
from postroom.core.limits import DEFAULT_LIMITS, MIB, Limits
from postroom.errors import FolderRefused
from postroom.fetcher.imap import ImapSource
from postroom.fetcher.source import Batch, Fetched
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import fresh_mailbox
from tests.servers.memory import MemoryInRam
from tests.servers.waiting import wait_until

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
WEEK = 7 * 86_400.0


@dataclass
class Room:
    """A mailbox of one test, and what is remembered of it."""

    dovecot: Dovecot
    mailbox: Mailbox
    spool: Path
    limits: Limits = DEFAULT_LIMITS
    memory: MemoryInRam = field(default_factory=MemoryInRam)
    opened: list[ImapSource] = field(default_factory=list)

    @property
    def source(self) -> ImapSource:
        if not self.opened:
            self.opened.append(ImapSource(self.mailbox, self.spool, self.limits, now=lambda: NOON))
        return self.opened[0]

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()

    def deliver(
        self, *subjects: str, folder: str = "INBOX", when: datetime = NOON, body: bytes = b""
    ) -> None:
        """Deliver one mail after the other, so that their UIDs are in this order."""
        for number, subject in enumerate(subjects):
            header = f"Message-ID: <{subject}@sender.example>\r\nSubject: {subject}\r\n\r\n"
            moment = (when + timedelta(seconds=number)).timestamp()
            self.dovecot.deliver(self.mailbox.user, header.encode() + body, folder=folder, modified=moment)

    def take(self, *, limit: int = 200, since: datetime | None = None) -> list[str]:
        """Poll once as the pipeline does; return the subjects."""
        subjects: list[str] = []
        for batch in self.source.batches(self.memory, limit=limit, since=since):
            subjects += [subject(copy) for copy in batch.fetched]
            self.memory.commit(batch)
            self.source.settle([copy.place for copy in batch.fetched] + [copy.place for copy in batch.known])
        return subjects

    def batches(self) -> list[Batch]:
        return list(self.source.batches(self.memory, limit=200))

    def renumber(self, uidvalidity: int) -> None:
        self.close()
        self.dovecot.change_uidvalidity(self.mailbox.user, uidvalidity)

    def bodies_read(self) -> int:
        """Close, and return how many bodies Dovecot gave out in all, by its own log."""
        self.close()
        user = re.escape(self.mailbox.user)

        def counts() -> list[str]:
            return re.findall(rf"imap\({user}\)<.* body_count=(\d+)", self.dovecot.log())

        logins = len(re.findall(rf"Login: user=<{user}>", self.dovecot.log()))
        wait_until(lambda: len(counts()) == logins, "Dovecot to log the end of every connection")
        return sum(map(int, counts()))


def subject(copy: Fetched) -> str:
    return copy.path.read_bytes().partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()


@pytest.fixture
def room(dovecot: Dovecot, tmp_path: Path) -> Iterator[Room]:
    made = Room(dovecot, fresh_mailbox(dovecot), tmp_path / "spool")
    yield made
    made.close()


# --- the cursor ----------------------------------------------------------------------------------


def test_a_poll_without_new_mail_reads_no_body(room: Room) -> None:
    room.deliver("one", "two")
    first = room.take()

    again = [room.take(), room.take()]

    assert (first, again) == (["one", "two"], [[], []])
    assert room.bodies_read() == 2


def test_the_last_mail_is_not_taken_again_for_being_last(room: Room) -> None:
    room.deliver("one", "two")
    room.take()
    room.close()
    room.dovecot.raise_next_uid(room.mailbox.user, 100)

    taken = room.take()

    assert taken == []
    assert [cursor.last_uid for cursor in room.memory.cursors.values()] == [99]


def test_sparse_uids_are_taken_once_each(room: Room) -> None:
    room.dovecot.change_uidvalidity(room.mailbox.user, 7, next_uid=743_024_218)
    room.deliver("one", "two")
    first = room.take()
    room.close()
    room.dovecot.raise_next_uid(room.mailbox.user, 2_000_000_000)
    room.deliver("three")

    second = room.take()

    assert (first, second) == (["one", "two"], ["three"])
    assert room.memory.cursors["INBOX", 7].last_uid == 2_000_000_000


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

    with pytest.raises(FolderRefused, match=r"'Missing'.*Mailbox doesn't exist"):
        taken.extend(subject(c) for b in room.source.batches(room.memory, limit=9) for c in b.fetched)

    assert taken == ["one"]


# --- the first connect ---------------------------------------------------------------------------


def test_a_first_connect_declines_what_is_older_than_since(room: Room) -> None:
    room.mailbox = replace(room.mailbox, since_seconds=WEEK)
    room.deliver("too old", when=NOON - timedelta(days=7, seconds=1))
    room.deliver("just young enough", when=NOON - timedelta(days=7))

    taken = room.take()

    assert taken == ["just young enough"]


def test_an_old_date_declines_nothing_after_the_first_connect(room: Room) -> None:
    room.mailbox = replace(room.mailbox, since_seconds=WEEK)
    room.deliver("one")
    room.take()
    room.deliver("found in an old folder", when=NOON - timedelta(days=900))

    taken = room.take()

    assert taken == ["found in an old folder"]


def test_the_bound_of_the_command_line_stands_before_that_of_the_configuration(room: Room) -> None:
    room.mailbox = replace(room.mailbox, since_seconds=WEEK)
    room.deliver("of last month", when=NOON - timedelta(days=30))

    taken = room.take(since=NOON - timedelta(days=60))

    assert taken == ["of last month"]


def test_a_crash_in_the_first_connect_keeps_its_bound(room: Room) -> None:
    room.mailbox = replace(room.mailbox, since_seconds=WEEK)
    room.deliver("old", when=NOON - timedelta(days=8))
    room.deliver("young")
    next(room.source.batches(room.memory, limit=200))  # and nothing of it was committed
    room.close()
    room.deliver("came in between, with an old date", when=NOON - timedelta(days=8))

    taken = room.take(since=NOON - timedelta(days=300))

    assert taken == ["young", "came in between, with an old date"]


def test_a_first_connect_that_takes_nothing_moves_the_cursor_all_the_same(room: Room) -> None:
    room.mailbox = replace(room.mailbox, since_seconds=WEEK)
    room.deliver("old", "older", when=NOON - timedelta(days=30))

    taken = room.take()

    assert taken == []
    assert [cursor.last_uid for cursor in room.memory.cursors.values()] == [2]


# --- a new UIDVALIDITY ---------------------------------------------------------------------------


@pytest.mark.parametrize("action", [Action.KEEP, Action.SEEN, Action.FLAG])
def test_known_copies_are_not_read_again_after_a_new_uidvalidity(
    dovecot: Dovecot, room: Room, action: Action
) -> None:
    room.mailbox = fresh_mailbox(dovecot, action)
    room.deliver("one", "two", "three")
    room.take()
    room.renumber(4242)
    room.deliver("four")

    batches = room.batches()

    assert [copy.place.uid for b in batches for copy in b.known] == [1, 2, 3]
    assert [[copy.place.uid for copy in batch.fetched] for batch in batches] == [[], [4]]
    assert room.bodies_read() == 4


@pytest.mark.parametrize("action", [Action.MOVE, Action.DELETE])
def test_no_copy_is_removed_on_the_strength_of_a_fingerprint(
    dovecot: Dovecot, room: Room, action: Action
) -> None:
    room.mailbox = fresh_mailbox(dovecot, action)
    room.deliver("one")
    for batch in room.source.batches(room.memory, limit=1):
        room.memory.commit(batch)  # killed before it was settled
    room.renumber(4242)

    (batch,) = room.batches()

    assert (len(batch.fetched), batch.known) == (1, ())


def test_a_mail_without_message_id_is_always_read_again(room: Room) -> None:
    room.dovecot.deliver(room.mailbox.user, b"Subject: no id\r\n\r\n")
    room.take()
    room.renumber(4242)

    taken = room.take()

    assert taken == ["no id"]


def test_declined_mail_stays_declined_after_a_new_uidvalidity(room: Room) -> None:
    room.mailbox = replace(room.mailbox, since_seconds=WEEK)
    room.deliver("old", when=NOON - timedelta(days=8))
    room.deliver("young")
    room.take()
    room.renumber(4242)

    taken = room.take()

    assert taken == []
    assert room.memory.cursors["INBOX", 4242].last_uid == 2


def test_a_rescan_that_was_cut_short_goes_on_without_reading_bodies(room: Room) -> None:
    room.deliver("one", "two", "three")
    room.take()
    room.renumber(4242)
    next(room.source.batches(room.memory, limit=200))  # and nothing of it was committed
    room.close()

    batches = room.batches()

    assert [len(batch.known) for batch in batches] == [3]


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
        (copy.whole, copy.path.read_bytes())
        for batch in room.source.batches(room.memory, limit=1)
        for copy in batch.fetched
    ]

    assert found == (False, b"Message-ID: <huge@sender.example>\r\nSubject: huge\r\n\r\n")


def test_the_spool_holds_one_batch_and_after_it_nothing(room: Room) -> None:
    room.deliver(*[f"mail{number:03}" for number in range(60)])

    held = [len(list(room.spool.iterdir())) for _ in room.source.batches(room.memory, limit=200)]

    assert held == [50, 10]
    assert list(room.spool.iterdir()) == []


def test_mails_that_vanish_while_they_are_listed_are_passed(room: Room) -> None:
    room.deliver(*[f"mail{number:03}" for number in range(60)])
    batches = room.source.batches(room.memory, limit=200)
    next(batches)
    room.dovecot.remove(room.mailbox.user, "mail055", "mail056")

    rest = next(batches)

    assert (len(rest.fetched), rest.cursor and rest.cursor.last_uid) == (8, 60)


def test_a_dry_run_changes_and_remembers_nothing(room: Room) -> None:
    room.deliver("one")
    dry = ImapSource(room.mailbox, room.spool, room.limits, read_only=True)

    places = [c.place for b in dry.batches(room.memory, limit=9) for c in b.fetched]
    settled = dry.settle(places)
    dry.close()

    assert (len(places), settled, room.memory.cursors) == (1, (), {})


def test_a_connection_that_died_between_two_polls_is_opened_again(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroom.fetcher.imap_connection._QUIET_SECONDS", 0.0)
    room.deliver("one")
    room.take()
    room.dovecot.restart()
    room.deliver("two")

    taken = room.take()

    assert taken == ["two"]
