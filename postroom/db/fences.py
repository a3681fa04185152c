"""Row level security: PostgreSQL itself shows a transaction no row of another org (promise P7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, inspect, text

from postroom.db.engine import Database
from postroom.db.ids import NOBODY
from postroom.db.scopes import BY_SOURCE, FENCED_TABLES, OPERATORS, TENANT_TABLES, migrate_within
from postroom.errors import DatabaseRoleUnfit, DatabaseUnfenced

_ORG: Final = "nullif(current_setting('app.org_id', true), '')::uuid"
_SOURCE: Final = "nullif(current_setting('app.source', true), '')"
_ROLE: Final = text("SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
_OPEN: Final = text(
    "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
    " AND relname = ANY(:tables) AND NOT (relrowsecurity AND relforcerowsecurity) ORDER BY relname"
)


def policies() -> Iterator[tuple[str, str, str]]:
    """Yield every policy: its table, its name, and the rows that it opens; all others stay closed."""
    for table in TENANT_TABLES:
        yield table, "of_the_org", f"org_id = {_ORG}"
    for table in BY_SOURCE:
        yield table, "of_the_source", f"source_name = {_SOURCE}"
    yield "quarantine", "of_the_org", f"assigned_org_id = {_ORG}"
    for table in OPERATORS:
        yield table, "of_nobody", f"{_ORG} = '{NOBODY}'::uuid"


def fence(connection: Connection) -> None:
    """Put every policy in force, for the owner of the tables too; may be repeated.  SQLite has none."""
    if connection.dialect.name != "postgresql":
        return
    for table in FENCED_TABLES:
        for (name,) in connection.execute(
            text("SELECT polname FROM pg_policy WHERE polrelid = cast(:t AS regclass)"), {"t": table}
        ).all():
            connection.exec_driver_sql(f'DROP POLICY "{name}" ON {table}')
        connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        connection.exec_driver_sql(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    for table, name, rows in policies():
        verb = "SELECT" if (table, name) == ("quarantine", "of_the_org") else "ALL"
        connection.exec_driver_sql(f"CREATE POLICY {name} ON {table} FOR {verb} USING ({rows})")


def lift(connection: Connection) -> None:
    """Let the owner of the tables see all rows until `fence`; a data migration would else touch none."""
    migrate_within(connection)
    if connection.dialect.name != "postgresql":
        return
    there = set(inspect(connection).get_table_names())
    for table in FENCED_TABLES:
        if table in there:
            connection.exec_driver_sql(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")


def require_fences(database: Database) -> None:
    """Return if the database keeps the orgs apart for this role; SQLite does by a guard of our own.

    Raises DatabaseRoleUnfit, DatabaseUnfenced.
    """
    if not database.is_shared:
        return
    with database.read() as connection:
        role, is_super, bypasses = connection.execute(_ROLE).one()
        if is_super or bypasses:
            what = "is a superuser" if is_super else "has BYPASSRLS"
            raise DatabaseRoleUnfit(
                f'the database role "{role}" {what}: nothing would fence the orgs',
                fix="give postroom a role of its own: CREATE ROLE postroom LOGIN NOSUPERUSER NOBYPASSRLS",
            )
        unfenced = connection.scalars(_OPEN, {"tables": list(FENCED_TABLES)}).all()
    if unfenced:
        raise DatabaseUnfenced(
            f"without row level security: {', '.join(unfenced)}", fix="postroom db upgrade, as their owner"
        )


def grants(role: str) -> Iterator[str]:
    """Yield the statements that let a role work with the tables without owning them."""
    quoted = '"' + role.replace('"', '""') + '"'
    yield f"GRANT USAGE ON SCHEMA public TO {quoted};"
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted};"
    yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {quoted};"
