"""One database of each kind, and messages, copies and parts to put into them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Table, select

from postroom.core.keys import raw_key
from postroom.core.places import Place
from postroom.db.engine import Database
from postroom.db.inbox import SqlInbox
from postroom.db.orgs import SqlDirectory
from postroom.db.outcomes import Extracted
from postroom.db.values import EMAIL, Claim, Intake, Key, LedgerPart, NewMessage, Seen, Verdict
from postroom.db.workbench import SqlWorkbench
from tests.databases import empty_postgres, every_row, fresh_postgres, fresh_sqlite, opened
from tests.servers.postgres import Postgres

MORNING = datetime(2025, 3, 4, 9, 0, tzinfo=UTC)
DIGEST = "ab" * 32


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of an empty database at the newest schema, of each kind in turn."""
    with made(request, request.param, tmp_path) as url:
        yield url


@contextmanager
def made(request: pytest.FixtureRequest, kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of such a database of that kind; SQLite's lies in the folder."""
    if kind == "sqlite":
        yield fresh_sqlite(folder)
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = fresh_postgres(server)
    try:
        yield url
    finally:
        server.drop_database(url.rpartition("/")[2])


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database with nothing in it, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return empty_postgres(server)


@pytest.fixture
def twin_url(database: Database, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database with nothing in it, of the same kind as `database`."""
    if not database.is_shared:
        return f"sqlite:///{tmp_path / 'twin.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return empty_postgres(server)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = opened(database_url)
    yield database
    database.close()


@pytest.fixture
def acme(database: Database) -> UUID:
    """Return the id of the org acme."""
    return SqlDirectory(database).add("acme", MORNING).id


@pytest.fixture
def orders(database: Database, acme: UUID) -> Orders:
    return Orders(database, acme)


def minutes(count: float) -> datetime:
    """Return the moment so many minutes after the morning."""
    return MORNING + timedelta(minutes=count)


def place(uid: int = 1, source: str = "orders") -> Place:
    return Place(source, "INBOX", 7, uid)


def message(org_id: UUID, name: str = "<1@x>", **changes: Any) -> NewMessage:
    """Return a message of an org, archived under its digest."""
    facts: dict[str, Any] = {
        "key": Key(org_id, EMAIL, name),
        "raw_sha256": DIGEST,
        "content_sha256": "cd" * 32,
        "size_bytes": 478,
        "received_at": MORNING,
        "recipient": "orders+acme@in.example",
        "raw_key": raw_key(org_id, DIGEST),
        "from_address": "anna@customer.example",
        "subject": "an order",
    }
    return NewMessage(**facts | changes)


def copy(uid: int = 1, verdict: Verdict = Verdict.ACCEPTED, **changes: Any) -> Seen:
    """Return a sighting of the copy with that UID."""
    facts: dict[str, Any] = {
        "place": place(uid),
        "verdict": verdict,
        "internal_date": MORNING,
        "size_bytes": 478,
        "raw_sha256": DIGEST,
        "message_id_sha256": "ef" * 32,
        "decided_by": "X-Original-To",
    }
    return Seen(**facts | changes)


def part(path: str = "2", sha256: str = DIGEST, **changes: Any) -> LedgerPart:
    """Return a part that became a document."""
    facts: dict[str, Any] = {
        "path": path,
        "content_type": "application/pdf",
        "sniffed": "application/pdf",
        "filename": "po.pdf",
        "filename_original": "po.pdf",
        "disposition": "attachment",
        "content_id": None,
        "transfer_encoding": "base64",
        "size_bytes": 9,
        "sha256": sha256,
        "kept": True,
        "reason": "attachment",
        "decode_status": "ok",
        "object_key": f"org/doc/{sha256}",
    }
    return LedgerPart(**facts | changes)


class Orders:
    """Messages of the org acme, already committed, and what becomes of them."""

    def __init__(self, database: Database, acme: UUID) -> None:
        self.database, self.acme = database, acme
        self.inbox, self.bench = SqlInbox(database), SqlWorkbench(database)

    def commit(self, *names: str, now: datetime = MORNING) -> list[UUID]:
        """Commit a message for each Message-ID and return the row ids."""
        messages = [message(self.acme, name) for name in names]
        seen = [copy(uid, key=new.key) for uid, new in enumerate(messages, 1)]
        ids = self.inbox.commit(Intake(messages, seen=seen, source_name="orders"), now)
        return [ids[new.key] for new in messages]

    def claim(self, now: datetime = MORNING, limit: int = 1, holder: str = "here") -> list[Claim]:
        return self.bench.claim(limit=limit, holder=holder, lease_seconds=60, now=now)

    def finish(
        self,
        claim: Claim,
        parts: Sequence[LedgerPart],
        now: datetime,
        *,
        defects: tuple[str, ...] = (),
        limits: tuple[str, ...] = (),
    ) -> int | None:
        """Finish one message; return its new documents, or None where the claim is no longer ours."""
        extracted = Extracted(claim, tuple(parts), defects, limits)
        return self.bench.finish([extracted], now).get(claim.message_id)


def rows(database: Database, table: Table, *order: Any) -> list[Any]:
    """Return all rows of a table."""
    with every_row(database) as connection:
        return list(connection.execute(select(table).order_by(*order)))
