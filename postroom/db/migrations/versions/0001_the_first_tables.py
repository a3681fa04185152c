"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_TIME = sa.DateTime(timezone=True)
_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _only(rows: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(rows), "postgresql_where": sa.text(rows)}


def upgrade() -> None:
    """Make every table of the first release."""
    op.create_table(
        "folder_cursor",
        sa.Column("source_name", sa.String(length=255), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("uidvalidity", _INT, nullable=False),
        sa.Column("last_uid", _INT, nullable=False),
        sa.Column("since", _TIME, nullable=True),
        sa.Column("since_until_uid", _INT, nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("moved_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("source_name", "folder", "uidvalidity"),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("leased_until", _TIME, nullable=False),
        sa.Column("token", _INT, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "org",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("allow_from", sa.JSON(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("suspended_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("slug"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("attempts", _INT, nullable=False),
        sa.Column("error_json", sa.JSON(), nullable=True),
        sa.Column("announced_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_outbox_due", "outbox", ["due_at"], unique=False, **_only("announced_at IS NULL"))
    op.create_index("ix_outbox_message_id", "outbox", ["message_id"], unique=False)

    op.create_table(
        "quarantine",
        sa.Column("id", _INT, autoincrement=True, nullable=False),
        sa.Column("source_name", sa.String(length=255), nullable=False),
        sa.Column("raw_sha256", sa.String(length=64), nullable=False),
        sa.Column("raw_key", sa.Text(), nullable=True),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("from_address", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("size_bytes", _INT, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("resolved_at", _TIME, nullable=True),
        sa.Column("assigned_org_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source_name", "raw_sha256"),
    )
    op.create_table(
        "sighting",
        sa.Column("id", _INT, autoincrement=True, nullable=False),
        sa.Column("source_name", sa.String(length=255), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("uidvalidity", _INT, nullable=False),
        sa.Column("uid", _INT, nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("internal_date", _TIME, nullable=False),
        sa.Column("size_bytes", _INT, nullable=False),
        sa.Column("message_id_sha256", sa.String(length=64), nullable=False),
        sa.Column("raw_sha256", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("quarantine_id", _INT, nullable=True),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.Column("settled_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "source_name", "folder", "uidvalidity", "uid", "file_name", "raw_sha256", "org_id"
        ),
    )
    op.create_index(
        "ix_sighting_fingerprint", "sighting", ["source_name", "folder", "message_id_sha256"], unique=False
    )
    op.create_index("ix_sighting_message", "sighting", ["message_id"], unique=False)
    op.create_index("ix_sighting_seen", "sighting", ["source_name", "seen_at"], unique=False)
    op.create_index(
        "ix_sighting_unsettled", "sighting", ["source_name"], unique=False, **_only("settled_at IS NULL")
    )
    op.create_index(
        "uq_sighting_orgless",
        "sighting",
        ["source_name", "folder", "uidvalidity", "uid", "file_name", "raw_sha256"],
        unique=True,
        **_only("org_id IS NULL"),
    )

    op.create_table(
        "source_state",
        sa.Column("source_name", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("last_attempt_at", _TIME, nullable=False),
        sa.Column("last_success_at", _TIME, nullable=True),
        sa.Column("failures", _INT, nullable=False),
        sa.Column("error_json", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("source_name"),
    )
    op.create_table(
        "work",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("leased_until", _TIME, nullable=True),
        sa.Column("token", _INT, nullable=False),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_index("ix_work_due", "work", ["due_at"], unique=False)

    op.create_table(
        "inbound_message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("source_message_id", sa.Text(), nullable=False),
        sa.Column("from_address", sa.Text(), nullable=True),
        sa.Column("to_address", sa.Text(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("sent_at", _TIME, nullable=True),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("size_bytes", _INT, nullable=False),
        sa.Column("raw_key", sa.Text(), nullable=True),
        sa.Column("raw_sha256", sa.String(length=64), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("conflict", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", _INT, nullable=False),
        sa.Column("next_attempt_at", _TIME, nullable=True),
        sa.Column("error_json", sa.JSON(), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["org.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("org_id", "id"),
        sa.UniqueConstraint("org_id", "source", "source_message_id"),
    )
    op.create_index(
        "ix_inbound_message_due",
        "inbound_message",
        ["next_attempt_at"],
        unique=False,
        **_only("status IN ('received', 'stored')"),
    )
    op.create_index("ix_inbound_message_received", "inbound_message", ["org_id", "received_at"], unique=False)
    op.create_index("ix_inbound_message_status", "inbound_message", ["org_id", "status"], unique=False)

    op.create_table(
        "org_alias",
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["org.id"],
        ),
        sa.PrimaryKeyConstraint("slug"),
    )
    op.create_table(
        "document",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("part_path", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("filename_original", sa.Text(), nullable=True),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("sniffed", sa.Text(), nullable=False),
        sa.Column("size_bytes", _INT, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("decode_status", sa.String(length=16), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "message_id"],
            ["inbound_message.org_id", "inbound_message.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("message_id", "part_path"),
    )
    op.create_index("ix_document_created", "document", ["org_id", "created_at"], unique=False)
    op.create_index("ix_document_sha256", "document", ["org_id", "sha256"], unique=False)

    op.create_table(
        "part",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("sniffed", sa.Text(), nullable=True),
        sa.Column("filename", sa.Text(), nullable=True),
        sa.Column("disposition", sa.Text(), nullable=True),
        sa.Column("content_id", sa.Text(), nullable=True),
        sa.Column("transfer_encoding", sa.Text(), nullable=False),
        sa.Column("size_bytes", _INT, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decode_status", sa.String(length=16), nullable=False),
        sa.Column("defects", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "message_id"],
            ["inbound_message.org_id", "inbound_message.id"],
        ),
        sa.PrimaryKeyConstraint("message_id", "path"),
    )
