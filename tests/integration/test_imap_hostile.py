"""A server that means harm costs its own source one error: bounded time and memory, and no secret."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.config.masked import Secret
from postroom.config.settings import Mailbox, Tls
from postroom.core.limits import DEFAULT_LIMITS, MIB
from postroom.errors import PostroomError, ServerFault, TlsFailed, TransientError
from postroom.fetcher.imap import ImapSource
from postroom.fetcher.source import Fetched
from tests.servers.memory import MemoryInRam
from tests.servers.raw_imap import Answer, raw_imap
from tests.servers.scripted_imap import scripted_imap

GREETING = [b"* OK ready\r\n"]
LINE = b"x" * 65_536
BODY = b"Subject: hi\r\n\r\nhello\r\n"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with scripted_imap() as server:
        yield replace(server.mailbox, password=Secret("canary-of-the-password"))


def endless(*before: bytes) -> Iterator[bytes]:
    """Yield a line that never ends; it is given up long before these 64 MiB are said."""
    return itertools.chain(before, itertools.repeat(LINE, 1024))


def talk(**said: Iterable[bytes]) -> Answer:
    """Return a server with one mail in its INBOX; `said` replaces what it says to a verb."""

    def answer(tag: str, command: str) -> Iterable[bytes]:
        verb = command.removeprefix("UID ").partition(" ")[0].lower()
        if verb in said:
            return said[verb]
        done = f"{tag} OK done\r\n".encode()
        return {
            "capability": [b"* CAPABILITY IMAP4rev1\r\n", done],
            "examine": [b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 2] x\r\n", done],
            "search": [b"* SEARCH 1\r\n", done],
            "fetch": [_listed(1) if "BODY" not in command else _body(1), done],
        }.get(verb, [done])

    return answer


def _listed(uid: int) -> bytes:
    return b'* 1 FETCH (UID %d INTERNALDATE "04-Mar-2025 09:00:00 +0000" RFC822.SIZE %d)\r\n' % (
        uid,
        len(BODY),
    )


def _body(uid: int) -> bytes:
    return b"* 1 FETCH (UID %d BODY[] {%d}\r\n" % (uid, len(BODY)) + BODY + b")\r\n"


def poll(mailbox: Mailbox, spool: Path) -> list[Fetched]:
    source = ImapSource(mailbox, spool, DEFAULT_LIMITS)
    try:
        return [copy for batch in source.batches(MemoryInRam(), limit=200) for copy in batch.fetched]
    finally:
        source.close()


def test_the_server_of_these_tests_is_a_good_one_where_nothing_is_changed(
    mailbox: Mailbox, tmp_path: Path
) -> None:
    with raw_imap(GREETING, talk()) as server:
        copies = poll(replace(mailbox, port=server.port), tmp_path)

    assert [copy.place.uid for copy in copies] == [1]


@pytest.mark.parametrize("verb", ["login", "capability", "examine", "search", "fetch"])
def test_a_line_that_never_ends_is_one_error_and_not_read_to_its_end(
    mailbox: Mailbox, tmp_path: Path, verb: str
) -> None:
    with raw_imap(GREETING, talk(**{verb: endless(b"* ")})) as server:
        with pytest.raises(TransientError):
            poll(replace(mailbox, port=server.port), tmp_path)

        assert server.sent < 32 * MIB


def test_a_greeting_that_never_ends_is_one_error(mailbox: Mailbox, tmp_path: Path) -> None:
    with raw_imap(endless(b"* OK "), talk()) as server:
        with pytest.raises(ServerFault, match="no IMAP greeting"):
            poll(replace(mailbox, port=server.port), tmp_path)

        assert server.sent < 32 * MIB


@pytest.mark.parametrize("greeting", [b"* PREAUTH welcome\r\n", b"* OK ready\r\n"])
def test_no_word_of_a_login_is_said_to_a_server_that_talks_its_way_past_starttls(
    mailbox: Mailbox, tmp_path: Path, greeting: bytes
) -> None:
    with raw_imap([greeting], talk()) as server:
        with pytest.raises(TlsFailed):
            poll(replace(mailbox, port=server.port, tls=Tls.STARTTLS), tmp_path)

        said = " ".join(server.heard)
    assert not any(word in said for word in ("LOGIN", "AUTHENTICATE", "FETCH", "canary"))


def test_mails_that_were_not_asked_for_are_not_taken(mailbox: Mailbox, tmp_path: Path) -> None:
    strange = [_listed(1), _body(99), _body(4_294_967_295), _body(1)]

    def answer(tag: str, command: str) -> Iterable[bytes]:
        done = f"{tag} OK done\r\n".encode()
        return [*strange, done] if "FETCH" in command else talk()(tag, command)

    with raw_imap(GREETING, answer) as server:
        copies = poll(replace(mailbox, port=server.port), tmp_path)

    assert [copy.place.uid for copy in copies] == [1]


@pytest.mark.parametrize("found", ["-1", "0", "1 -5 0", "99999999999999999999", "x", "1:3"])
def test_uids_that_cannot_be_are_never_taken_for_mails(mailbox: Mailbox, tmp_path: Path, found: str) -> None:
    def answer(tag: str, command: str) -> Iterable[bytes]:
        if "SEARCH" in command:
            return [f"* SEARCH {found}\r\n{tag} OK done\r\n".encode()]
        return talk()(tag, command)

    taken: list[int] = []
    with raw_imap(GREETING, answer) as server:
        try:
            taken = [copy.place.uid for copy in poll(replace(mailbox, port=server.port), tmp_path)]
        except PostroomError as error:
            assert error.code != "E-BUG"  # noqa: PT017  (either is right: no mail, or one error)

    assert set(taken) <= {1}


@pytest.mark.parametrize(
    "size", [b"-5", b"99999999999999999999999", b"x", b"0x10", b"5+"], ids=lambda size: str(size, "ascii")
)
def test_a_literal_of_a_size_that_cannot_be_is_no_bug_of_ours(
    mailbox: Mailbox, tmp_path: Path, size: bytes
) -> None:
    wrong = b"* 1 FETCH (UID 1 BODY[] {" + size + b"}\r\n" + BODY + b")\r\n"

    def answer(tag: str, command: str) -> Iterable[bytes]:
        done = f"{tag} OK done\r\n".encode()
        return [wrong, done] if "BODY" in command else talk()(tag, command)

    with raw_imap(GREETING, answer) as server, pytest.raises(PostroomError) as raised:
        poll(replace(mailbox, port=server.port), tmp_path)

    assert raised.value.code.startswith("E-IMAP")


def test_a_flood_of_news_that_nobody_asked_for_is_read_in_bounded_memory(
    mailbox: Mailbox, tmp_path: Path
) -> None:
    def answer(tag: str, command: str) -> Iterable[bytes]:
        news = itertools.repeat(b"* 9 EXISTS\r\n* 3 EXPUNGE\r\n" * 1000, 40 if "SEARCH" in command else 0)
        return itertools.chain(news, talk()(tag, command))

    with raw_imap(GREETING, answer) as server:
        copies = poll(replace(mailbox, port=server.port), tmp_path)

    assert [copy.place.uid for copy in copies] == [1]


def test_a_hostile_source_costs_its_neighbour_nothing(mailbox: Mailbox, tmp_path: Path) -> None:
    with scripted_imap() as good, raw_imap(endless(b"* OK "), talk()) as bad:
        good.put(b"hello")
        with pytest.raises(TransientError):
            poll(replace(mailbox, port=bad.port), tmp_path / "bad")
        copies = poll(good.mailbox, tmp_path / "good")

    assert [copy.place.uid for copy in copies] == [1]
