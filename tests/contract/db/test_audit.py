"""What every Books promises: what must be there, in order, page by page, and what nobody waits for."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import delete, update

from postroom.core.keys import raw_key
from postroom.db import audit
from postroom.db.audit import SqlAudit
from postroom.db.ids import NOBODY
from postroom.db.machinery import WORK
from postroom.db.orgs import SqlDirectory
from postroom.db.tables import DOCUMENT
from postroom.db.values import Held, Intake, Verdict
from tests.contract.db.databases import MORNING, Orders, copy, message, part, rows
from tests.databases import every_row

DIGESTS = [f"{number:02x}" * 32 for number in (3, 1, 2)]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two rows fill a page."""
    monkeypatch.setattr(audit, "_PAGE", 2)


@pytest.fixture
def books(orders: Orders) -> SqlAudit:
    return SqlAudit(orders.database)


def commit_raws(orders: Orders, org_id: UUID, *digests: str) -> list[UUID]:
    new = [
        message(org_id, f"<{number}@x>", raw_sha256=digest, raw_key=raw_key(org_id, digest))
        for number, digest in enumerate(digests)
    ]
    ids = orders.inbox.commit(Intake(new), MORNING)
    return [ids[each.key] for each in new]


def test_the_raw_mails_come_in_the_order_of_their_keys(orders: Orders, books: SqlAudit) -> None:
    commit_raws(orders, orders.acme, *DIGESTS, DIGESTS[0], DIGESTS[0])

    wanted = list(books.raws_wanted(orders.acme))

    assert [each.sha256[:2] for each in wanted] == ["01", "02", "03", "03", "03"]
    assert [each.key for each in wanted] == [raw_key(orders.acme, each.sha256) for each in wanted]
    assert len({each.message_id for each in wanted}) == 5


def test_the_documents_come_in_the_order_of_their_keys(orders: Orders, books: SqlAudit) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()
    orders.finish(claim, [part(str(n), sha256=digest) for n, digest in enumerate(DIGESTS)], MORNING)

    wanted = list(books.documents_wanted(orders.acme))

    assert [(each.sha256[:2], each.size_bytes, each.message_id) for each in wanted] == [
        ("01", 9, claim.message_id),
        ("02", 9, claim.message_id),
        ("03", 9, claim.message_id),
    ]
    assert (books.rows(orders.acme), books.documents(orders.acme)) == (1, 3)


def test_a_mail_whose_bytes_wait_is_not_wanted_in_the_archive(orders: Orders, books: SqlAudit) -> None:
    orders.inbox.note_received([message(orders.acme)], MORNING)

    assert (list(books.raws_wanted(orders.acme)), books.rows(orders.acme)) == ([], 1)


def test_another_orgs_rows_are_not_among_them(orders: Orders, books: SqlAudit) -> None:
    beta = SqlDirectory(orders.database).add("beta", MORNING).id
    commit_raws(orders, orders.acme, DIGESTS[0])
    commit_raws(orders, beta, DIGESTS[1])

    assert [each.sha256 for each in books.raws_wanted(beta)] == [DIGESTS[1]]
    assert (books.refers_to(beta, DIGESTS[1]), books.refers_to(beta, DIGESTS[0])) == (True, False)


def test_the_quarantine_is_the_book_of_nobody(orders: Orders, books: SqlAudit) -> None:
    for uid, digest in enumerate(DIGESTS, start=1):
        key = f"_quarantine/raw/{digest[:2]}/{digest}" if uid < 3 else None
        held = Held("orders", digest, key, "unknown-org", "no org", "r", None, None, 478, MORNING)
        seen = copy(uid, Verdict.QUARANTINED, held=held, raw_sha256=digest)
        orders.inbox.commit(Intake(seen=[seen], source_name="orders"), MORNING)

    wanted = list(books.raws_wanted(NOBODY))

    assert [(each.sha256[:2], each.row, each.message_id) for each in wanted] == [
        ("01", 2, None),
        ("03", 1, None),
    ]
    assert (books.rows(NOBODY), books.refers_to(NOBODY, DIGESTS[0])) == (3, True)


def test_what_waits_for_nobody_is_found_and_queued(orders: Orders, books: SqlAudit) -> None:
    ids = orders.commit("<1@x>", "<2@x>", "<3@x>")
    before = list(books.unqueued(orders.acme))
    with every_row(orders.database) as connection:
        connection.execute(delete(WORK))

    found = list(books.unqueued(orders.acme))
    for each in found:
        books.requeue(orders.acme, each, MORNING)

    assert (before, found) == ([], sorted(ids))
    assert [claim.message_id for claim in orders.claim(limit=9)] == sorted(ids)


def test_an_announcement_that_waits_for_nobody_is_found_and_queued(orders: Orders, books: SqlAudit) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()
    orders.finish(claim, [part(), part("3")], MORNING)
    before = list(books.untold(orders.acme))
    with every_row(orders.database) as connection:
        connection.execute(delete(WORK))

    found = list(books.untold(orders.acme))
    books.requeue(orders.acme, found[0], MORNING)

    assert (before, found) == ([], [claim.message_id])
    assert [(work.state.value, work.due_at) for work in rows(orders.database, WORK)] == [("owed", MORNING)]


def test_a_part_that_was_kept_and_is_no_document_is_found(orders: Orders, books: SqlAudit) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()
    orders.finish(claim, [part(), part("1", kept=False, object_key=None)], MORNING)
    before = list(books.undocumented(orders.acme))
    with every_row(orders.database) as connection:
        connection.execute(update(DOCUMENT).values(part_path="9"))

    assert (before, list(books.undocumented(orders.acme))) == ([], [claim.message_id])
