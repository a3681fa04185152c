"""What a mailbox is known to hold behind a batch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.core.limits import DEFAULT_LIMITS
from postroom.fetcher.imap import ImapSource
from postroom.fetcher.source import Waiting
from tests.servers.memory import MemoryInRam
from tests.servers.scripted_imap import ScriptedImap, scripted_imap


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with scripted_imap() as running:
        yield running


@pytest.fixture
def source(server: ScriptedImap, tmp_path: Path) -> Iterator[ImapSource]:
    opened = ImapSource(server.mailbox, tmp_path / "spool", DEFAULT_LIMITS)
    yield opened
    opened.close()


def test_a_batch_says_since_when_the_next_mail_waits(server: ScriptedImap, source: ImapSource) -> None:
    server.put(*[b"x"] * 3)
    memory = MemoryInRam()

    limited = list(source.batches(memory, limit=2))
    for batch in limited:
        memory.commit(batch)
    rest = list(source.batches(memory, limit=2))

    assert [batch.waiting for batch in limited] == [Waiting(datetime(2026, 3, 10, 12, 0, tzinfo=UTC))]
    assert [batch.waiting for batch in rest] == [None]
