"""The tables that run the house: work, outbox, sightings, quarantine, cursors, sources, leases."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    false,
    text,
)

from postroom.db.tables import METADATA, NUMBER, needed, partly
from postroom.db.types import CleanJson, CleanText, UtcDateTime, words_of
from postroom.db.values import WorkState

_OWED = text("announced_at IS NULL")
_UNSETTLED = text("settled_at IS NULL")
_HELD = text("quarantine_id IS NOT NULL")
_COPY = ("source_name", "folder", "uidvalidity", "uid", "file_name", "raw_sha256")


WORK: Final = Table(
    "work",
    METADATA,
    Column("message_id", Uuid, primary_key=True),
    needed("org_id", Uuid),
    needed("state", words_of(WorkState)),
    needed("due_at", UtcDateTime),
    Column("holder", CleanText),
    Column("leased_until", UtcDateTime),
    needed("token", NUMBER, default=0),
    needed("deaths", NUMBER, default=0, server_default=text("0")),
    Index("ix_work_due", "state", "due_at"),
    Index("ix_work_turn", "state", "org_id", "due_at", "message_id"),
)
"""One message that something is still to be done for: when to look at it again, and who is looking now.

    Read over all orgs, so it holds ids and times only; `deaths` counts the claims that nobody ended, because
    their holder died or stood still.  The row goes when the message is PARSED or FAILED and
    nothing of it is owed to the next system.
"""

OUTBOX: Final = Table(
    "outbox",
    METADATA,
    Column("org_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    needed("message_id", Uuid),
    Column("document_id", Uuid),
    needed("event", String(32)),
    needed("created_at", UtcDateTime),
    needed("due_at", UtcDateTime),
    needed("attempts", NUMBER, default=0),
    Column("error_json", CleanJson),
    Column("announced_at", UtcDateTime),
    ForeignKeyConstraint(["org_id", "message_id"], ["inbound_message.org_id", "inbound_message.id"]),
    Index("ix_outbox_message", "org_id", "message_id"),
    Index("ix_outbox_owed", "org_id", "message_id", "due_at", **partly(_OWED)),
)
"""One announcement that is owed; `id` is the stable event id that the receiver sees."""

SIGHTING: Final = Table(
    "sighting",
    METADATA,
    Column("org_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    needed("source_name", String(255)),
    needed("folder", CleanText),
    needed("uidvalidity", NUMBER),
    needed("uid", NUMBER),
    needed("file_name", CleanText),
    needed("internal_date", UtcDateTime),
    needed("size_bytes", NUMBER),
    needed("message_id_sha256", String(64)),
    needed("raw_sha256", String(64)),
    needed("verdict", String(16)),
    needed("decided_by", CleanText),
    Column("message_id", Uuid),
    Column("quarantine_id", NUMBER),
    needed("seen_at", UtcDateTime),
    Column("settled_at", UtcDateTime),
    UniqueConstraint(*_COPY, "org_id", name="uq_sighting_copy"),
    ForeignKeyConstraint(["org_id", "message_id"], ["inbound_message.org_id", "inbound_message.id"]),
    Index("ix_sighting_fingerprint", "source_name", "folder", "message_id_sha256"),
    Index("ix_sighting_unsettled", "source_name", "id", **partly(_UNSETTLED)),
    Index("ix_sighting_seen", "source_name", "seen_at"),
    Index("ix_sighting_message", "org_id", "message_id"),
    Index("ix_sighting_digest", "org_id", "message_id_sha256"),
    Index("ix_sighting_held", "quarantine_id", **partly(_HELD)),
)
"""Where and when one copy of a message was seen, what was decided, and whether its source let it go.

    `org_id` is NOBODY for a copy that no org got.  The Message-ID is a digest here: it is compared, not
    shown.
"""

QUARANTINE: Final = Table(
    "quarantine",
    METADATA,
    Column("id", NUMBER, primary_key=True, autoincrement=True),
    needed("source_name", String(255)),
    needed("raw_sha256", String(64)),
    Column("raw_key", CleanText),
    needed("code", String(16)),
    needed("reason", CleanText),
    needed("recipient", CleanText),
    Column("from_address", CleanText),
    Column("subject", CleanText),
    needed("size_bytes", NUMBER),
    needed("received_at", UtcDateTime),
    needed("seen_at", UtcDateTime),
    needed("state", String(16), default="held"),
    Column("resolved_at", UtcDateTime),
    Column("assigned_org_id", Uuid),
    UniqueConstraint("source_name", "raw_sha256"),
    Index("ix_quarantine_raw", "raw_sha256", "id"),
)
"""A mail that no org got, kept for a person; `raw_key` is None where only its header was read."""

STANDING_RULE: Final = Table(
    "standing_rule",
    METADATA,
    Column("id", NUMBER, primary_key=True, autoincrement=True),
    needed("source_name", String(255)),
    needed("recipient", CleanText),
    needed("org_id", Uuid, ForeignKey("org.id")),
    needed("quarantine_id", NUMBER),
    needed("created_at", UtcDateTime),
    UniqueConstraint("source_name", "recipient"),
)
"""Whose mail is for which org from now on: a person gave one such mail out of the quarantine for good.

    `recipient` is what the source's trusted header says, in lower case; who sent a mail never counts.
"""

FOLDER_CURSOR: Final = Table(
    "folder_cursor",
    METADATA,
    Column("source_name", String(255), primary_key=True),
    Column("folder", CleanText, primary_key=True),
    Column("uidvalidity", NUMBER, primary_key=True),
    needed("last_uid", NUMBER),
    Column("since", UtcDateTime),
    needed("since_until_uid", NUMBER),
    needed("opened_at", UtcDateTime),
    needed("moved_at", UtcDateTime),
)
"""How far one folder has been taken under one UIDVALIDITY; moved in the transaction of the rows."""

SOURCE_STATE: Final = Table(
    "source_state",
    METADATA,
    Column("source_name", String(255), primary_key=True),
    needed("kind", String(16)),
    needed("last_attempt_at", UtcDateTime),
    Column("last_success_at", UtcDateTime),
    needed("failures", NUMBER, default=0),
    Column("error_json", CleanJson),
    Column("removed_until", UtcDateTime),
    Column("taken_until", UtcDateTime),
    needed("is_behind", Boolean, default=False, server_default=false()),
)
"""What `status` says of one source; what it kept for a while is removed up to `removed_until`.

    What reached it before `taken_until` was taken; `is_behind` says that later mail may wait.
"""

NOTICE: Final = Table(
    "notice",
    METADATA,
    Column("name", String(300), primary_key=True),
    needed("code", String(32)),
    needed("rank", NUMBER),
    needed("message", CleanText),
    needed("since", UtcDateTime),
    Column("said_at", UtcDateTime),
)
"""One thing that a person is needed for, and when that was said; see core/notices.py."""

TURN: Final = Table(
    "turn",
    METADATA,
    Column("source_name", String(255), primary_key=True),
    needed("due_at", UtcDateTime),
    Index("ix_turn_due", "due_at"),
)
"""When a mailbox that many hosts share is polled next; one row for each, whatever its state."""

LEASE: Final = Table(
    "lease",
    METADATA,
    Column("name", String(255), primary_key=True),
    needed("holder", CleanText),
    needed("leased_until", UtcDateTime),
    needed("token", NUMBER),
)
"""Who may work on a named thing, until when; `token` grows with every holder and fences the last."""

OAUTH_TOKEN: Final = Table(
    "oauth_token",
    METADATA,
    Column("source_name", String(255), primary_key=True),
    needed("sealed", CleanText),
    needed("expires_at", UtcDateTime),
    Column("ends_at", UtcDateTime),
    needed("generation", NUMBER),
    needed("updated_at", UtcDateTime),
)
"""The token of one source, encrypted; `generation` goes up with every token that takes its place."""
