"""A small real house for stories: a real database and archive, and switches for the outages of the world."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, Table, select

from postroom.config.settings import Action, After, MaildirFolder, Recipients, Zone
from postroom.core.announcement import Announcement
from postroom.core.limits import DEFAULT_LIMITS, Limits
from postroom.core.routing import PROFILES, Rule, address_pattern
from postroom.core.rules import Standard
from postroom.db.inbox import SqlInbox
from postroom.db.leases import SqlLeases
from postroom.db.machinery import SIGHTING, SOURCE_STATE, WORK
from postroom.db.memory import SourceMemory
from postroom.db.orgs import SqlDirectory
from postroom.db.outbox import SqlOutbox
from postroom.db.quarantine import HeldMail, SqlQuarantine
from postroom.db.source_book import SqlSourceBook
from postroom.db.tables import DOCUMENT, INBOUND_MESSAGE
from postroom.db.values import Claim, Owed
from postroom.db.workbench import SqlWorkbench
from postroom.errors import TransientError
from postroom.fetcher.maildir_source import MaildirSource
from postroom.fetcher.source import Batch, MessageSource
from postroom.jobs.announcing import announce_due
from postroom.jobs.carrying_out import take_apart
from postroom.jobs.extracting import extract_due
from postroom.jobs.house import House, Pace, SourceKit
from postroom.jobs.polling import poll
from postroom.pipeline.accept import Desk, accept
from postroom.pipeline.extract import extract
from postroom.pipeline.inside import Opening
from postroom.pipeline.tally import Tally
from postroom.unpack.opener import open_containers
from postroom.unpack.rehearsal import rehearse
from tests.archive import Archive
from tests.databases import every_row, fresh_postgres, fresh_sqlite, on_cluster_leg, opened
from tests.mailbox import MailboxInRam
from tests.outages import full, locked
from tests.servers.archives import FolderStock, Stock, fresh_stock

ORDERS = address_pattern("orders+{org}@in.example")
PDF = b"%PDF-1.4\n"


class Clock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.moment = datetime(2025, 3, 4, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def later(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Receiver:
    """The next system: it keeps what it is told, and can be away."""

    def __init__(self) -> None:
        self.is_away = False
        self.told: list[Announcement] = []

    def send(self, announcement: Announcement) -> None:
        if self.is_away:
            raise TransientError("the receiver is away")
        self.told.append(announcement)


class Postroom:
    """Everything of one postroom but its command line; `orders` is its mailbox."""

    def __init__(
        self,
        folder: Path,
        *,
        database_url: str,
        stock: Stock | None = None,
        orgs: Sequence[str] = ("acme", "beta"),
        rule: Rule | None = None,
        limits: Limits = DEFAULT_LIMITS,
        leave_unknown: bool = False,
    ) -> None:
        self.folder, self.clock, self.limits, self.leave_unknown = folder, Clock(), limits, leave_unknown
        self.rule = rule or Rule(ORDERS, trust=PROFILES["postfix"])
        self.database = opened(database_url)
        self.directory = SqlDirectory(self.database)
        for slug in orgs:
            self.directory.add(slug, self.clock())
        self.inbox, self.quarantine = SqlInbox(self.database), SqlQuarantine(self.database)
        self.archive, self.receiver = Archive(stock or FolderStock(folder / "archive")), Receiver()
        self.workbench, self.outbox = SqlWorkbench(self.database), SqlOutbox(self.database)
        self.orders = MailboxInRam("orders", folder / "spool")
        self.opening = Opening(open_containers(self.limits), folder / "spool", rehearse)
        self.house = self._house({"orders": self.kit(self.orders)})

    # --- one step of the way ------------------------------------------------------------------

    def poll(self, source: MessageSource | None = None) -> Tally:
        return poll(self.kit(source or self.orders), self.house)

    def accept(self, batch: Batch | None = None, **changes: Any) -> Tally:
        """Accept one batch without a lease; `settle` and `desk` may be others."""
        source = self.orders
        for one in [batch] if batch else source.batches(self.memory(source.name), limit=100):
            with_these: dict[str, Any] = {"desk": self.desk(source.name), "settle": source.settle} | changes
            return accept(one, **with_these)
        return Tally()

    def extract(self) -> Tally:
        return extract_due(self.house, until_empty=True)

    def extract_claim(self, claim: Claim) -> int | None:
        """Extract one message and commit it; return its documents, None where the claim is not ours."""
        extracted = extract(
            claim, store=self.archive, standard=self.house.standard(claim), opening=self.opening
        )
        return self.workbench.finish([extracted], self.clock()).get(claim.message_id)

    def announce(self) -> int:
        return announce_due(self.house)

    def take_in(self, *mails: bytes) -> Tally:
        """Put mails into the mailbox, poll it, extract and announce."""
        for raw in mails:
            self.orders.put(raw)
        tally = self.poll() + self.extract()
        self.announce()
        return tally

    # --- what is there ------------------------------------------------------------------------

    def messages(self) -> list[Row[Any]]:
        return self.rows(INBOUND_MESSAGE, INBOUND_MESSAGE.c.id)

    def documents(self) -> list[Row[Any]]:
        return self.rows(DOCUMENT, DOCUMENT.c.message_id, DOCUMENT.c.part_path)

    def sightings(self) -> list[Row[Any]]:
        return self.rows(SIGHTING, SIGHTING.c.id)

    def owed(self) -> list[Owed]:
        """Claim what is to be announced."""
        return self.outbox.claim(limit=10, holder="here", lease_seconds=30, now=self.clock())

    def work(self) -> list[Row[Any]]:
        return self.rows(WORK, WORK.c.message_id)

    def book(self) -> list[Row[Any]]:
        return self.rows(SOURCE_STATE, SOURCE_STATE.c.source_name)

    def held(self) -> list[HeldMail]:
        return list(self.quarantine.held())

    def statuses(self) -> list[str]:
        return [message.status.value for message in self.messages()]

    def verdicts(self) -> list[str]:
        return [sighting.verdict for sighting in self.sightings()]

    def rows(self, table: Table, *order: Any) -> list[Row[Any]]:
        with every_row(self.database) as connection:
            return list(connection.execute(select(table).order_by(*order)))

    # --- the parts ----------------------------------------------------------------------------

    def memory(self, name: str) -> SourceMemory:
        return SourceMemory(self.database, name, self.clock)

    def desk(self, name: str) -> Desk:
        return Desk(
            source_name=name,
            rule=self.rule,
            limits=self.limits,
            leave_unknown=self.leave_unknown,
            directory=self.directory,
            inbox=self.inbox,
            store=self.archive,
            now=self.clock,
        )

    def kit(self, source: MessageSource) -> SourceKit:
        return SourceKit(
            name=source.name,
            kind="imap",
            connect=lambda: nullcontext(source),
            memory=self.memory(source.name),
            desk=self.desk(source.name),
            poll_seconds=3600,
            max_per_poll=100,
        )

    def maildir(self, path: Path, action: Action = Action.DELETE) -> MaildirSource:
        recipients = Recipients(None, PROFILES["postfix"], 0, Zone.RECEIVED, to_cc=False)
        after = After(action)
        return MaildirSource(
            MaildirFolder("intake", path, False, "poll", 30, 100, after, recipients), self.folder / "spool"
        )

    def _house(self, sources: dict[str, SourceKit]) -> House:
        return House(
            sources=sources,
            inbox=self.inbox,
            workbench=self.workbench,
            outbox=self.outbox,
            leases=SqlLeases(self.database),
            book=SqlSourceBook(self.database),
            store=self.archive,
            notifier=self.receiver,
            standard=lambda _claim: Standard(self.limits),
            here=lambda order: take_apart(order, store=self.archive, opening=self.opening),
            pace=Pace(2, attempts=3, backoff_first_seconds=30, backoff_cap_seconds=600, lease_seconds=30),
            holder="here",
            now=self.clock,
            jitter=lambda: 0.0,
        )

    # --- what the world does ------------------------------------------------------------------

    def refuse_inserts(self, table: str, filename: str = "") -> None:
        """Let the database refuse every new row of a table from now on, or those with that filename."""
        named = f"filename = '{filename}'" if filename else "1 = 1"
        with every_row(self.database) as connection:
            if not self.database.is_shared:
                when = f"WHEN {named.replace('filename', 'NEW.filename')}"
                refuse = f"{when} BEGIN SELECT RAISE(ABORT, 'no {table}')"
                connection.exec_driver_sql(
                    f"CREATE TRIGGER no_{table} BEFORE INSERT ON {table} {refuse}; END"
                )
                return
        with self.database.write() as connection:
            check = f"ALTER TABLE {table} ADD CONSTRAINT no_{table} CHECK (NOT ({named})) NOT VALID"
            connection.exec_driver_sql(check)

    def database_locked(self) -> AbstractContextManager[None]:
        return locked(self.database)

    def database_full(self, spare: int) -> AbstractContextManager[None]:
        return full(self.database, spare)


@pytest.fixture
def open_postroom(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Postroom]]:
    """Yield what opens a postroom; all are closed at the end."""
    rooms: list[Postroom] = []

    def open_one(**choices: Any) -> Postroom:
        folder = tmp_path / f"postroom-{len(rooms)}"
        folder.mkdir()
        choices.setdefault("database_url", _database_url(request, folder))
        rooms.append(Postroom(folder, **{"stock": fresh_stock(request, folder)} | choices))
        return rooms[-1]

    yield open_one
    for room in rooms:
        room.database.close()


def _database_url(request: pytest.FixtureRequest, folder: Path) -> str:
    """Return the URL of a fresh database: of SQLite, or on the cluster leg of PostgreSQL."""
    if on_cluster_leg():
        return fresh_postgres(request.getfixturevalue("postgres"))
    return fresh_sqlite(folder)


@pytest.fixture
def postroom(open_postroom: Callable[..., Postroom]) -> Postroom:
    return open_postroom()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
