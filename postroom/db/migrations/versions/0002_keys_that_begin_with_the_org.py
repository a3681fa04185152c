"""Keys that begin with the org, ids that tell nothing, and what PostgreSQL has of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

_TIME = sa.DateTime(timezone=True)
_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_NOBODY = UUID(int=0)
_AT_ONCE = 1000
_COPY = ("source_name", "folder", "uidvalidity", "uid", "file_name", "raw_sha256")
_REBUILT = ("part", "document", "outbox", "sighting", "inbound_message")  # those that refer to others first

_TOUCH = """
CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
        NEW.updated_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$
"""
_TOUCHED = """
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON inbound_message
FOR EACH ROW EXECUTE FUNCTION touch_updated_at()
"""
_RENAMED = """
DO $$ DECLARE found record; BEGIN
    FOR found IN
        SELECT conrelid::regclass AS owner, conname FROM pg_constraint WHERE conname LIKE '%\\_new\\_%'
    LOOP
        EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I',
                       found.owner, found.conname, replace(found.conname, '_new_', '_'));
    END LOOP;
END $$
"""


def upgrade() -> None:
    """Rebuild the tables of the orgs, each with its rows, and give PostgreSQL its own types and trigger."""
    _drop_indexes()
    _make_tables()
    _copy_rows()
    for table in _REBUILT:
        op.drop_table(table)
        op.rename_table(f"{table}_new", table)
    _make_indexes()
    # A message that waits for the archive was met when its row was last touched.
    op.execute(_MET)
    op.execute(_OWING)
    if op.get_bind().dialect.name == "postgresql":
        _make_it_postgres()


_MET = """
UPDATE work SET due_at = (SELECT updated_at FROM inbound_message WHERE inbound_message.id = work.message_id)
WHERE state = 'received'
"""
# What is owed to the next system is found through the work table from now on.
_OWING = """
INSERT INTO work (message_id, org_id, state, due_at, token)
SELECT outbox.message_id, outbox.org_id, 'owed', min(outbox.due_at), 0 FROM outbox
WHERE outbox.announced_at IS NULL AND outbox.message_id NOT IN (SELECT work.message_id FROM work)
GROUP BY outbox.message_id, outbox.org_id
"""


def _make_it_postgres() -> None:
    op.execute(_RENAMED)
    op.execute(_TOUCH)
    op.execute(_TOUCHED)
    op.execute("ALTER TABLE org ALTER COLUMN allow_from TYPE jsonb USING allow_from::jsonb")
    op.execute("ALTER TABLE source_state ALTER COLUMN error_json TYPE jsonb USING error_json::jsonb")


def _drop_indexes() -> None:
    for index, table in (
        ("ix_inbound_message_due", "inbound_message"),
        ("ix_inbound_message_received", "inbound_message"),
        ("ix_inbound_message_status", "inbound_message"),
        ("ix_document_created", "document"),
        ("ix_document_sha256", "document"),
        ("ix_outbox_due", "outbox"),
        ("ix_outbox_message_id", "outbox"),
        ("ix_sighting_fingerprint", "sighting"),
        ("ix_sighting_message", "sighting"),
        ("ix_sighting_seen", "sighting"),
        ("ix_sighting_unsettled", "sighting"),
        ("uq_sighting_orgless", "sighting"),
        ("ix_work_due", "work"),
    ):
        op.drop_index(index, table_name=table)


def _of_message() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["org_id", "message_id"], ["inbound_message_new.org_id", "inbound_message_new.id"]
    )


def _make_tables() -> None:
    op.create_table(
        "inbound_message_new",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
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
        sa.Column("error_json", _JSON, nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["org.id"]),
        sa.PrimaryKeyConstraint("org_id", "id"),
        sa.UniqueConstraint("org_id", "source", "source_message_id"),
    )
    op.create_table(
        "part_new",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
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
        sa.Column("defects", _JSON, nullable=False),
        _of_message(),
        sa.PrimaryKeyConstraint("org_id", "message_id", "path"),
    )
    op.create_table(
        "document_new",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
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
        _of_message(),
        sa.PrimaryKeyConstraint("org_id", "id"),
        sa.UniqueConstraint("org_id", "message_id", "part_path"),
    )
    op.create_table(
        "outbox_new",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("attempts", _INT, nullable=False),
        sa.Column("error_json", _JSON, nullable=True),
        sa.Column("announced_at", _TIME, nullable=True),
        _of_message(),
        sa.PrimaryKeyConstraint("org_id", "id"),
    )
    op.create_table(
        "sighting_new",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
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
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("quarantine_id", _INT, nullable=True),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.Column("settled_at", _TIME, nullable=True),
        _of_message(),
        sa.PrimaryKeyConstraint("org_id", "id"),
        sa.UniqueConstraint(*_COPY, "org_id", name="uq_sighting_copy"),
    )


def _copy_rows() -> None:
    connection = op.get_bind()
    for table in ("inbound_message", "part", "document", "outbox"):
        columns = [column["name"] for column in sa.inspect(connection).get_columns(table)]
        listed = ", ".join(columns)
        op.execute(f"INSERT INTO {table}_new ({listed}) SELECT {listed} FROM {table}")  # noqa: S608  (our own names)
    new = _sighting_table(connection, "sighting_new", sa.Uuid())
    for rows in _sightings(connection):
        connection.execute(sa.insert(new), rows)


def _sightings(connection: sa.Connection) -> Iterator[list[dict[str, Any]]]:
    """Yield the sightings in the order of their old numbers, each with an id that sorts as they did."""
    old = _sighting_table(connection, "sighting", _INT)
    in_order = sa.select(old).order_by(old.c.id).limit(_AT_ONCE)
    after = 0
    while rows := connection.execute(in_order.where(old.c.id > after)).mappings().all():
        after = rows[-1]["id"]
        yield [
            {**row, "id": _id_of(row["seen_at"], row["id"]), "org_id": row["org_id"] or _NOBODY}
            for row in rows
        ]


def _sighting_table(connection: sa.Connection, name: str, id_type: Any) -> sa.TableClause:
    """Return a table of sightings as it is, but for the ids, which SQLite does not know as such."""
    ids = {"id": id_type, "org_id": sa.Uuid(), "message_id": sa.Uuid()}
    there = sa.inspect(connection).get_columns(name)
    return sa.table(name, *(sa.column(each["name"], ids.get(each["name"], each["type"])) for each in there))


def _id_of(seen_at: datetime, number: int) -> UUID:
    """Return a version 7 UUID (RFC 9562 5.7) of that time, with the old number where chance would be."""
    moment = seen_at.replace(tzinfo=UTC) if seen_at.tzinfo is None else seen_at
    unix_ms = int(moment.timestamp() * 1000)
    return UUID(int=unix_ms << 80 | 0x7 << 76 | 0x2 << 62 | number)


def _make_indexes() -> None:
    op.create_index("ix_inbound_message_received", "inbound_message", ["org_id", "received_at"])
    op.create_index("ix_inbound_message_status", "inbound_message", ["org_id", "status"])
    op.create_index("ix_document_created", "document", ["org_id", "created_at"])
    op.create_index("ix_document_sha256", "document", ["org_id", "sha256"])
    op.create_index("ix_outbox_message", "outbox", ["org_id", "message_id"])
    op.create_index(
        "ix_outbox_owed", "outbox", ["org_id", "message_id", "due_at"], **_only("announced_at IS NULL")
    )
    op.create_index("ix_sighting_fingerprint", "sighting", ["source_name", "folder", "message_id_sha256"])
    op.create_index("ix_sighting_unsettled", "sighting", ["source_name", "id"], **_only("settled_at IS NULL"))
    op.create_index("ix_sighting_seen", "sighting", ["source_name", "seen_at"])
    op.create_index("ix_sighting_message", "sighting", ["org_id", "message_id"])
    op.create_index("ix_sighting_digest", "sighting", ["org_id", "message_id_sha256"])
    op.create_index("ix_sighting_held", "sighting", ["quarantine_id"], **_only("quarantine_id IS NOT NULL"))
    op.create_index("ix_work_due", "work", ["state", "due_at"])


def _only(rows: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(rows), "postgresql_where": sa.text(rows)}
