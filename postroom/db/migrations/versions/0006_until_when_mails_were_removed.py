"""How far a source's mails were removed that it kept for a while."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the moment, none for the sources that never removed anything."""
    op.add_column("source_state", sa.Column("removed_until", sa.DateTime(timezone=True), nullable=True))
