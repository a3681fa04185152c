"""For whom a transaction acts: one org, one source, or nobody; the database fences it in.

PostgreSQL fences by row level security (see db/fences.py), SQLite by a guard here that refuses a statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, text

from postroom.db.ids import NOBODY

TENANT_TABLES: Final = ("inbound_message", "part", "document", "outbox", "sighting")
"""The tables whose rows belong to one org each."""

FENCED_TABLES: Final = (*TENANT_TABLES, "quarantine", "oauth_token", "standing_rule")
"""Those, the quarantine, whose mails are nobody's until an operator gives them to an org, and the tokens."""

BY_SOURCE: Final = ("sighting", "quarantine", "oauth_token", "standing_rule")
"""The fenced tables that a source's own work may see as far as they name that source."""

OPERATORS: Final = ("quarantine", "standing_rule")
"""The fenced tables that are the operators', who act for nobody."""

_KEY = "postroom_scope"
_BIND = text("SELECT set_config('app.org_id', :org, true), set_config('app.source', :source, true)")
_STATEMENT = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|REPLACE)\b", re.IGNORECASE)
_NAMED = re.compile(rf"\b({'|'.join(FENCED_TABLES)})\b(?!\.)")
_BOUND = re.compile(r"\b(\w+)\.(org_id|source_name|assigned_org_id) (?:=|IN) ")


class Unfenced(Exception):
    """A statement on an org's rows was not bound to an org: a bug of ours, refused before it ran."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a transaction may see: those of `org`, and what `source` saw, for whichever org.

    `migrates` is for a change of the schema alone, which rewrites the rows of every org.
    """

    org: UUID | None = None
    source: str | None = None
    migrates: bool = False


NO_SCOPE: Final = Scope()


def begin_within(connection: Connection, scope: Scope) -> None:
    """Bind a transaction that has just begun to a scope."""
    connection.info[_KEY] = NO_SCOPE  # a pooled connection remembers the last transaction's
    if scope != NO_SCOPE:
        _act_within(connection, scope)


def migrate_within(connection: Connection) -> None:
    """Let the connection's transaction see every row, as far as the guard is concerned."""
    connection.info[_KEY] = Scope(migrates=True)


@contextmanager
def acting_for(connection: Connection, org: UUID) -> Iterator[None]:
    """Let the transaction act for an org as long as the block runs; its source stays what it is."""
    before = scope_of(connection)
    _act_within(connection, replace(before, org=org))
    yield
    _act_within(connection, before)


@contextmanager
def acting_for_each(connection: Connection) -> Iterator[Callable[[UUID], None]]:
    """Yield what lets the transaction act for one org, then for another; after the block it is as before.

    From org to org that is one statement, where `acting_for` takes two.
    """
    before = scope_of(connection)
    yield lambda org: _act_within(connection, replace(before, org=org))
    _act_within(connection, before)


def scope_of(connection: Connection) -> Scope:
    """Return the scope that the connection's transaction is bound to."""
    scope: Scope = connection.info.get(_KEY, Scope())
    return scope


def _act_within(connection: Connection, scope: Scope) -> None:
    if scope == scope_of(connection):
        return
    connection.info[_KEY] = scope
    if connection.dialect.name == "postgresql":
        org = "" if scope.org is None else str(scope.org)
        connection.execute(_BIND, {"org": org, "source": scope.source or ""})


def refuse_unfenced(
    connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
) -> None:
    """Refuse a statement on a fenced table that binds no org, or another than the transaction's.

    Listens to `before_cursor_execute`.  Raises Unfenced.
    """
    tables = _fenced_tables(statement)
    if not tables:
        return
    scope = scope_of(connection)
    if scope.migrates:
        return
    rows: Sequence[Any] = parameters if many else [parameters]
    for table, columns in tables.items():
        if not all(_is_bound(table, columns, scope, row) for row in rows):
            raise Unfenced(f"{table}, acting for {scope}: {statement}")


def _is_bound(table: str, columns: frozenset[str], scope: Scope, values: Any) -> bool:
    if scope.org is not None and "org_id" in columns and scope.org.hex in values:
        return True
    if table in OPERATORS and scope.org is not None:
        return scope.org == NOBODY or ("assigned_org_id" in columns and scope.org.hex in values)
    return (
        table in BY_SOURCE
        and scope.source is not None
        and "source_name" in columns
        and scope.source in values
    )


@lru_cache(maxsize=1024)
def _fenced_tables(statement: str) -> dict[str, frozenset[str]]:
    """Return the fenced tables that a statement names, each with its columns that the statement binds."""
    if not _STATEMENT.match(statement):
        return {}
    named = set(_NAMED.findall(statement))
    if statement.lstrip().startswith("INSERT"):
        listed = statement.partition("(")[2].partition(")")[0]
        return {table: frozenset(re.findall(r"\w+", listed)) for table in named}
    bound = _BOUND.findall(statement)
    return {table: frozenset(column for owner, column in bound if owner == table) for table in named}
