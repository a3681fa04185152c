"""Migrations: from every earlier revision, with rows in it, nothing is lost or changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData, create_engine, insert

from postroom.db import schema
from postroom.db.engine import Database, open_database
from postroom.db.fences import require_fences
from postroom.db.ids import NOBODY
from postroom.db.machinery import OUTBOX, QUARANTINE, SIGHTING, WORK
from postroom.db.memory import SourceMemory
from postroom.db.orgs import SqlDirectory
from postroom.db.outbox import SqlOutbox
from postroom.db.schema import require_head, upgrade
from postroom.db.tables import DOCUMENT, INBOUND_MESSAGE, ORG, PART
from postroom.db.workbench import SqlWorkbench
from tests.contract.db.databases import MORNING, minutes, rows

ACME, BETA = UUID(int=0xA << 124), UUID(int=0xB << 124)
PARSED, STORED, WAITING = (UUID(int=number << 80) for number in (1, 2, 3))
DOCUMENT_ID, EVENT = UUID(int=4 << 80), UUID(int=5 << 80)
SHA = "ab" * 32
MIGRATIONS = str(Path(schema.__file__).parent / "migrations")


def at_revision(url: str, revision: str) -> MetaData:
    """Bring an empty database to a revision, as the release of that day did, and return its tables."""
    engine = create_engine(url)
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    tables = MetaData()
    tables.reflect(engine)
    engine.dispose()
    return tables


def message(org: UUID, row: UUID, status: str, **more: Any) -> dict[str, Any]:
    facts = {
        "id": row,
        "org_id": org,
        "source": "EMAIL",
        "source_message_id": f"<{row.int >> 80}@x>",
        "recipient": "orders+acme@in.example",
        "received_at": MORNING,
        "size_bytes": 9,
        "raw_key": f"{org}/raw/ab/{SHA}",
        "raw_sha256": SHA,
        "content_sha256": SHA,
        "conflict": False,
        "status": status,
        "attempts": 1,
        "error_json": {"code": "E-BUG", "attempts": [{"attempt": 1}]},
        "created_at": MORNING,
        "updated_at": minutes(3),
    }
    return facts | more


def sighting(uid: int, verdict: str, **more: Any) -> dict[str, Any]:
    facts = {
        "source_name": "orders",
        "folder": "INBOX",
        "uidvalidity": 7,
        "uid": uid,
        "file_name": "",
        "internal_date": MORNING,
        "size_bytes": 9,
        "message_id_sha256": SHA,
        "raw_sha256": SHA,
        "verdict": verdict,
        "decided_by": "X-Original-To",
        "seen_at": MORNING,
    }
    return facts | more


def first_rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield rows of every table of the orgs as revision 0001 had them."""
    for org, slug in ((ACME, "acme"), (BETA, "beta")):
        yield "org", {"id": org, "slug": slug, "name": slug, "allow_from": ["*@x"], "created_at": MORNING}
    yield "inbound_message", message(ACME, PARSED, "parsed", subject="an \N{SNOWMAN} order")
    yield "inbound_message", message(BETA, STORED, "stored")
    yield "inbound_message", message(BETA, WAITING, "received", raw_key=None)
    yield "work", work(STORED, "stored")
    yield "work", work(WAITING, "received")
    part = {"content_type": "application/pdf", "transfer_encoding": "base64", "size_bytes": 9, "kept": True}
    part |= {"org_id": ACME, "message_id": PARSED, "path": "2", "reason": "attachment", "decode_status": "ok"}
    yield "part", part | {"defects": ["odd"]}
    document = {
        "id": DOCUMENT_ID,
        "org_id": ACME,
        "message_id": PARSED,
        "part_path": "2",
        "filename": "po.pdf",
    }
    document |= {"content_type": "application/pdf", "sniffed": "application/pdf", "size_bytes": 9}
    document |= {"sha256": SHA, "object_key": "k", "decode_status": "ok", "created_at": MORNING}
    yield "document", document
    owed = {"id": EVENT, "org_id": ACME, "message_id": PARSED, "document_id": DOCUMENT_ID, "attempts": 2}
    yield "outbox", owed | {"event": "document.created", "created_at": MORNING, "due_at": minutes(5)}
    held = {
        "source_name": "orders",
        "raw_sha256": SHA,
        "code": "unknown-org",
        "reason": "no org",
        "recipient": "a@b",
    }
    yield "quarantine", held | {"size_bytes": 9, "received_at": MORNING, "seen_at": MORNING, "state": "held"}
    yield "sighting", sighting(1, "quarantined", quarantine_id=1)
    yield "sighting", sighting(2, "accepted", org_id=ACME, message_id=PARSED, settled_at=MORNING)
    yield "sighting", sighting(3, "left")


def work(row: UUID, state: str) -> dict[str, Any]:
    return {"message_id": row, "org_id": BETA, "state": state, "due_at": MORNING, "token": 4}


@pytest.fixture
def upgraded(empty_url: str) -> Iterator[Database]:
    """Yield a database that was filled under revision 0001 and is at the newest now."""
    tables = at_revision(empty_url, "0001")
    engine = create_engine(empty_url)
    with engine.begin() as connection:
        for table, row in first_rows():
            connection.execute(insert(tables.tables[table]), as_of_old(table, row, engine.dialect.name))
    engine.dispose()
    database = open_database(empty_url)
    upgrade(database)
    yield database
    database.close()


def as_of_old(_table: str, row: dict[str, Any], dialect: str) -> dict[str, Any]:
    """Return a row as the tables that a database describes of itself take it: SQLite knows no UUID."""
    if dialect != "sqlite":
        return row
    return {name: value.hex if isinstance(value, UUID) else unzoned(value) for name, value in row.items()}


def unzoned(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def test_every_row_is_there_after_the_upgrade(upgraded: Database) -> None:
    require_head(upgraded)
    require_fences(upgraded)

    messages = rows(upgraded, INBOUND_MESSAGE, INBOUND_MESSAGE.c.id)
    assert [(row.org_id, row.id, row.status.value) for row in messages] == [
        (ACME, PARSED, "parsed"),
        (BETA, STORED, "stored"),
        (BETA, WAITING, "received"),
    ]
    assert messages[0].subject == "an \N{SNOWMAN} order"
    assert messages[0].error_json == {"code": "E-BUG", "attempts": [{"attempt": 1}]}
    assert messages[0].updated_at == minutes(3)
    assert [row.allow_from for row in rows(upgraded, ORG)] == [["*@x"], ["*@x"]]
    assert [(row.path, row.defects) for row in rows(upgraded, PART)] == [("2", ["odd"])]
    assert [(row.id, row.message_id) for row in rows(upgraded, DOCUMENT)] == [(DOCUMENT_ID, PARSED)]
    assert [(row.id, row.attempts) for row in rows(upgraded, OUTBOX)] == [(EVENT, 2)]
    assert [row.id for row in rows(upgraded, QUARANTINE)] == [1]


def test_copies_keep_their_order_and_those_of_nobody_their_mail(upgraded: Database) -> None:
    found = [
        (row.uid, row.verdict, row.org_id, row.message_id, row.quarantine_id)
        for row in rows(upgraded, SIGHTING, SIGHTING.c.id)
    ]

    assert found == [
        (1, "quarantined", NOBODY, None, 1),
        (2, "accepted", ACME, PARSED, None),
        (3, "left", NOBODY, None, None),
    ]
    memory = SourceMemory(upgraded, "orders", lambda: MORNING)
    SqlDirectory(upgraded).add("nope", minutes(1))
    assert [place.uid for place in memory.left("INBOX", 7)] == [3]


def test_the_work_goes_on_where_it_was(upgraded: Database) -> None:
    waiting = {row.message_id: (row.state.value, row.due_at) for row in rows(upgraded, WORK)}

    assert waiting == {
        STORED: ("stored", MORNING),
        WAITING: ("received", minutes(3)),
        PARSED: ("owed", minutes(5)),
    }
    (claim,) = SqlWorkbench(upgraded).claim(limit=9, holder="here", lease_seconds=60, now=minutes(9))
    (owed,) = SqlOutbox(upgraded).claim(limit=9, holder="here", lease_seconds=60, now=minutes(9))
    assert (claim.message_id, claim.org, claim.token) == (STORED, "beta", 5)
    assert [(each.event_id, each.body["filename"]) for each in owed.announcements] == [(EVENT, "po.pdf")]
