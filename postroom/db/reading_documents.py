"""Documents as people and machines list them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from postroom.db.engine import Database
from postroom.db.orgs import OrgEntry
from postroom.db.reading import Position, id_span, newest_first, page_size, paged, stands_after
from postroom.db.tables import DOCUMENT

_CANDIDATES = 10


@dataclass(frozen=True, slots=True)
class DocumentView:
    """One document; `org` is the slug, `part_path` the part of the message that it was."""

    id: UUID
    org: str
    message_id: UUID
    filename: str
    content_type: str
    sniffed: str
    size_bytes: int
    sha256: str
    part_path: str
    decode_status: str
    object_key: str
    created_at: datetime


def documents(
    database: Database,
    orgs: Sequence[OrgEntry],
    *,
    since: datetime | None = None,
    limit: int | None = None,
) -> Iterator[DocumentView]:
    """Yield the documents of these orgs, the newest by `created_at` first."""
    page = page_size(len(orgs), limit)
    streams = [paged(partial(_page, database, org, since), _position, page) for org in orgs]
    return newest_first(streams, _position, limit)


def documents_named(database: Database, org: OrgEntry, words: str) -> list[DocumentView]:
    """Return the org's documents whose id begins with these hex digits (8 at least), at most ten."""
    span = id_span(words)
    if span is None:
        return []
    query = _of(org).where(DOCUMENT.c.id.between(*span)).order_by(DOCUMENT.c.id)
    return _views(database, org, query.limit(_CANDIDATES))


def documents_of(database: Database, org: OrgEntry, message_id: UUID) -> list[str]:
    """Return the ids of the documents of one message, in the order in which they were made."""
    mine = (DOCUMENT.c.org_id == org.id, DOCUMENT.c.message_id == message_id)
    with database.read(org=org.id) as connection:
        return [
            str(each)
            for each in connection.scalars(select(DOCUMENT.c.id).where(*mine).order_by(DOCUMENT.c.id))
        ]


def _page(
    database: Database, org: OrgEntry, since: datetime | None, after: Position | None, page: int
) -> list[DocumentView]:
    query = _of(org)
    if since is not None:
        query = query.where(DOCUMENT.c.created_at >= since)
    if after is not None:
        query = query.where(stands_after(DOCUMENT.c.created_at, DOCUMENT.c.id, after))
    order = (DOCUMENT.c.created_at.desc(), DOCUMENT.c.id.desc())
    return _views(database, org, query.order_by(*order).limit(page))


def _of(org: OrgEntry) -> Select[Any]:
    return select(DOCUMENT).where(DOCUMENT.c.org_id == org.id)


def _views(database: Database, org: OrgEntry, query: Select[Any]) -> list[DocumentView]:
    names = [name for name in DocumentView.__slots__ if name != "org"]
    with database.read(org=org.id) as connection:
        rows = connection.execute(query)
        return [DocumentView(org=org.slug, **{name: getattr(row, name) for name in names}) for row in rows]


def _position(view: DocumentView) -> Position:
    return view.created_at, view.id
