"""Servers that say one thing and send another: it costs one mail, or nothing, and never the memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from postroom.core.limits import DEFAULT_LIMITS, MIB
from postroom.errors import MailUnreadable
from postroom.fetcher.imap import ImapSource
from postroom.fetcher.source import Fetched
from tests.footprint import growth_mb
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import fresh_mailbox
from tests.servers.memory import MemoryInRam
from tests.servers.scripted_imap import (
    IS_CUT,
    IS_ENDLESS,
    IS_LONGER,
    IS_NEGATIVE,
    IS_NIL,
    IS_QUOTED,
    SAYS_BAD,
    ScriptedImap,
    scripted_imap,
)


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with scripted_imap() as running:
        running.spares_sizes = True
        yield running


@pytest.fixture
def source(server: ScriptedImap, tmp_path: Path) -> Iterator[ImapSource]:
    made = ImapSource(server.mailbox, tmp_path / "spool", DEFAULT_LIMITS)
    yield made
    made.close()


def taken(source: ImapSource) -> tuple[dict[int, Fetched], dict[int, str]]:
    """Poll once; return what was read and what could not be, by UID."""
    read: dict[int, Fetched] = {}
    refused: dict[int, str] = {}
    with suppress(MailUnreadable):
        for batch in source.batches(MemoryInRam(), limit=200):
            read |= {copy.place.uid: copy for copy in batch.fetched}
            refused |= {copy.place.uid: copy.reason for copy in batch.unreadable}
    return read, refused


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        pytest.param(IS_CUT, "bytes before the end of a mail", id="a literal that is cut"),
        pytest.param(IS_LONGER, "is no answer", id="a literal longer than announced"),
        pytest.param(IS_NEGATIVE, "is no answer", id="a negative size"),
        pytest.param(IS_NIL, "the server gives no BODY.PEEK[] of it", id="NIL"),
        pytest.param(SAYS_BAD, "Command Argument Error. 11", id="BAD to a valid command"),
    ],
)
def test_a_body_that_comes_wrong_costs_that_mail_and_no_other(
    server: ScriptedImap, source: ImapSource, mood: str, reason: str
) -> None:
    server.put(*[b"line\r\n" * 40] * 7)
    server.moods[4] = mood

    read, refused = taken(source)

    assert sorted(read) == [1, 2, 3, 5, 6, 7]
    assert list(refused) == [4]
    assert reason in refused[4]


def test_a_literal_of_ten_gigabytes_is_not_read_and_its_mail_is_over_the_limit(
    server: ScriptedImap, source: ImapSource
) -> None:
    server.put(*[b"x"] * 7)
    server.moods[4] = IS_ENDLESS

    read, refused = taken(source)

    assert (sorted(read), refused) == ([1, 2, 3, 4, 5, 6, 7], {})
    assert [uid for uid, copy in read.items() if not copy.whole] == [4]
    assert server.sent_in_vain < 64 * MIB


def test_a_body_that_comes_as_a_quoted_string_is_taken(server: ScriptedImap, source: ImapSource) -> None:
    server.put(b"x")
    server.moods[1] = IS_QUOTED

    ((digest, size_bytes),) = [
        (copy.sha256, copy.size_bytes)
        for batch in source.batches(MemoryInRam(), limit=9)
        for copy in batch.fetched
    ]

    raw = server.mails[1].replace(b"\r\n", b" ")
    assert (digest, size_bytes) == (hashlib.sha256(raw).hexdigest(), len(raw))


def test_neighbours_are_asked_for_as_a_range_and_half_of_them_ahead(
    server: ScriptedImap, source: ImapSource
) -> None:
    server.put(*[b"x"] * 60)
    del server.mails[30]

    taken(source)

    assert [each for each in server.fetches if "BODY" in each] == [
        "1:25 (UID BODY.PEEK[])",
        "26:29,31:51 (UID BODY.PEEK[])",
        "52:56 (UID BODY.PEEK[])",
        "57:60 (UID BODY.PEEK[])",
    ]


@pytest.mark.dovecot
def test_a_mail_of_100_mb_costs_less_than_16_mb_of_memory(dovecot: Dovecot, tmp_path: Path) -> None:
    mailbox = fresh_mailbox(dovecot)
    line = bytes(range(32, 127)) + b"\r\n"
    dovecot.deliver(mailbox.user, b"Subject: small\r\n\r\nx\r\n")
    dovecot.deliver(mailbox.user, b"Subject: big\r\n\r\n" + line * (100 * MIB // len(line)))

    opened = _OPENED.format(
        user=mailbox.user, port=mailbox.port, ca=str(mailbox.tls_ca), spool=str(tmp_path / "spool")
    )
    grown = growth_mb(opened, _READ)

    assert grown <= 16


_OPENED = """
from dataclasses import replace
from pathlib import Path
from postroom.core.limits import DEFAULT_LIMITS
from postroom.fetcher.imap import ImapSource
from tests.servers.fixtures import mailbox_of
from tests.servers.memory import MemoryInRam
mailbox = mailbox_of({user!r}, {port}, Path({ca!r}))
source = ImapSource(mailbox, Path({spool!r}), replace(DEFAULT_LIMITS, message_bytes=200_000_000))
batches = source.batches(MemoryInRam(), limit=1)
assert [len(batch.fetched) for batch in batches] == [1]
"""
_READ = """
sizes = [copy.size_bytes for batch in source.batches(MemoryInRam(), limit=9) for copy in batch.fetched]
assert max(sizes) > 100_000_000
"""
