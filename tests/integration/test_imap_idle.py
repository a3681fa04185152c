"""Between two polls a mailbox rests in IDLE: new mail wakes its poll, and whatever happens, polls go on."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from postroom.config.settings import Mailbox, Tls
from postroom.core.limits import DEFAULT_LIMITS
from postroom.core.places import Place
from postroom.errors import MailUnreadable, ServerFault
from postroom.fetcher.imap import ImapSource
from postroom.fetcher.parking import Parking
from tests.servers.certificates import make_certificates
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import fresh_mailbox, running_dovecot
from tests.servers.imap_server import ImapServer
from tests.servers.memory import MemoryInRam
from tests.servers.scripted_imap import (
    IS_DEAF,
    IS_EAGER,
    IS_GOOD,
    IS_SILENT,
    REFUSES,
    ScriptedImap,
    scripted_imap,
)
from tests.servers.waiting import wait_until


@dataclass
class Room:
    """A mailbox that is polled by hand, and where it rests; `asked` are the wishes for a poll."""

    mailbox: Mailbox
    spool: Path
    parking: Parking = field(default_factory=lambda: Parking(most_per_server=9))
    memory: MemoryInRam = field(default_factory=MemoryInRam)
    asked: list[str] = field(default_factory=list)

    def poll(self) -> int:
        """Poll once as a runner does; return how many mails came."""
        count = 0
        with self.parking.visit(
            "orders", lambda: ImapSource(self.mailbox, self.spool, DEFAULT_LIMITS)
        ) as source:
            for batch in source.batches(self.memory, limit=200):
                count += len(batch.fetched)
                self.memory.commit(batch)
        return count

    def wait_until_asked(self) -> None:
        wait_until(lambda: self.asked != [], "the parking to ask for a poll")


def opened(room: Room) -> Iterator[Room]:
    room.parking.start(room.asked.append)
    with closing(room.parking):
        yield room


@pytest.fixture
def room(dovecot: Dovecot, tmp_path: Path) -> Iterator[Room]:
    yield from opened(Room(fresh_mailbox(dovecot), tmp_path))


@pytest.fixture
def resting(imap_server: ImapServer, tmp_path: Path) -> Iterator[Room]:
    yield from opened(Room(fresh_mailbox(imap_server), tmp_path))


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with scripted_imap() as running:
        running.idle = IS_GOOD
        yield running


@pytest.fixture
def odd(server: ScriptedImap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr("postroom.fetcher.imap_idle._ANSWER_SECONDS", 0.3)
    yield from opened(Room(server.mailbox, tmp_path))


def logins(dovecot: Dovecot, room: Room) -> int:
    return len(re.findall(rf"Login: user=<{room.mailbox.user}>", dovecot.log()))


# --- on real servers -----------------------------------------------------------------------------


def test_mail_that_arrives_asks_for_a_poll_that_takes_it(imap_server: ImapServer, resting: Room) -> None:
    resting.poll()
    imap_server.deliver(resting.mailbox.user, b"Subject: one\r\n\r\n")

    resting.wait_until_asked()
    asked, taken = list(resting.asked), resting.poll()

    assert (asked, taken) == (["orders"], 1)


def test_after_mail_a_mailbox_is_polled_again_though_its_server_tells_nothing(
    server: ScriptedImap, odd: Room
) -> None:
    server.put(b"x")

    taken = odd.poll()
    odd.wait_until_asked()

    assert (taken, odd.asked) == (1, ["orders"])


def test_mail_that_arrives_while_a_poll_ends_is_not_missed(imap_server: ImapServer, resting: Room) -> None:
    with resting.parking.visit(
        "orders", lambda: ImapSource(resting.mailbox, resting.spool, DEFAULT_LIMITS)
    ) as source:
        list(source.batches(resting.memory, limit=200))
        imap_server.deliver(resting.mailbox.user, b"Subject: late\r\n\r\n")

    resting.wait_until_asked()
    taken = resting.poll()

    assert taken == 1


# --- on Dovecot, which says who logged in ---------------------------------------------------------


def test_each_poll_of_a_mailbox_that_rests_uses_the_same_connection(dovecot: Dovecot, room: Room) -> None:
    room.poll()
    dovecot.deliver(room.mailbox.user, b"Subject: one\r\n\r\n")

    taken = [room.poll(), room.poll(), room.poll()]

    assert taken == [1, 0, 0]
    assert logins(dovecot, room) == 1


def test_where_idle_is_off_the_connection_is_kept_and_nothing_wakes(dovecot: Dovecot, room: Room) -> None:
    room.mailbox = replace(room.mailbox, idle=False)
    room.poll()
    dovecot.deliver(room.mailbox.user, b"Subject: one\r\n\r\n")

    taken = room.poll()

    assert (taken, room.asked, logins(dovecot, room)) == (1, [], 1)


def test_with_no_room_at_that_server_the_connection_is_closed(dovecot: Dovecot, tmp_path: Path) -> None:
    with closing(Parking(most_per_server=0)) as parking:
        room = Room(fresh_mailbox(dovecot), tmp_path, parking)

        polled = [room.poll(), room.poll()]

    assert polled == [0, 0]
    assert logins(dovecot, room) == 2


def test_a_server_that_was_restarted_is_polled_as_before(tmp_path: Path) -> None:
    with running_dovecot() as own, closing(Parking(most_per_server=9)) as parking:
        room = Room(fresh_mailbox(own), tmp_path, parking)
        parking.start(room.asked.append)
        room.poll()
        own.restart()
        own.deliver(room.mailbox.user, b"Subject: one\r\n\r\n")

        first = room.poll()
        own.deliver(room.mailbox.user, b"Subject: two\r\n\r\n")
        room.wait_until_asked()
        second = room.poll()

    assert (first, second) == (1, 1)


# --- on odd servers ------------------------------------------------------------------------------


def test_an_idle_that_is_never_answered_costs_its_connection_and_no_poll(
    server: ScriptedImap, odd: Room
) -> None:
    server.idle = IS_SILENT
    server.put(b"x")
    first = odd.poll()
    server.put(b"x")

    second = odd.poll()

    assert (first, second, server.sessions) == (1, 1, 2)


def test_mail_told_in_the_answer_to_another_question_is_not_missed(server: ScriptedImap, odd: Room) -> None:
    with odd.parking.visit("orders", lambda: ImapSource(odd.mailbox, odd.spool, DEFAULT_LIMITS)) as source:
        list(source.batches(odd.memory, limit=200))
        server.put(b"x")

    odd.wait_until_asked()
    taken = odd.poll()

    assert taken == 1


def test_an_idle_that_does_not_end_costs_its_connection_and_no_poll(server: ScriptedImap, odd: Room) -> None:
    server.idle = IS_DEAF
    odd.poll()
    server.put(b"x")

    taken = odd.poll()

    assert (taken, server.sessions) == (1, 2)


def test_a_server_without_idle_is_polled_over_a_kept_connection(server: ScriptedImap, odd: Room) -> None:
    server.idle = ""
    odd.poll()
    server.put(b"x")

    taken = odd.poll()

    assert (taken, odd.asked, server.sessions) == (1, [], 1)


def test_a_server_that_says_one_thing_many_times_asks_for_few_polls(server: ScriptedImap, odd: Room) -> None:
    odd.poll()
    began = time.monotonic()
    for _ in range(500):
        server.resting[0].write(b"* 9 EXISTS\r\n* OK still here\r\n")

    odd.wait_until_asked()
    server.resting[0].write(b"* BYE enough\r\n")
    odd.poll()

    at_most = 1 + 4 * (time.monotonic() - began)  # one at once, then four a second
    assert len(odd.asked) <= at_most


def test_what_tells_of_no_mail_asks_for_no_poll(server: ScriptedImap, odd: Room) -> None:
    odd.poll()
    server.resting[0].write(b"* OK still here\r\n* 1 EXPUNGE\r\n* 2 FETCH (FLAGS (\\Seen))\r\n")
    server.resting[0].write(b"* 1 RECENT\r\n")

    odd.wait_until_asked()
    odd.poll()

    assert odd.asked == ["orders"]


def test_mail_told_in_the_breath_of_the_answer_to_idle_is_heard_through_tls(
    server: ScriptedImap, odd: Room, tmp_path: Path
) -> None:
    made = make_certificates(tmp_path)
    server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.tls.load_cert_chain(made.server, made.key)
    server.idle = IS_EAGER
    odd.mailbox = replace(odd.mailbox, host="localhost", tls=Tls.IMPLICIT, tls_ca=made.ca)

    odd.poll()
    odd.wait_until_asked()

    assert odd.asked == ["orders"]


@pytest.mark.parametrize("idle", [IS_GOOD, ""])
def test_a_folder_where_nothing_happened_is_not_opened_again(
    server: ScriptedImap, odd: Room, idle: str
) -> None:
    server.idle = idle
    server.put(b"x")
    odd.poll()
    odd.poll()
    openings = server.openings

    taken = [odd.poll(), odd.poll(), odd.poll()]

    assert (taken, server.openings) == ([0, 0, 0], openings)


@pytest.mark.parametrize("idle", [IS_GOOD, ""])
def test_mail_is_found_in_a_folder_that_was_quiet_for_many_polls(
    server: ScriptedImap, odd: Room, idle: str
) -> None:
    server.idle = idle
    for _ in range(3):
        odd.poll()
    server.put(b"x")

    taken = odd.poll()

    assert taken == 1


def test_a_server_that_forgets_to_tell_of_mail_is_found_out(
    server: ScriptedImap, odd: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.forgets = True
    odd.poll()
    server.put(b"x")
    at_once = odd.poll()
    monkeypatch.setattr("postroom.fetcher.imap_opened._TRUSTED_SECONDS", 0.0)

    later = odd.poll()

    assert (at_once, later) == (0, 1)


def test_an_org_that_was_added_gets_its_mail_from_a_folder_that_is_quiet(
    server: ScriptedImap, odd: Room
) -> None:
    server.put(b"x")
    odd.poll()
    odd.poll()
    odd.memory.alone = [Place("orders", "INBOX", 7, 1)]
    odd.memory.orgs_were_added = True

    taken = odd.poll()

    assert taken == 1


def test_an_old_idle_is_renewed_by_a_poll(
    odd: Room, server: ScriptedImap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroom.fetcher.parking._RENEWED_SECONDS", 0.0)
    odd.poll()

    odd.wait_until_asked()
    odd.poll()

    assert server.sessions == 1


def test_a_connection_that_no_poll_came_for_is_given_up(
    odd: Room, server: ScriptedImap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroom.fetcher.parking._GIVEN_UP_SECONDS", 0.0)
    odd.poll()

    wait_until(lambda: server.resting == [], "the parking to hang up")
    odd.poll()

    assert server.sessions == 2


def test_one_mail_that_cannot_be_read_costs_no_connection(server: ScriptedImap, odd: Room) -> None:
    server.put(b"x", b"x")
    server.moods[1] = REFUSES
    with pytest.raises(MailUnreadable):
        odd.poll()
    sessions = server.sessions

    with pytest.raises(MailUnreadable):
        odd.poll()

    assert server.sessions == sessions


def test_after_a_fault_the_connection_is_closed(server: ScriptedImap, odd: Room) -> None:
    server.put(b"x")
    server.is_broken = True
    with pytest.raises(ServerFault):
        odd.poll()
    server.is_broken = False

    taken = odd.poll()

    assert (taken, server.sessions) == (1, 2)
