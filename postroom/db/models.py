"""The tables of one org's mail: message, part ledger, document; and the orgs themselves.

Every key of an org's table begins with the org: what another org has can then not even be guessed at.
"""

# Annotations are no texts here: the mapper would have to evaluate each of them at every start.
from datetime import datetime
from itertools import chain
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Connection,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    TextClause,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from postroom.core.lifecycle import Status
from postroom.db.types import CleanJson, CleanText, UtcDateTime, words_of

_WHERE: Final = "where"


class Base(DeclarativeBase):
    """All tables; times are aware UTC, sizes are bytes."""

    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy reads it from the class)
        datetime: UtcDateTime,
        str: CleanText,
        int: BigInteger().with_variant(Integer(), "sqlite"),  # SQLite counts ids up only in an INTEGER
        dict[str, Any]: CleanJson,
        list[str]: CleanJson,
        Status: words_of(Status),
    }


def partly(where: TextClause) -> dict[str, Any]:
    """Return what makes an Index one of those rows alone for which `where` holds."""
    return {"sqlite_where": where, "info": {_WHERE: where}}


@event.listens_for(Base.metadata, "before_create")
def _tell_postgresql(metadata: MetaData, connection: Connection, **_more: object) -> None:
    """Give partial indexes PostgreSQL's spelling where that is the database: its dialect is long to load."""
    if connection.dialect.name == "postgresql":
        for index in chain.from_iterable(table.indexes for table in metadata.tables.values()):
            if _WHERE in index.info:
                index.dialect_kwargs["postgresql_where"] = index.info[_WHERE]


class OrgRow(Base):
    """An org; its slug is what the plus-tag names."""

    __tablename__ = "org"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(63), unique=True)
    name: Mapped[str]
    allow_from: Mapped[list[str]] = mapped_column(default=list)
    created_at: Mapped[datetime]
    suspended_at: Mapped[datetime | None]


class OrgAlias(Base):
    """Another slug for the same org."""

    __tablename__ = "org_alias"
    slug: Mapped[str] = mapped_column(String(63), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("org.id"))
    created_at: Mapped[datetime]


class InboundMessage(Base):
    """One message, for one org, from one source: the row that makes intake idempotent.

    `raw_key` is set once the bytes are durable, so it is None in RECEIVED.  `received_at` is when the mail
    reached its mailbox, `created_at` when postroom first met it.  `defects` and `limits` say, once it is
    PARSED, what was wrong with it and which bounds it met.
    """

    __tablename__ = "inbound_message"
    __table_args__ = (
        UniqueConstraint("org_id", "source", "source_message_id"),
        Index("ix_inbound_message_received", "org_id", "received_at"),
        Index("ix_inbound_message_status", "org_id", "status"),
        Index("ix_inbound_message_raw", "org_id", "raw_sha256", "id"),
    )
    org_id: Mapped[UUID] = mapped_column(ForeignKey("org.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(8))
    source_message_id: Mapped[str]
    from_address: Mapped[str | None]
    to_address: Mapped[str | None]
    recipient: Mapped[str]
    subject: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    received_at: Mapped[datetime]
    size_bytes: Mapped[int]
    raw_key: Mapped[str | None]
    raw_sha256: Mapped[str] = mapped_column(String(64))
    content_sha256: Mapped[str] = mapped_column(String(64))
    conflict: Mapped[bool] = mapped_column(default=False)
    status: Mapped[Status]
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None]
    error_json: Mapped[dict[str, Any] | None]
    defects: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
    limits: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Part(Base):
    """The part ledger: what became of each MIME part, and why."""

    __tablename__ = "part"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "message_id"], ["inbound_message.org_id", "inbound_message.id"]),
    )
    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    content_type: Mapped[str]
    sniffed: Mapped[str | None]
    filename: Mapped[str | None]
    disposition: Mapped[str | None]
    content_id: Mapped[str | None]
    transfer_encoding: Mapped[str]
    size_bytes: Mapped[int]
    sha256: Mapped[str | None] = mapped_column(String(64))
    kept: Mapped[bool]
    reason: Mapped[str]
    decode_status: Mapped[str] = mapped_column(String(16))
    defects: Mapped[list[str]]


class Document(Base):
    """One document out of one part of one message; at most one, whatever is killed when."""

    __tablename__ = "document"
    __table_args__ = (
        UniqueConstraint("org_id", "message_id", "part_path"),
        ForeignKeyConstraint(["org_id", "message_id"], ["inbound_message.org_id", "inbound_message.id"]),
        Index("ix_document_created", "org_id", "created_at"),
        Index("ix_document_sha256", "org_id", "sha256", "id"),
    )
    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID]
    part_path: Mapped[str]
    filename: Mapped[str]
    filename_original: Mapped[str | None]
    content_type: Mapped[str]
    sniffed: Mapped[str]
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    object_key: Mapped[str]
    decode_status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
