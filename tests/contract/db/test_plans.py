"""No statement of the daily round reads a whole table: each one is explained, with what was bound to it.

SQLite plans by the shape of a statement alone, PostgreSQL by what is in the tables: test_plans_postgres.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from postroom.core.places import Cursor, Fingerprint, Place
from postroom.db import audit as auditing
from postroom.db.audit import SqlAudit
from postroom.db.engine import Database
from postroom.db.ids import NOBODY
from postroom.db.memory import SourceMemory
from postroom.db.orgs import SqlDirectory
from postroom.db.outbox import SqlOutbox
from postroom.db.outcomes import Told
from postroom.db.scopes import Scope, scope_of
from postroom.db.values import EMAIL, Intake, Key, Verdict
from tests.contract.db.databases import DIGEST, MORNING, Orders, copy, message, minutes, part, place
from tests.databases import every_row

Asked = list[tuple[str, Any, Scope]]


@contextmanager
def listening(database: Database) -> Iterator[Asked]:
    """Yield the statements that are asked meanwhile, with what was bound to each and its scope."""
    asked: Asked = []

    def note(connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        asked.append((statement, parameters, scope_of(connection)))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an audit ask for a second page of a few rows."""
    monkeypatch.setattr(auditing, "_PAGE", 1)


def plans(database: Database, act: Callable[[], object]) -> list[str]:
    """Return how SQLite finds the rows of every statement that `act` asks."""
    with listening(database) as asked:
        act()
    found = []
    with every_row(database) as connection:
        for statement, parameters, _scope in asked:
            if re.match("SELECT|UPDATE|DELETE|WITH", statement):
                explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                found += [str(row[-1]) for row in explained]
    return found


def fill(orders: Orders) -> None:
    """Commit two messages of acme and one of beta."""
    beta = SqlDirectory(orders.database).add("beta", MORNING).id
    orders.commit("<1@x>", "<2@x>")
    orders.inbox.commit(Intake([message(beta, "<1@x>")]), MORNING)


def commit(orders: Orders) -> object:
    beta = SqlDirectory(orders.database).resolve({"beta"})["beta"].id
    old = [Key(orders.acme, EMAIL, "<1@x>"), Key(beta, EMAIL, "<1@x>")]
    seen = [
        copy(7, Verdict.LEFT),
        *(copy(8 + uid, Verdict.DUPLICATE, key=key) for uid, key in enumerate(old)),
    ]
    new = [message(orders.acme, "<9@x>")]
    return orders.inbox.commit(
        Intake(new, seen=seen, cursor=Cursor("INBOX", 7, 9), source_name="orders"), MORNING
    )


def finish(orders: Orders) -> object:
    return orders.finish(orders.claim()[0], [part()], MORNING)


def fail(orders: Orders) -> None:
    orders.bench.attempt_failed(orders.claim()[0], {"code": "E"}, MORNING, retry_at=minutes(1))


def announce(orders: Orders) -> None:
    finish(orders)
    outbox = SqlOutbox(orders.database)
    for owed in outbox.claim(limit=9, holder="here", lease_seconds=60, now=MORNING):
        outbox.conclude([Told(owed, tuple(each.event_id for each in owed.announcements))], MORNING)


def audit(orders: Orders) -> None:
    """Read each book from its second page on."""
    books = SqlAudit(orders.database)
    for org_id in (orders.acme, NOBODY):
        list(books.raws_wanted(org_id))
        books.refers_to(org_id, DIGEST)
    list(books.documents_wanted(orders.acme))
    books.copies(orders.acme, orders.acme, DIGEST)


def memory(orders: Orders) -> SourceMemory:
    return SourceMemory(orders.database, "orders", lambda: MORNING)


ACTS: dict[str, Callable[[Orders], object]] = {
    "find keys of one org": lambda orders: orders.inbox.find(
        [Key(orders.acme, EMAIL, f"<{number}@x>") for number in range(50)]
    ),
    "find keys of many orgs": lambda orders: orders.inbox.find(
        [
            Key(org.id, EMAIL, "<1@x>")
            for org in SqlDirectory(orders.database).resolve({"acme", "beta"}).values()
        ]
    ),
    "commit a batch": commit,
    "note what waits": lambda orders: orders.inbox.note_received([message(orders.acme)], MORNING),
    "give up what left": lambda orders: orders.inbox.give_up_received(unseen_since=minutes(9), now=MORNING),
    "settle": lambda orders: orders.inbox.settled([place(1), Place("orders", "", file_name="f")], MORNING),
    "ask what is unsettled": lambda orders: orders.inbox.unsettled("orders"),
    "claim": lambda orders: orders.claim(),
    "finish": finish,
    "count an attempt": fail,
    "ask what is owed": announce,
    "audit the archive": audit,
    "read a cursor": lambda orders: memory(orders).cursor("INBOX", 7),
    "ask for fingerprints": lambda orders: memory(orders).known("INBOX", {Fingerprint("a", MORNING, 1)}),
    "ask for files": lambda orders: memory(orders).sighted({"a", "b"}),
    "ask for files that are owed": lambda orders: memory(orders).owed(),
    "ask what was left in a folder": lambda orders: memory(orders).left("INBOX", 7),
    "ask what was left in a Maildir": lambda orders: memory(orders).left_alone(),
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("act", ACTS)
def test_no_table_that_grows_with_the_mail_is_read_from_end_to_end(orders: Orders, act: str) -> None:
    fill(orders)

    found = plans(orders.database, lambda: ACTS[act](orders))

    assert found
    assert [
        plan for plan in found if re.match("SCAN (inbound_message|sighting|document|part|outbox)", plan)
    ] == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("act", "index"),
    [
        ("claim", "ix_work_turn (state=? AND org_id=? AND due_at<?)"),
        ("audit the archive", "ix_inbound_message_raw (org_id=? AND (raw_sha256,id)>(?,?))"),
        ("find keys of one org", "(org_id=? AND source=? AND source_message_id=?)"),
        ("find keys of many orgs", "(org_id=? AND source=? AND source_message_id=?)"),
        ("commit a batch", "(org_id=? AND source=? AND source_message_id=?)"),
        ("settle", "(source_name=? AND folder=? AND uidvalidity=? AND uid=? AND file_name=?)"),
        ("finish", "(org_id=? AND message_id=?)"),
        ("ask what was left in a folder", "ix_sighting_unsettled"),
        ("ask what is unsettled", "ix_sighting_unsettled"),
        ("ask what is owed", "ix_outbox_owed"),
        ("ask for fingerprints", "ix_sighting_fingerprint"),
        ("ask for files", "(source_name=? AND folder=? AND uidvalidity=? AND uid=? AND file_name=?)"),
        ("ask what was left in a Maildir", "ix_sighting_unsettled"),
        ("ask for files that are owed", "ix_sighting_unsettled"),
    ],
)
def test_what_is_asked_every_minute_is_found_by_its_index(orders: Orders, act: str, index: str) -> None:
    fill(orders)

    found = " / ".join(plans(orders.database, lambda: ACTS[act](orders)))

    assert index in found
