"""What alembic runs: our connection, in the transaction that our caller holds."""

from __future__ import annotations

from alembic import context

from postroom.db import machinery
from postroom.db.tables import METADATA

assert machinery.WORK.metadata is METADATA  # noqa: S101  (the import is what fills the metadata)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite changes a column by copying its table
)
context.run_migrations()
