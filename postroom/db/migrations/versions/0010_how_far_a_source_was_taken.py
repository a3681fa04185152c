"""How far each source was taken, and whether mail may wait in it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add both; the first poll fills them in."""
    op.add_column("source_state", sa.Column("taken_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "source_state", sa.Column("is_behind", sa.Boolean(), nullable=False, server_default=sa.false())
    )
