"""The tables of one org's mail: message, part ledger, document; and the orgs themselves.

Every key of an org's table begins with the org: what another org has can then not even be guessed at.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TextClause,
    UniqueConstraint,
    Uuid,
    event,
    text,
)

from postroom.core.lifecycle import Status
from postroom.db.types import CleanJson, CleanText, UtcDateTime, words_of

METADATA: Final = MetaData()
"""All tables; times are aware UTC, sizes are bytes."""

NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")
"""Any whole number; SQLite counts ids up only in an INTEGER."""

_WHERE: Final = "where"


def needed(name: str, kind: Any, *more: Any, **options: Any) -> Column[Any]:
    """Return a column that is never NULL."""
    return Column(name, kind, *more, nullable=False, **options)


def partly(where: TextClause) -> dict[str, Any]:
    """Return what makes an Index one of those rows alone for which `where` holds."""
    return {"sqlite_where": where, "info": {_WHERE: where}}


@event.listens_for(METADATA, "before_create")
def _tell_postgresql(metadata: MetaData, connection: Connection, **_more: object) -> None:
    """Give partial indexes PostgreSQL's spelling where that is the database: its dialect is long to load."""
    if connection.dialect.name == "postgresql":
        for index in chain.from_iterable(table.indexes for table in metadata.tables.values()):
            if _WHERE in index.info:
                index.dialect_kwargs["postgresql_where"] = index.info[_WHERE]


ORG: Final = Table(
    "org",
    METADATA,
    Column("id", Uuid, primary_key=True),
    needed("slug", String(63), unique=True),
    needed("name", CleanText),
    needed("allow_from", CleanJson, default=list),
    needed("created_at", UtcDateTime),
    Column("suspended_at", UtcDateTime),
)
"""An org; its slug is what the plus-tag names."""

ORG_ALIAS: Final = Table(
    "org_alias",
    METADATA,
    Column("slug", String(63), primary_key=True),
    needed("org_id", Uuid, ForeignKey("org.id")),
    needed("created_at", UtcDateTime),
)
"""Another slug for the same org."""

INBOUND_MESSAGE: Final = Table(
    "inbound_message",
    METADATA,
    Column("org_id", Uuid, ForeignKey("org.id"), primary_key=True),
    Column("id", Uuid, primary_key=True),
    needed("source", String(8)),
    needed("source_message_id", CleanText),
    Column("from_address", CleanText),
    Column("to_address", CleanText),
    needed("recipient", CleanText),
    Column("subject", CleanText),
    Column("sent_at", UtcDateTime),
    needed("received_at", UtcDateTime),
    needed("size_bytes", NUMBER),
    Column("raw_key", CleanText),
    needed("raw_sha256", String(64)),
    needed("content_sha256", String(64)),
    needed("conflict", Boolean, default=False),
    needed("status", words_of(Status)),
    needed("attempts", NUMBER, default=0),
    Column("next_attempt_at", UtcDateTime),
    Column("error_json", CleanJson),
    needed("defects", CleanJson, default=list, server_default=text("'[]'")),
    needed("limits", CleanJson, default=list, server_default=text("'[]'")),
    needed("created_at", UtcDateTime),
    needed("updated_at", UtcDateTime),
    UniqueConstraint("org_id", "source", "source_message_id"),
    Index("ix_inbound_message_received", "org_id", "received_at"),
    Index("ix_inbound_message_status", "org_id", "status"),
    Index("ix_inbound_message_raw", "org_id", "raw_sha256", "id"),
)
"""One message, for one org, from one source: the row that makes intake idempotent.

    `raw_key` is set once the bytes are durable, so it is None in RECEIVED.  `received_at` is when the mail
    reached its mailbox, `created_at` when postroom first met it.  `defects` and `limits` say, once it is
    PARSED, what was wrong with it and which bounds it met.
"""

PART: Final = Table(
    "part",
    METADATA,
    Column("org_id", Uuid, primary_key=True),
    Column("message_id", Uuid, primary_key=True),
    Column("path", CleanText, primary_key=True),
    needed("content_type", CleanText),
    Column("sniffed", CleanText),
    Column("filename", CleanText),
    Column("disposition", CleanText),
    Column("content_id", CleanText),
    needed("transfer_encoding", CleanText),
    needed("size_bytes", NUMBER),
    Column("sha256", String(64)),
    needed("kept", Boolean),
    needed("reason", CleanText),
    needed("decode_status", String(16)),
    needed("defects", CleanJson),
    ForeignKeyConstraint(["org_id", "message_id"], ["inbound_message.org_id", "inbound_message.id"]),
)
"""The part ledger: what became of each MIME part, and why."""

DOCUMENT: Final = Table(
    "document",
    METADATA,
    Column("org_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    needed("message_id", Uuid),
    needed("part_path", CleanText),
    needed("filename", CleanText),
    Column("filename_original", CleanText),
    needed("content_type", CleanText),
    needed("sniffed", CleanText),
    needed("size_bytes", NUMBER),
    needed("sha256", String(64)),
    needed("object_key", CleanText),
    needed("decode_status", String(16)),
    needed("created_at", UtcDateTime),
    UniqueConstraint("org_id", "message_id", "part_path"),
    ForeignKeyConstraint(["org_id", "message_id"], ["inbound_message.org_id", "inbound_message.id"]),
    Index("ix_document_created", "org_id", "created_at"),
    Index("ix_document_sha256", "org_id", "sha256", "id"),
)
"""One document out of one part of one message; at most one, whatever is killed when."""
