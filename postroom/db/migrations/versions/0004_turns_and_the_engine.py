"""Whose turn it is to be polled, and on PostgreSQL the tables of the engine that hands the work out."""

from __future__ import annotations

from importlib.resources import files

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table of turns, and the engine's own, which hold ids and names only."""
    op.create_table(
        "turn",
        sa.Column("source_name", sa.String(length=255), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source_name"),
    )
    op.create_index("ix_turn_due", "turn", ["due_at"])
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        # The driver's own cursor: many statements at once, and a percent sign is a percent sign.
        connection.connection.cursor().execute(_engine())


def _engine() -> str:
    """Return the engine's tables as its release 3.10 ships them, which pyproject.toml holds it to.

    A test compares their digest, so that another release comes with a migration of its own.  Only looked for
    where it is needed: that loads the engine.
    """
    return (files("procrastinate") / "sql" / "schema.sql").read_text(encoding="utf-8")
