"""A mail that its server cannot give: the others are taken, it is named, and it is not forgotten."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.config.settings import Action
from postroom.core.limits import DEFAULT_LIMITS, MIB
from postroom.db.values import Verdict
from postroom.errors import MailUnreadable, SourceUnavailable
from postroom.fetcher.imap import ImapSource
from postroom.fetcher.source import Batch
from tests.house import Postroom, open_postroom, postroom
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import fresh_mailbox
from tests.servers.scripted_imap import HANGS_UP, IS_SILENT, REFUSES, ScriptedImap, scripted_imap

__all__ = ["open_postroom", "postroom"]

MOODS = [
    pytest.param(REFUSES, id="the server says NO"),
    pytest.param(HANGS_UP, id="the server hangs up"),
    pytest.param(IS_SILENT, id="the server leaves it out"),
]


class Room:
    """A mailbox on a server, polled into a real postroom; its mails name no org, so what is read is held."""

    def __init__(self, house: Postroom, source: ImapSource) -> None:
        self.house, self.source = house, source

    def poll(self) -> str:
        """Poll once as `fetch` does; return what the source complained of, "" for nothing."""
        try:
            self.house.poll(self.source)
        except SourceUnavailable as error:
            return f"{error.code}: {error}"
        return ""

    def verdicts(self) -> dict[int, str]:
        return {sighting.uid: sighting.verdict for sighting in self.house.sightings()}

    def reached(self) -> int:
        cursor = self.house.memory("orders").cursor("INBOX", 7)
        return cursor.last_uid if cursor else 0


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with scripted_imap() as running:
        yield running


@pytest.fixture
def room(postroom: Postroom, server: ScriptedImap, tmp_path: Path) -> Iterator[Room]:
    source = ImapSource(server.mailbox, tmp_path / "imap-spool", DEFAULT_LIMITS)
    yield Room(postroom, source)
    source.close()


@pytest.mark.parametrize("mood", MOODS)
def test_one_mail_that_cannot_be_read_holds_up_no_other(room: Room, server: ScriptedImap, mood: str) -> None:
    server.put(*[b"x"] * 6)
    server.moods[3] = mood

    complaint = room.poll()

    assert room.verdicts() == {uid: "unreadable" if uid == 3 else "quarantined" for uid in range(1, 7)}
    assert room.reached() == 6
    assert complaint.startswith("E-IMAP-MAIL: UID 3 in 'INBOX' cannot be read, ")


@pytest.mark.parametrize("mood", MOODS)
def test_the_only_mail_is_passed_too_when_the_server_otherwise_works(
    room: Room, server: ScriptedImap, mood: str
) -> None:
    server.put(b"x")
    server.moods[1] = mood

    complaint = room.poll()

    assert (room.verdicts(), room.reached()) == ({1: "unreadable"}, 1)
    assert "UID 1 in 'INBOX'" in complaint


@pytest.mark.parametrize("mood", MOODS)
def test_a_big_mail_that_cannot_be_read_is_left_out(room: Room, server: ScriptedImap, mood: str) -> None:
    server.put(b"x", b"y" * 5 * MIB, b"z")
    server.moods[2] = mood
    server.spares_sizes = True

    complaint = room.poll()

    assert room.verdicts() == {1: "quarantined", 2: "unreadable", 3: "quarantined"}
    assert "UID 2 in 'INBOX'" in complaint


def test_the_complaint_says_what_the_server_said(room: Room, server: ScriptedImap) -> None:
    server.put(b"x", b"x", b"x")
    server.moods |= {1: REFUSES, 3: REFUSES}

    complaint = room.poll()

    assert "UID 1, UID 3 in 'INBOX' cannot be read" in complaint
    assert "[SERVERBUG] mail 1 is damaged" in complaint


def test_the_log_names_place_and_reason(room: Room, server: ScriptedImap, log: io.StringIO) -> None:
    server.put(b"x", b"x")
    server.moods[2] = IS_SILENT

    room.poll()

    events = [json.loads(line) for line in log.getvalue().splitlines()]
    (said,) = [event for event in events if event["event"] == "unreadable"]
    assert (said["source"], said["place"], said["reason"]) == (
        "orders",
        "INBOX UID 2",
        "the server gives no RFC822.SIZE of it",
    )


def test_a_server_that_breaks_off_once_costs_no_mail_anything(room: Room, server: ScriptedImap) -> None:
    server.put(b"x", b"x")
    server.once = HANGS_UP

    complaint = room.poll()

    assert (complaint, room.verdicts()) == ("", {1: "quarantined", 2: "quarantined"})


def test_a_server_that_can_do_nothing_moves_no_cursor(room: Room, server: ScriptedImap) -> None:
    server.put(b"x")
    room.poll()
    server.put(b"x", b"x")
    server.moods |= {2: REFUSES, 3: REFUSES}
    server.is_broken = True

    complaint = room.poll()

    assert complaint.startswith("E-IMAP-SERVER: ")
    assert (room.verdicts(), room.reached()) == ({1: "quarantined"}, 1)


def test_an_unreadable_mail_is_tried_again_alone_and_after_the_fresh_ones(
    room: Room, server: ScriptedImap
) -> None:
    server.put(b"x", b"x")
    server.moods[1] = REFUSES
    room.poll()
    server.put(b"x")
    server.fetches.clear()

    complaint = room.poll()

    assert [fetch.split()[0] for fetch in server.fetches if "SIZE" in fetch or "BODY" in fetch] == [
        "3",
        "3",
        "1",
    ]
    assert room.verdicts() == {1: "unreadable", 2: "quarantined", 3: "quarantined"}
    assert "UID 1 in 'INBOX'" in complaint


def test_a_mail_that_can_be_read_again_is_taken_like_any_other(room: Room, server: ScriptedImap) -> None:
    server.put(b"x", b"x")
    server.moods[1] = HANGS_UP
    room.poll()
    server.moods.clear()

    complaints = [room.poll(), room.poll()]

    assert (complaints, room.verdicts()) == (["", ""], {1: "quarantined", 2: "quarantined"})


def test_an_unreadable_mail_that_is_gone_is_complained_of_no_longer(room: Room, server: ScriptedImap) -> None:
    server.put(b"x", b"x")
    server.moods[1] = REFUSES
    room.poll()
    del server.mails[1]

    assert room.poll() == ""


def test_a_poll_meets_no_more_than_twenty_and_the_next_one_goes_on(room: Room, server: ScriptedImap) -> None:
    server.put(*[b"x"] * 27)
    server.moods |= dict.fromkeys(range(1, 25), REFUSES)

    reached = []
    for _ in range(2):
        room.poll()
        reached.append(room.reached())

    assert reached == [20, 27]
    assert list(room.verdicts().values()).count("unreadable") == 24
    assert list(room.verdicts().values()).count("quarantined") == 3


def test_each_of_many_is_tried_in_its_turn(room: Room, server: ScriptedImap) -> None:
    server.put(*[b"x"] * 24)
    server.moods |= dict.fromkeys(range(1, 25), REFUSES)
    for _ in range(2):
        room.house.clock.later(60)
        room.poll()
    server.fetches.clear()

    for _ in range(2):
        room.house.clock.later(60)
        room.poll()

    tried = {int(fetch.split()[0]) for fetch in server.fetches if "SIZE" in fetch}
    assert tried == set(range(1, 25))


def test_a_limit_passes_no_mail_that_it_did_not_reach(room: Room, server: ScriptedImap) -> None:
    server.put(*[b"x"] * 6)
    server.moods[2] = IS_SILENT
    server.spares_sizes = True
    batches = room.source.batches(room.house.memory("orders"), limit=3)

    cursors = [batch.cursor.last_uid for batch in collected(batches) if batch.cursor]

    assert cursors == [3]


def collected(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield all that comes before the complaint."""
    with suppress(MailUnreadable):
        yield from batches


def test_a_mail_too_old_to_be_wanted_is_none_to_complain_of(room: Room, server: ScriptedImap) -> None:
    server.put(b"x", b"x")
    server.moods[1] = REFUSES
    later = datetime(2026, 3, 11, tzinfo=UTC)

    batches = list(room.source.batches(room.house.memory("orders"), limit=9, since=later))

    assert [batch.cursor and batch.cursor.last_uid for batch in batches][-1] == 2
    assert [batch.unreadable for batch in batches if batch.unreadable] == []


# --- on a real server ----------------------------------------------------------------------------


@pytest.mark.dovecot
@pytest.mark.parametrize("listed_before", [False, True], ids=["no size of it", "no body of it"])
def test_a_file_that_the_server_may_not_read_holds_up_no_other(
    postroom: Postroom, dovecot: Dovecot, tmp_path: Path, *, listed_before: bool
) -> None:
    mailbox = fresh_mailbox(dovecot, Action.DELETE)
    source = ImapSource(mailbox, tmp_path / "imap-spool", DEFAULT_LIMITS)
    names = [dovecot.deliver(mailbox.user, b"Message-ID: <%d@x>\n\nx\n" % n) for n in range(6)]
    if listed_before:
        list(source.batches(postroom.memory("other"), limit=9))
    (spoiled,) = dovecot.maildir(mailbox.user).glob(f"*/{names[2]}*")
    spoiled.chmod(0)

    with pytest.raises(MailUnreadable, match=r"UID 3 in 'INBOX' cannot be read"):
        postroom.poll(source)
    names.append(dovecot.deliver(mailbox.user, b"Message-ID: <6@x>\n\nx\n"))
    with pytest.raises(MailUnreadable):
        postroom.poll(source)
    between = sorted(postroom.verdicts())
    (spoiled,) = dovecot.maildir(mailbox.user).glob(f"*/{names[2]}*")
    spoiled.chmod(0o600)
    postroom.poll(source)
    source.close()

    assert between == ["quarantined"] * 6 + [Verdict.UNREADABLE.value]
    assert postroom.verdicts() == ["quarantined"] * 7
    assert dovecot.mails(mailbox.user) == []
    (state,) = postroom.book()
    assert (state.failures, state.error_json) == (0, None)
