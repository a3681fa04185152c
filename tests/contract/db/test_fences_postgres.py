"""Row level security in PostgreSQL: who may not work there, and that each policy is needed and sufficient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

import pytest
from sqlalchemy import make_url, select

from postroom.db.engine import Database, open_database
from postroom.db.fences import grants, require_fences
from postroom.db.orgs import SqlDirectory
from postroom.db.schema import upgrade
from postroom.db.tables import INBOUND_MESSAGE
from postroom.errors import DatabaseLoginRefused, DatabaseRightsMissing, DatabaseRoleUnfit
from tests.contract.db.databases import MORNING, Orders, part
from tests.contract.db.fencing import TwoOrgs, faults
from tests.servers.postgres import Postgres

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]


def run_as_owner(database: Database, *orders: str) -> None:
    with database.write() as connection:
        for order in orders:
            connection.exec_driver_sql(order)


def as_role(url: str, role: str) -> str:
    return make_url(url).set(username=role).render_as_string(hide_password=False)


# --- roles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [("SUPERUSER", "is a superuser"), ("BYPASSRLS", "has BYPASSRLS")],
)
def test_a_role_that_nothing_would_fence_is_refused(
    database_url: str, postgres: Postgres, options: LiteralString, words: str
) -> None:
    name = f"mighty_{options.lower()}"
    if not postgres.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]):
        postgres.make_role(name, options=options)
    mighty = open_database(as_role(database_url, name))

    with pytest.raises(DatabaseRoleUnfit, match=words):
        require_fences(mighty)
    mighty.close()


def test_the_owner_of_the_tables_is_accepted_and_fenced_like_anybody(orders: Orders) -> None:
    orders.commit("<1@x>")

    require_fences(orders.database)

    with orders.database.read() as connection:
        assert connection.execute(select(INBOUND_MESSAGE)).all() == []


@pytest.fixture
def worker(database: Database, database_url: str, postgres: Postgres) -> Iterator[Database]:
    """Yield the database as a role sees it that owns nothing and was given nothing yet."""
    if not postgres.execute("SELECT 1 FROM pg_roles WHERE rolname = 'worker'"):
        postgres.make_role("worker")
    worker = open_database(
        make_url(database_url).set(username="worker").render_as_string(hide_password=False)
    )
    yield worker
    worker.close()


def test_a_role_without_rights_is_told_how_it_gets_them(worker: Database) -> None:
    with pytest.raises(DatabaseRightsMissing, match="permission denied") as refusal:
        SqlDirectory(worker).every()

    assert refusal.value.fix == "postroom db grants ROLE"


def test_a_role_with_the_printed_rights_can_do_all_the_work(database: Database, worker: Database) -> None:
    run_as_owner(database, *grants("worker"))
    acme = SqlDirectory(worker).add("acme", MORNING).id
    orders = Orders(worker, acme)

    orders.commit("<1@x>")
    documents = orders.finish(orders.claim()[0], [part()], MORNING)

    require_fences(worker)
    assert (documents, upgrade(worker)) == (1, False)


def test_a_wrong_password_is_not_taken_for_an_outage(database_url: str) -> None:
    stranger = open_database(database_url, "wrong")

    with pytest.raises(DatabaseLoginRefused, match="password authentication failed"):
        SqlDirectory(stranger).every()
    stranger.close()


# --- policies ------------------------------------------------------------------------------------


def test_with_every_policy_in_force_there_is_no_fault(fresh_two: TwoOrgs, held: int) -> None:
    assert list(faults(fresh_two, held)) == []
