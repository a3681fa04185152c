"""A mailbox of one test on a real server, read as the pipeline reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from postroom.config.settings import Mailbox
from postroom.core.limits import DEFAULT_LIMITS, Limits
from postroom.fetcher.imap import ImapSource
from postroom.fetcher.source import Batch, Fetched
from tests.servers.imap_server import ImapServer
from tests.servers.memory import MemoryInRam

NOW = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)  # at noon, GreenMail would read midnight
WEEK = 7 * 86_400.0


@dataclass
class Room:
    """A mailbox of one test, and what is remembered of it."""

    server: ImapServer
    mailbox: Mailbox
    spool: Path
    limits: Limits = DEFAULT_LIMITS
    memory: MemoryInRam = field(default_factory=MemoryInRam)
    opened: list[ImapSource] = field(default_factory=list)

    @property
    def source(self) -> ImapSource:
        if not self.opened:
            self.opened.append(ImapSource(self.mailbox, self.spool, self.limits, now=lambda: NOW))
        return self.opened[0]

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()

    def deliver(self, *subjects: str, folder: str = "INBOX", when: datetime = NOW, body: bytes = b"") -> None:
        """Deliver one mail after the other, so that their UIDs are in this order."""
        for number, subject in enumerate(subjects):
            header = f"Message-ID: <{subject}@sender.example>\r\nSubject: {subject}\r\n\r\n"
            moment = (when + timedelta(seconds=number)).timestamp()
            self.server.deliver(self.mailbox.user, header.encode() + body, folder=folder, modified=moment)

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


def subject(copy: Fetched) -> str:
    return copy.path.read_bytes().partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
