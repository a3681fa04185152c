"""How often a message was in the hands of a process that died."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the count, none for what waits now."""
    counted = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("work", sa.Column("deaths", counted, nullable=False, server_default=sa.text("0")))
