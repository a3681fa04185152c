"""Indexes by which a row is found from the bytes that it names, as an audit does."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the indexes; each ends with the id, so that many rows with one digest are in order too."""
    op.create_index("ix_inbound_message_raw", "inbound_message", ["org_id", "raw_sha256", "id"])
    op.create_index("ix_quarantine_raw", "quarantine", ["raw_sha256", "id"])
    op.drop_index("ix_document_sha256", "document")
    op.create_index("ix_document_sha256", "document", ["org_id", "sha256", "id"])
