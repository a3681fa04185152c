"""On a PostgreSQL with much in it, no statement of the daily round reads a large table from end to end."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from postroom.db.engine import Database
from postroom.db.leases import SqlLeases, lease_of_source
from postroom.db.scopes import Scope, begin_within
from postroom.db.turns import SqlTurns
from tests.contract.db.databases import MORNING, Orders, minutes
from tests.contract.db.test_plans import ACTS, fill, listening

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]

LARGE = {"inbound_message", "sighting", "document", "part", "outbox", "work", "turn", "lease"}
ROWS = 20_000
"""So many that the planner leaves a table alone whose index it can use."""

FILL = """
INSERT INTO inbound_message (org_id, id, source, source_message_id, recipient, received_at, size_bytes,
    raw_key, raw_sha256, content_sha256, conflict, status, attempts, created_at, updated_at)
SELECT :org, gen_random_uuid(), 'EMAIL', 'old' || n, 'r', now(), 1,
    'k', 's', 's', false, 'parsed', 1, now(), now()
FROM generate_series(1, :rows) AS n;
INSERT INTO document (org_id, id, message_id, part_path, filename, content_type, sniffed, size_bytes, sha256,
    object_key, decode_status, created_at)
SELECT org_id, gen_random_uuid(), id, '2', 'f', 't', 't', 1, 's', 'k', 'ok', now() FROM inbound_message;
INSERT INTO part (org_id, message_id, path, content_type, transfer_encoding, size_bytes, kept, reason,
    decode_status, defects)
SELECT org_id, id, '2', 't', 'base64', 1, true, 'attachment', 'ok', '[]' FROM inbound_message;
INSERT INTO outbox (org_id, id, message_id, event, created_at, due_at, attempts, announced_at)
SELECT org_id, gen_random_uuid(), id, 'document.created', now(), now(), 0, now() FROM inbound_message;
INSERT INTO sighting (org_id, id, source_name, folder, uidvalidity, uid, file_name, internal_date, size_bytes,
    message_id_sha256, raw_sha256, verdict, decided_by, message_id, seen_at, settled_at)
SELECT org_id, gen_random_uuid(), 'orders', 'INBOX', 1, row_number() OVER (), 'f' || row_number() OVER (),
    now(), 1, md5(id::text), 's', 'accepted', 'h', id, now(), now() FROM inbound_message;
INSERT INTO work (message_id, org_id, state, due_at, token)
SELECT gen_random_uuid(), :org, 'received', now() + interval '1 year', 0 FROM generate_series(1, :rows);
INSERT INTO turn (source_name, due_at) SELECT 'box' || n, now() + interval '1 year'
FROM generate_series(1, :rows) AS n;
INSERT INTO lease (name, holder, leased_until, token) SELECT 'source:box' || n, 'h', 'epoch', 1
FROM generate_series(1, :rows) AS n
"""

BOXES = {f"box{number}": 60.0 for number in range(1, 1001)}
"""What one host polls, of the mailboxes that all hosts together have."""


def lease(orders: Orders) -> None:
    leases = SqlLeases(orders.database)
    fence = leases.acquire(lease_of_source("box7"), holder="here", seconds=30, now=MORNING)
    assert fence is not None
    leases.renew(fence, seconds=30, now=MORNING)
    leases.release(fence)


SHARED: dict[str, Callable[[Orders], object]] = {
    "put a turn": lambda orders: SqlTurns(orders.database).put("box1", MORNING),
    "claim turns": lambda orders: SqlTurns(orders.database).claim(
        BOXES, minutes(1), limit=20, dispatch=lambda *_: None
    ),
    "lease": lease,
}
"""What hosts ask for that share a database."""


def fill_much(orders: Orders) -> None:
    with orders.database.write(org=orders.acme) as connection:
        for statement in FILL.split(";"):
            connection.execute(text(statement), {"org": orders.acme, "rows": ROWS})
    with orders.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def scans(plan: dict[str, Any]) -> list[str]:
    """Return the large tables that a plan reads from end to end."""
    found = [plan["Relation Name"]] if plan["Node Type"] == "Seq Scan" else []
    return [*found, *(name for child in plan.get("Plans", []) for name in scans(child))]


@pytest.fixture
def full(orders: Orders) -> Orders:
    fill(orders)
    fill_much(orders)
    return orders


@pytest.mark.timeout(180)
def test_no_large_table_is_read_from_end_to_end(full: Orders) -> None:
    read: dict[str, list[str]] = {}
    for act, do in {**ACTS, **SHARED}.items():
        with listening(full.database) as asked:
            do(full)
        for statement, parameters, scope in asked:
            if re.match("SELECT|UPDATE|DELETE|WITH", statement):
                read.setdefault(act, []).extend(explained(full.database, statement, parameters, scope))

    assert len(read) == len(ACTS) + len(SHARED)
    assert {act: sorted(LARGE & set(tables)) for act, tables in read.items() if LARGE & set(tables)} == {}


def test_a_statement_without_an_index_is_noticed(full: Orders) -> None:
    unindexed = "SELECT id FROM inbound_message WHERE subject = 'x'"

    assert explained(full.database, unindexed, (), Scope(org=full.acme)) == ["inbound_message"]


def explained(database: Database, statement: str, parameters: Any, scope: Scope) -> list[str]:
    """Return the tables that a statement would read from end to end within that scope."""
    with database.write() as connection:
        begin_within(connection, scope)
        one = parameters[0] if isinstance(parameters, list) else parameters  # of many rows, the first
        answer = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", one)
        (plan,) = answer.scalar_one()
    return scans(plan["Plan"])
