"""Messages as people and machines list them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select

from postroom.core.lifecycle import Status
from postroom.db.engine import Database
from postroom.db.machinery import SIGHTING
from postroom.db.orgs import OrgEntry
from postroom.db.reading import Position, id_span, newest_first, page_size, paged, stands_after
from postroom.db.tables import DOCUMENT, INBOUND_MESSAGE
from postroom.db.values import EMAIL, UPLOAD, Verdict

_CANDIDATES = 10


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message; `org` is the slug, `duplicates` counts its further copies, `error` is the newest one."""

    id: UUID
    org: str
    source: str
    source_message_id: str
    status: Status
    received_at: datetime
    subject: str | None
    from_address: str | None
    to_address: str | None
    recipient: str
    sent_at: datetime | None
    size_bytes: int
    raw_key: str | None
    raw_sha256: str
    content_sha256: str
    documents: int
    duplicates: int
    conflict: bool
    attempts: int
    next_attempt_at: datetime | None
    error: dict[str, Any] | None
    defects: list[str]
    limits: list[str]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages; `since` is about `received_at`, `source_name` about where any copy was seen."""

    status: Status | None = None
    since: datetime | None = None
    source_name: str | None = None


def messages(
    database: Database, orgs: Sequence[OrgEntry], wanted: MessageFilter, *, limit: int | None = None
) -> Iterator[MessageView]:
    """Yield the messages of these orgs, the newest by `received_at` first."""
    page = page_size(len(orgs), limit)
    streams = [paged(partial(_page, database, org, wanted), _position, page) for org in orgs]
    return newest_first(streams, _position, limit)


def messages_named(database: Database, org: OrgEntry, words: str) -> list[MessageView]:
    """Return the org's messages that `words` may mean, at most ten.

    Words are the beginning of a row id (at least 8 hex digits), or else a Message-ID, with or without its
    angle brackets.
    """
    span = id_span(words)
    if span is not None:
        found = _some(database, org, [INBOUND_MESSAGE.c.id.between(*span)])
        if found:
            return found
    spellings = {words.strip(), f"<{words.strip()}>"}
    # Both sources are named, so that the index of the keys reaches the id.
    any_source = INBOUND_MESSAGE.c.source.in_((EMAIL, UPLOAD))
    return _some(database, org, [any_source, INBOUND_MESSAGE.c.source_message_id.in_(spellings)])


def _some(database: Database, org: OrgEntry, conditions: Sequence[Any]) -> list[MessageView]:
    # Sorted here: asked to sort by id, SQLite would read all of the org's ids.
    found = _views(database, org, _of(org).where(*conditions).limit(_CANDIDATES))
    return sorted(found, key=lambda view: view.id)


def _page(
    database: Database, org: OrgEntry, wanted: MessageFilter, after: Position | None, page: int
) -> list[MessageView]:
    query = _of(org).where(*_conditions(org, wanted))
    if after is not None:
        query = query.where(stands_after(INBOUND_MESSAGE.c.received_at, INBOUND_MESSAGE.c.id, after))
    order = (INBOUND_MESSAGE.c.received_at.desc(), INBOUND_MESSAGE.c.id.desc())
    return _views(database, org, query.order_by(*order).limit(page))


def _of(org: OrgEntry) -> Select[Any]:
    documents = (
        select(func.count())
        .select_from(DOCUMENT)
        .where(DOCUMENT.c.org_id == INBOUND_MESSAGE.c.org_id, DOCUMENT.c.message_id == INBOUND_MESSAGE.c.id)
        .correlate(INBOUND_MESSAGE)
    )
    duplicates = (
        select(func.count())
        .select_from(SIGHTING)
        .where(SIGHTING.c.org_id == INBOUND_MESSAGE.c.org_id, SIGHTING.c.message_id == INBOUND_MESSAGE.c.id)
        .where(SIGHTING.c.verdict == Verdict.DUPLICATE.value)
        .correlate(INBOUND_MESSAGE)
    )
    counts = (documents.label("documents"), duplicates.label("duplicates"))
    return select(INBOUND_MESSAGE, *counts).where(INBOUND_MESSAGE.c.org_id == org.id)


def _conditions(org: OrgEntry, wanted: MessageFilter) -> Iterator[Any]:
    if wanted.status is not None:
        yield INBOUND_MESSAGE.c.status == wanted.status
    if wanted.since is not None:
        yield INBOUND_MESSAGE.c.received_at >= wanted.since
    if wanted.source_name is not None:
        there = (SIGHTING.c.org_id == org.id, SIGHTING.c.source_name == wanted.source_name)
        yield select(SIGHTING.c.id).where(*there, SIGHTING.c.message_id == INBOUND_MESSAGE.c.id).exists()


def _views(database: Database, org: OrgEntry, query: Select[Any]) -> list[MessageView]:
    with database.read(org=org.id) as connection:
        return [_view(org, row) for row in connection.execute(query)]


def _view(org: OrgEntry, row: Row[Any]) -> MessageView:
    left_out = {"org", "error"}
    columns = {name: getattr(row, name) for name in MessageView.__slots__ if name not in left_out}
    return MessageView(org=org.slug, error=row.error_json, **columns)


def _position(view: MessageView) -> Position:
    return view.received_at, view.id
