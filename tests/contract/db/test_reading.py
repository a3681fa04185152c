"""Listings: every row once, the newest first, page by page, and never another org's."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from postroom.core.places import Place
from postroom.db import reading_status
from postroom.db.engine import Database
from postroom.db.inbox import SqlInbox
from postroom.db.orgs import OrgEntry, SqlDirectory
from postroom.db.reading import id_span, newest_first, page_size, paged
from postroom.db.reading_documents import documents_named
from postroom.db.reading_messages import MessageFilter, messages, messages_named
from postroom.db.story import story
from postroom.db.values import EMAIL, Intake, Key, NewMessage, Seen, Verdict

NOON = datetime(2025, 3, 4, 12, 0, tzinfo=UTC)
ALL = MessageFilter()


def org(database: Database, slug: str) -> OrgEntry:
    return SqlDirectory(database).add(slug, NOON)


def store(database: Database, org: OrgEntry, times: list[datetime], *, source: str = "orders") -> None:
    """Write one message per time, with the sighting of its copy."""
    found, seen = [], []
    for number, received_at in enumerate(times):
        digest = hashlib.sha256(f"{org.slug} {number} {received_at}".encode()).hexdigest()
        key = Key(org.id, EMAIL, f"<{org.slug}-{number}-{source}@x>")
        found.append(NewMessage(key, digest, digest, 9, received_at, "a@b.c", f"{org.id}/raw/{digest}"))
        place = Place(source, "INBOX", 7, number + 1)
        seen.append(Seen(place, Verdict.ACCEPTED, received_at, 9, digest, key=key))
    SqlInbox(database).commit(Intake(messages=found, seen=seen), NOON)


def test_a_listing_over_many_pages_has_every_row_once_and_the_newest_first(database: Database) -> None:
    acme, beta = org(database, "acme"), org(database, "beta")
    for one in (acme, beta):
        # Many at the very same time, so that a page ends between them.
        store(database, one, [NOON + timedelta(seconds=number // 300) for number in range(550)])

    found = list(messages(database, [acme, beta], ALL))

    places = [(view.received_at, view.id) for view in found]
    assert len(set(places)) == 1100
    assert places == sorted(places, reverse=True)


def test_a_listing_names_only_the_orgs_it_was_asked_for(database: Database) -> None:
    acme, beta = org(database, "acme"), org(database, "beta")
    store(database, acme, [NOON])
    store(database, beta, [NOON])

    (view,) = messages(database, [acme], ALL)

    assert (view.org, view.source_message_id) == ("acme", "<acme-0-orders@x>")


def test_a_row_of_another_org_is_not_found_by_its_id(database: Database) -> None:
    acme, beta = org(database, "acme"), org(database, "beta")
    store(database, beta, [NOON])
    (hidden,) = messages(database, [beta], ALL)

    assert messages_named(database, beta, str(hidden.id)) == [hidden]
    assert messages_named(database, acme, str(hidden.id)) == []
    assert messages_named(database, acme, hidden.source_message_id) == []


def test_a_limited_listing_reads_one_small_page_of_each_org(database: Database) -> None:
    acme, beta = org(database, "acme"), org(database, "beta")
    for one in (acme, beta):
        store(database, one, [NOON] * 100)
    read: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *call: read.append(call[2]))

    found = list(messages(database, [acme, beta], ALL, limit=3))

    assert len(found) == 3
    assert len([statement for statement in read if "inbound_message" in statement]) == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_looking_one_row_up_reads_nothing_else(database: Database) -> None:
    acme = org(database, "acme")
    store(database, acme, [NOON, NOON])
    asked: list[tuple[str, Any]] = []
    event.listen(database.engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))

    by_id_span = messages_named(database, acme, "01234567")
    (found,) = messages_named(database, acme, "<acme-1-orders@x>")
    documents_named(database, acme, str(found.id))
    story(database, acme, found)

    assert by_id_span == []
    selects = [(statement, bound) for statement, bound in asked if statement.startswith("SELECT")]
    with database.read() as connection:
        ask = connection.exec_driver_sql
        plans = [
            str(row[-1]) for words, bound in selects for row in ask(f"EXPLAIN QUERY PLAN {words}", bound)
        ]
    assert len(plans) > 10
    assert [plan for plan in plans if re.match(r"SCAN (?!CONSTANT|\()", plan) or "(org_id=?)" in plan] == []


def test_a_source_filter_asks_where_any_copy_was_seen(database: Database) -> None:
    acme = org(database, "acme")
    store(database, acme, [NOON], source="orders")
    store(database, acme, [NOON], source="scans")

    (view,) = messages(database, [acme], MessageFilter(source_name="scans"))

    assert view.source_message_id == "<acme-0-scans@x>"


def test_one_copy_for_two_orgs_is_one_copy_of_today(database: Database) -> None:
    for slug in ("acme", "beta"):
        store(database, org(database, slug), [NOON, NOON])

    assert reading_status.copies_since(database, "orders", NOON) == 2
    assert reading_status.copies_since(database, "orders", NOON + timedelta(seconds=1)) == 0
    assert reading_status.copies_since(database, "scans", NOON) == 0


def test_a_row_id_says_when_it_was_made() -> None:
    made = reading_status.made_at(UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"))  # RFC 9562 A.6

    assert made == datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)


@given(st.lists(st.integers(0, 5)), st.integers(1, 7))
def test_pages_put_together_are_the_whole(numbers: list[int], page: int) -> None:
    rows = sorted(((NOON + timedelta(seconds=n), UUID(int=i)) for i, n in enumerate(numbers)), reverse=True)

    def fetch(after: tuple[datetime, UUID] | None, most: int) -> list[tuple[datetime, UUID]]:
        return [row for row in rows if after is None or row < after][:most]

    assert list(paged(fetch, lambda row: row, page)) == rows


def test_no_page_is_fetched_before_its_rows_are_wanted() -> None:
    fetched: list[str] = []

    def fetch(name: str, after: object, most: int) -> list[tuple[datetime, UUID]]:
        fetched.append(name)
        return [(NOON, UUID(int=number)) for number in range(most, 0, -1)]

    streams = [paged(partial(fetch, name), lambda row: row, 2) for name in ("a", "b")]

    assert len(list(newest_first(streams, lambda row: row, 2))) == 2
    assert fetched == ["a", "b"]


@pytest.mark.parametrize(
    ("orgs", "limit", "rows"),
    [
        pytest.param(1, None, 500, id="one org"),
        pytest.param(1000, None, 20, id="many orgs"),
        pytest.param(1, 50, 50, id="a limit"),
        pytest.param(0, None, 500, id="no org"),
    ],
)
def test_many_orgs_hold_no_more_rows_at_once_than_few(orgs: int, limit: int | None, rows: int) -> None:
    assert page_size(orgs, limit) == rows


@pytest.mark.parametrize(
    ("words", "low"),
    [
        pytest.param("01A20785", "01a20785-0000-0000-0000-000000000000", id="eight digits"),
        pytest.param("01a20785-5c04-7", "01a20785-5c04-7000-0000-000000000000", id="with hyphens"),
        pytest.param("01a2078", None, id="seven digits"),
        pytest.param("0" * 33, None, id="too many"),
        pytest.param("<1@x>", None, id="a Message-ID"),
        pytest.param("٠١٢٣٤٥٦٧", None, id="digits of another script"),
    ],
)
def test_the_beginning_of_an_id_names_all_that_begin_so(words: str, low: str | None) -> None:
    span = id_span(words)

    assert (str(span[0]) if span else None) == low
