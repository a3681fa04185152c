"""The tables that run the house: work, outbox, sightings, quarantine, cursors, sources, leases."""

# Annotations are no texts here: the mapper would have to evaluate each of them at every start.
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from postroom.db.models import Base, partly
from postroom.db.types import words_of
from postroom.db.values import WorkState

_OWED = text("announced_at IS NULL")
_UNSETTLED = text("settled_at IS NULL")
_HELD = text("quarantine_id IS NOT NULL")
_COPY = ("source_name", "folder", "uidvalidity", "uid", "file_name", "raw_sha256")


class Work(Base):
    """One message that something is still to be done for: when to look at it again, and who is looking now.

    Read over all orgs, so it holds ids and times only; `deaths` counts the claims that nobody ended, because
    their holder died or stood still.  The row goes when the message is PARSED or FAILED and
    nothing of it is owed to the next system.
    """

    __tablename__ = "work"
    __table_args__ = (
        Index("ix_work_due", "state", "due_at"),
        Index("ix_work_turn", "state", "org_id", "due_at", "message_id"),
    )
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    state: Mapped[WorkState] = mapped_column(words_of(WorkState))
    due_at: Mapped[datetime]
    holder: Mapped[str | None]
    leased_until: Mapped[datetime | None]
    token: Mapped[int] = mapped_column(default=0)
    deaths: Mapped[int] = mapped_column(default=0, server_default=text("0"))


class Outbox(Base):
    """One announcement that is owed; `id` is the stable event id that the receiver sees."""

    __tablename__ = "outbox"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "message_id"], ["inbound_message.org_id", "inbound_message.id"]),
        Index("ix_outbox_message", "org_id", "message_id"),
        Index("ix_outbox_owed", "org_id", "message_id", "due_at", **partly(_OWED)),
    )
    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID]
    document_id: Mapped[UUID | None]
    event: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    error_json: Mapped[dict[str, Any] | None]
    announced_at: Mapped[datetime | None]


class Sighting(Base):
    """Where and when one copy of a message was seen, what was decided, and whether its source let it go.

    `org_id` is NOBODY for a copy that no org got.  The Message-ID is a digest here: it is compared, not
    shown.
    """

    __tablename__ = "sighting"
    __table_args__ = (
        UniqueConstraint(*_COPY, "org_id", name="uq_sighting_copy"),
        ForeignKeyConstraint(["org_id", "message_id"], ["inbound_message.org_id", "inbound_message.id"]),
        Index("ix_sighting_fingerprint", "source_name", "folder", "message_id_sha256"),
        Index("ix_sighting_unsettled", "source_name", "id", **partly(_UNSETTLED)),
        Index("ix_sighting_seen", "source_name", "seen_at"),
        Index("ix_sighting_message", "org_id", "message_id"),
        Index("ix_sighting_digest", "org_id", "message_id_sha256"),
        Index("ix_sighting_held", "quarantine_id", **partly(_HELD)),
    )
    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    source_name: Mapped[str] = mapped_column(String(255))
    folder: Mapped[str]
    uidvalidity: Mapped[int]
    uid: Mapped[int]
    file_name: Mapped[str]
    internal_date: Mapped[datetime]
    size_bytes: Mapped[int]
    message_id_sha256: Mapped[str] = mapped_column(String(64))
    raw_sha256: Mapped[str] = mapped_column(String(64))
    verdict: Mapped[str] = mapped_column(String(16))
    decided_by: Mapped[str]
    message_id: Mapped[UUID | None]
    quarantine_id: Mapped[int | None]
    seen_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class Quarantine(Base):
    """A mail that no org got, kept for a person; `raw_key` is None where only its header was read."""

    __tablename__ = "quarantine"
    __table_args__ = (
        UniqueConstraint("source_name", "raw_sha256"),
        Index("ix_quarantine_raw", "raw_sha256", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    source_name: Mapped[str] = mapped_column(String(255))
    raw_sha256: Mapped[str] = mapped_column(String(64))
    raw_key: Mapped[str | None]
    code: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str]
    recipient: Mapped[str]
    from_address: Mapped[str | None]
    subject: Mapped[str | None]
    size_bytes: Mapped[int]
    received_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16), default="held")
    resolved_at: Mapped[datetime | None]
    assigned_org_id: Mapped[UUID | None]


class StandingRule(Base):
    """Whose mail is for which org from now on: a person gave one such mail out of the quarantine for good.

    `recipient` is what the source's trusted header says, in lower case; who sent a mail never counts.
    """

    __tablename__ = "standing_rule"
    __table_args__ = (UniqueConstraint("source_name", "recipient"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    source_name: Mapped[str] = mapped_column(String(255))
    recipient: Mapped[str]
    org_id: Mapped[UUID] = mapped_column(ForeignKey("org.id"))
    quarantine_id: Mapped[int]
    created_at: Mapped[datetime]


class FolderCursor(Base):
    """How far one folder has been taken under one UIDVALIDITY; moved in the transaction of the rows."""

    __tablename__ = "folder_cursor"
    source_name: Mapped[str] = mapped_column(String(255), primary_key=True)
    folder: Mapped[str] = mapped_column(primary_key=True)
    uidvalidity: Mapped[int] = mapped_column(primary_key=True)
    last_uid: Mapped[int]
    since: Mapped[datetime | None]
    since_until_uid: Mapped[int]
    opened_at: Mapped[datetime]
    moved_at: Mapped[datetime]


class SourceState(Base):
    """What `status` says of one source; what it kept for a while is removed up to `removed_until`.

    What reached it before `taken_until` was taken; `is_behind` says that later mail may wait.
    """

    __tablename__ = "source_state"
    source_name: Mapped[str] = mapped_column(String(255), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    last_attempt_at: Mapped[datetime]
    last_success_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    error_json: Mapped[dict[str, Any] | None]
    removed_until: Mapped[datetime | None]
    taken_until: Mapped[datetime | None]
    is_behind: Mapped[bool] = mapped_column(default=False, server_default=false())


class NoticeRow(Base):
    """One thing that a person is needed for, and when that was said; see core/notices.py."""

    __tablename__ = "notice"
    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    code: Mapped[str] = mapped_column(String(32))
    rank: Mapped[int]
    message: Mapped[str]
    since: Mapped[datetime]
    said_at: Mapped[datetime | None]


class Turn(Base):
    """When a mailbox that many hosts share is polled next; one row for each, whatever its state."""

    __tablename__ = "turn"
    __table_args__ = (Index("ix_turn_due", "due_at"),)
    source_name: Mapped[str] = mapped_column(String(255), primary_key=True)
    due_at: Mapped[datetime]


class Lease(Base):
    """Who may work on a named thing, until when; `token` grows with every holder and fences the last."""

    __tablename__ = "lease"
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    holder: Mapped[str]
    leased_until: Mapped[datetime]
    token: Mapped[int]


class OAuthToken(Base):
    """The token of one source, encrypted; `generation` goes up with every token that takes its place."""

    __tablename__ = "oauth_token"
    source_name: Mapped[str] = mapped_column(String(255), primary_key=True)
    sealed: Mapped[str]
    expires_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    generation: Mapped[int]
    updated_at: Mapped[datetime]
