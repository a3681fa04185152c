"""Row level security in PostgreSQL: whatever is missing of it is refused, mended and noticed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from postroom.db.fences import policies, require_fences
from postroom.db.orgs import SqlDirectory
from postroom.db.schema import mend_fences
from postroom.db.scopes import FENCED_TABLES
from postroom.errors import DatabaseUnfenced
from tests.contract.db.databases import MORNING, Orders, made
from tests.contract.db.fencing import TwoOrgs, faults
from tests.contract.db.fencing_rooms import held_for_acme, two_orgs
from tests.databases import opened

pytestmark = pytest.mark.postgres


@dataclass(frozen=True, slots=True)
class Fenced:
    """Two orgs and a mail in quarantine, behind fences that a test damages."""

    two: TwoOrgs
    held: int

    def damage(self, order: str) -> None:
        with self.two.database.write() as connection:
            connection.exec_driver_sql(order)

    def leaks(self, table: str) -> bool:
        """Return whether the suite notices that a table tells an org what another has, or hides its own."""
        return any(fault.startswith(table) for fault in faults(self.two, self.held))


@pytest.fixture(scope="module")
def lasting_fences(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fenced]:
    with made(request, "postgresql", tmp_path_factory.getbasetemp()) as url:
        database = opened(url)
        orders = Orders(database, SqlDirectory(database).add("acme", MORNING).id)
        yield Fenced(two_orgs(orders), held_for_acme(orders))
        database.close()


@pytest.fixture
def fenced(lasting_fences: Fenced) -> Iterator[Fenced]:
    """Yield them with all fences in force, and put up again those that the test damaged."""
    yield lasting_fences
    mend_fences(lasting_fences.two.database)


@pytest.mark.parametrize("table", FENCED_TABLES)
def test_a_table_without_its_security_is_refused_until_it_is_mended(fenced: Fenced, table: str) -> None:
    for order in (
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    ):
        fenced.damage(order)
        with pytest.raises(DatabaseUnfenced, match=table):
            require_fences(fenced.two.database)
        mend_fences(fenced.two.database)
        require_fences(fenced.two.database)


@pytest.mark.parametrize("table", FENCED_TABLES)
def test_the_suite_notices_a_table_whose_security_is_off(fenced: Fenced, table: str) -> None:
    fenced.damage(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")

    assert fenced.leaks(table)


@pytest.mark.parametrize(("table", "name"), [(table, name) for table, name, _ in policies()])
def test_the_suite_notices_a_policy_that_is_missing(fenced: Fenced, table: str, name: str) -> None:
    fenced.damage(f"DROP POLICY {name} ON {table}")

    assert fenced.leaks(table)


@pytest.mark.parametrize(("table", "name"), [(table, name) for table, name, _ in policies()])
def test_the_suite_notices_a_policy_that_lets_everything_through(
    fenced: Fenced, table: str, name: str
) -> None:
    fenced.damage(f"ALTER POLICY {name} ON {table} USING (true)")

    assert fenced.leaks(table)


def test_fences_that_were_mended_leak_nothing(fenced: Fenced) -> None:
    for table, name, _ in policies():
        fenced.damage(f"DROP POLICY {name} ON {table}")
    for table in FENCED_TABLES:
        fenced.damage(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")

    mend_fences(fenced.two.database)

    assert list(faults(fenced.two, fenced.held)) == []
