"""What is tried at the fences between orgs: every verb on every table, and what a leak would look like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from postroom.db.engine import Database
from postroom.db.ids import NOBODY, new_id
from postroom.db.machinery import OAUTH_TOKEN, OUTBOX, QUARANTINE, SIGHTING, STANDING_RULE
from postroom.db.scopes import Unfenced
from postroom.db.tables import DOCUMENT, INBOUND_MESSAGE, PART
from postroom.errors import DatabaseRightsMissing
from tests.contract.db.databases import rows

TABLES: dict[str, Table] = {
    "inbound_message": INBOUND_MESSAGE,
    "part": PART,
    "document": DOCUMENT,
    "outbox": OUTBOX,
    "sighting": SIGHTING,
}


@dataclass(frozen=True)
class TwoOrgs:
    """acme, which has one row in every table, and beta, which has nothing."""

    database: Database
    acme: UUID
    beta: UUID
    of_acme: dict[str, dict[str, Any]]


def only(database: Database, table: str) -> dict[str, Any]:
    """Return the one row of a table by its columns."""
    (row,) = rows(database, TABLES[table])
    return {column.key: getattr(row, column.key) for column in TABLES[table].columns}


def nowhere(values: dict[str, Any]) -> dict[str, Any]:
    """Return the same row under ids that no org has."""
    strange = {name: new_id() for name in ("id", "message_id", "document_id") if values.get(name)}
    return values | strange


def identity(table: Table, values: dict[str, Any]) -> list[Any]:
    """Return the conditions that name one row, whoever's it is."""
    return [column == values[column.key] for column in table.primary_key if column.key != "org_id"]


def answer(database: Database, org: UUID | None, act: Callable[[Connection], Any]) -> str:
    """Return what an org is told when it does that, and undo it: a result, or the kind of the refusal."""
    try:
        with database.write(org=org) as connection:
            told = repr(act(connection))
            connection.rollback()
            return told
    except (Unfenced, IntegrityError, DatabaseRightsMissing) as refusal:
        return type(refusal).__name__


def verbs(table: Table, org: UUID) -> dict[str, Callable[[dict[str, Any]], Callable[[Connection], Any]]]:
    """Return what an org could try with a row that it has heard of."""
    mine = table.c.org_id == org

    def found(row: dict[str, Any]) -> Callable[[Connection], Any]:
        return lambda connection: connection.execute(select(table).where(mine, *identity(table, row))).all()

    def changed(row: dict[str, Any]) -> Callable[[Connection], Any]:
        change = update(table).where(mine, *identity(table, row)).values(org_id=org)
        return lambda connection: connection.execute(change.returning(table.c.org_id)).all()

    def removed(row: dict[str, Any]) -> Callable[[Connection], Any]:
        gone = delete(table).where(mine, *identity(table, row)).returning(table.c.org_id)
        return lambda connection: connection.execute(gone).all()

    def claimed_as_its_own(row: dict[str, Any]) -> Callable[[Connection], Any]:
        return lambda connection: connection.execute(insert(table).values(**row | {"org_id": org})).rowcount

    def written_for_another(row: dict[str, Any]) -> Callable[[Connection], Any]:
        return lambda connection: connection.execute(insert(table).values(**row)).rowcount

    return {
        "select": found,
        "update": changed,
        "delete": removed,
        "insert": claimed_as_its_own,
        "insert for another": written_for_another,
    }


UNBOUND = ["SELECT * FROM {}", "UPDATE {} SET org_id = org_id", "DELETE FROM {}"]


def touch(connection: Connection, statement: str) -> int:
    found = connection.exec_driver_sql(statement)
    return len(found.all()) if found.returns_rows else found.rowcount


# --- all of it at once ---------------------------------------------------------------------------


def faults(two: TwoOrgs, held: int) -> Iterator[str]:
    """Yield every leak, and everything that is hidden from whom it belongs to."""
    for name, table in TABLES.items():
        there = two.of_acme[name]
        for verb, try_it in verbs(table, two.beta).items():
            of_another = answer(two.database, two.beta, try_it(there))
            if of_another != answer(two.database, two.beta, try_it(nowhere(there))):
                yield f"{name}: {verb} tells what another org has"
        if not answer(two.database, two.acme, verbs(table, two.acme)["select"](there)).startswith("[(UUID("):
            yield f"{name}: hidden from its org"
        for statement in UNBOUND:
            touched = answer(two.database, two.beta, partial(touch, statement=statement.format(name)))
            if touched not in {"0", "Unfenced"}:
                yield f"{name}: {statement} touches another org's rows"
    if source_sees(two.database, "orders") != [two.acme, NOBODY] or source_sees(two.database, "other"):
        yield "sighting: not what the source saw"
    yield from _faults_of_quarantine(two, held)
    yield from _faults_of_tokens(two)
    yield from _faults_of_rules(two)


def _faults_of_quarantine(two: TwoOrgs, held: int) -> Iterator[str]:
    wanted = {NOBODY: [held], two.acme: [held], two.beta: []}
    if {org: quarantined_for(two.database, org) for org in wanted} != wanted:
        yield "quarantine: not for whom it is"
    look = partial(touch, statement="SELECT * FROM quarantine")
    if answer(two.database, two.beta, look) not in {"0", "Unfenced"}:
        yield "quarantine: an org sees what is not for it"
    drop = partial(touch, statement="DELETE FROM quarantine")
    if answer(two.database, two.acme, drop) not in {"0", "Unfenced"}:
        yield "quarantine: an org can change it"
    mine = select(QUARANTINE.c.id).where(QUARANTINE.c.source_name == "orders")
    with two.database.read(source="orders") as connection:
        if list(connection.scalars(mine)) != [held]:
            yield "quarantine: hidden from the source that it came by"


def _faults_of_tokens(two: TwoOrgs) -> Iterator[str]:
    mine = select(OAUTH_TOKEN.c.source_name).where(OAUTH_TOKEN.c.source_name == "orders")
    with two.database.read(source="orders") as connection:
        if list(connection.scalars(mine)) != ["orders"]:
            yield "oauth_token: hidden from its source"
    for statement in ("SELECT * FROM {}", "UPDATE {} SET sealed = sealed", "DELETE FROM {}"):
        look = partial(touch, statement=statement.format("oauth_token"))
        if answer(two.database, two.acme, look) not in {"0", "Unfenced"}:
            yield f"oauth_token: an org can {statement}"


def _faults_of_rules(two: TwoOrgs) -> Iterator[str]:
    mine = select(STANDING_RULE.c.source_name).where(STANDING_RULE.c.source_name == "orders")
    for scope in ({"source": "orders"}, {"org": NOBODY}):
        with two.database.read(**scope) as connection:
            if list(connection.scalars(mine)) != ["orders"]:
                yield f"standing_rule: hidden from {scope}"
    for statement in ("SELECT * FROM {}", "UPDATE {} SET recipient = recipient", "DELETE FROM {}"):
        look = partial(touch, statement=statement.format("standing_rule"))
        if answer(two.database, two.acme, look) not in {"0", "Unfenced"}:
            yield f"standing_rule: an org can {statement}"


def source_sees(database: Database, source: str) -> list[UUID]:
    """Return whose copies a source sees when it acts for itself."""
    mine = select(SIGHTING.c.org_id).where(SIGHTING.c.source_name == source).order_by(SIGHTING.c.id)
    with database.read(source=source) as connection:
        return list(connection.scalars(mine))


def quarantined_for(database: Database, org: UUID) -> list[int]:
    """Return the entries of the quarantine that whoever acts for `org` sees."""
    ids = select(QUARANTINE.c.id)
    with database.read(org=org) as connection:
        return list(
            connection.scalars(ids if org == NOBODY else ids.where(QUARANTINE.c.assigned_org_id == org))
        )
