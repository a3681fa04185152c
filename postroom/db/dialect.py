"""The one statement that SQLite and PostgreSQL spell through different constructs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from postroom.db.models import Base


def insert_new(session: Session, table: type[Base], values: Mapping[str, Any]) -> Any:
    """Insert a row and return its `id`, or None when a unique key holds the place already."""
    statement = _insert(session)(table).values(**values).on_conflict_do_nothing()
    return session.execute(statement.returning(table.__table__.c.id)).scalar_one_or_none()


def insert_missing(session: Session, table: type[Base], values: Mapping[str, Any]) -> bool:
    """Insert a row unless a unique key holds its place already; return whether it was inserted."""
    keys = inspect(table).primary_key
    statement = _insert(session)(table).values(**values).on_conflict_do_nothing().returning(*keys)
    return session.execute(statement).first() is not None


def _insert(session: Session) -> Any:
    return postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
