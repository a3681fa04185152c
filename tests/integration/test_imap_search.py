"""A server that answers a good SEARCH with NO or BAD, as Exchange may, costs a way round, not the mailbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom.core.limits import DEFAULT_LIMITS
from postroom.errors import MailUnreadable, ServerFault
from postroom.fetcher.imap import ImapSource
from postroom.fetcher.imap_connection import Connection
from postroom.fetcher.imap_search import still_there
from tests.servers.memory import MemoryInRam
from tests.servers.scripted_imap import REFUSES, ScriptedImap, scripted_imap

REFUSALS = ["BAD Command Argument Error. 11", "NO [SERVERBUG] search is not available"]


@pytest.fixture(params=REFUSALS)
def server(request: pytest.FixtureRequest) -> Iterator[ScriptedImap]:
    with scripted_imap() as running:
        running.refuses_searches = request.param
        yield running


@pytest.fixture
def source(server: ScriptedImap, tmp_path: Path) -> Iterator[ImapSource]:
    opened = ImapSource(server.mailbox, tmp_path / "spool", DEFAULT_LIMITS)
    yield opened
    opened.close()


def taken(source: ImapSource, memory: MemoryInRam) -> list[int]:
    """Poll once, and return the UIDs that came."""
    uids = []
    for batch in source.batches(memory, limit=5_000):
        memory.commit(batch)
        uids += [copy.place.uid for copy in batch.fetched]
    return uids


def test_the_mails_are_taken_all_the_same(server: ScriptedImap, source: ImapSource) -> None:
    server.put(*[b"x"] * 3)

    assert taken(source, MemoryInRam()) == [1, 2, 3]


def test_sparse_uids_are_found_from_the_newest_mail_down(server: ScriptedImap, source: ImapSource) -> None:
    memory = MemoryInRam()
    server.put(*[b"x"] * 1_200)
    server.mails = {uid * 1_000: raw for uid, raw in server.mails.items()}
    first = taken(source, memory)
    server.mails[743_024_218] = server.mails[1_000]
    server.fetches.clear()

    second = taken(source, memory)

    asked = [fetch for fetch in server.fetches if fetch.startswith("FETCH ")]
    assert (len(first), first[-1], second) == (1_200, 1_200_000, [743_024_218])
    assert [len(fetch.split()[1].split(",")) for fetch in asked] == [500]


def test_a_mail_that_cannot_be_read_still_holds_up_no_other(server: ScriptedImap, source: ImapSource) -> None:
    server.put(*[b"x"] * 4)
    server.moods[2] = REFUSES
    memory = MemoryInRam()

    with pytest.raises(MailUnreadable, match="UID 2"):
        taken(source, memory)

    assert [file.file_name for file in memory.files] == ["", "", ""]
    assert memory.cursors["INBOX", 7].last_uid == 4


def test_what_is_marked_as_deleted_is_told_apart_by_its_flags(server: ScriptedImap) -> None:
    server.put(*[b"x"] * 3)
    server.deleted = {2}
    connection = Connection(server.mailbox)
    connection.select("INBOX", read_only=True)

    found = (still_there(connection, [1, 2, 9]), still_there(connection, [1, 2, 9], undeleted=True))

    assert found == ({1, 2}, {1})
    connection.close()


def test_a_server_that_refuses_that_too_is_at_fault(server: ScriptedImap, source: ImapSource) -> None:
    server.put(b"x")
    server.is_broken = True

    with pytest.raises(ServerFault):
        taken(source, MemoryInRam())


def test_what_the_folder_holds_is_counted_all_the_same(server: ScriptedImap, source: ImapSource) -> None:
    server.put(*[b"x"] * 3)
    memory = MemoryInRam()
    taken(source, memory)
    server.put(b"x")

    held = list(source.holdings(memory))

    assert [(each.copies, each.waiting) for each in held] == [(4, 1)]
