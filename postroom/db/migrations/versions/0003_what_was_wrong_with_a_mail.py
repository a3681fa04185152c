"""What was wrong with a mail, and which limits it met, beside its status."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Add the two lists, empty for the mails that were taken apart before."""
    for name in ("defects", "limits"):
        op.add_column(
            "inbound_message", sa.Column(name, _JSON, nullable=False, server_default=sa.text("'[]'"))
        )
