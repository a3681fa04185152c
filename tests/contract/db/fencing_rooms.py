"""Two orgs of which one has everything, and a mail in quarantine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from postroom.core.sealed import SealedToken
from postroom.db.oauth_tokens import SqlTokens
from postroom.db.orgs import SqlDirectory
from postroom.db.quarantine import SqlQuarantine
from postroom.db.standing_rules import SqlStandingRules
from postroom.db.values import Held, Intake, Verdict
from tests.contract.db.databases import MORNING, Orders, copy, made, part
from tests.contract.db.fencing import TABLES, TwoOrgs, only
from tests.databases import opened


@pytest.fixture
def fresh_two(orders: Orders) -> TwoOrgs:
    """Return the two orgs in a database that no other test sees."""
    return two_orgs(orders)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoOrgs]:
    """Yield the two orgs in one database for all tests of a module: each undoes whatever it tries."""
    with made(request, request.param, tmp_path_factory.mktemp("two")) as url:
        database = opened(url)
        yield two_orgs(Orders(database, SqlDirectory(database).add("acme", MORNING).id))
        database.close()


def two_orgs(orders: Orders) -> TwoOrgs:
    beta = SqlDirectory(orders.database).add("beta", MORNING).id
    orders.commit("<1@x>")
    orders.finish(orders.claim()[0], [part()], MORNING)
    token = SealedToken("sealed", MORNING, None, generation=1)
    SqlTokens(orders.database, "orders", lambda: MORNING).replace(token)
    SqlStandingRules(orders.database).add("orders", "x@in.example", orders.acme, entry_id=1, now=MORNING)
    return TwoOrgs(orders.database, orders.acme, beta, {name: only(orders.database, name) for name in TABLES})


@pytest.fixture
def held(orders: Orders) -> int:
    """Return the id of a quarantine entry that was given to acme."""
    return held_for_acme(orders)


def held_for_acme(orders: Orders) -> int:
    refused = Held(
        "orders", "cd" * 32, "k", "unknown-org", "no org", "x@in.example", None, "secret", 9, MORNING
    )
    seen = copy(9, Verdict.QUARANTINED, held=refused)
    orders.inbox.commit(Intake([], seen=[seen], source_name="orders"), MORNING)
    quarantine = SqlQuarantine(orders.database)
    (entry,) = quarantine.held()
    quarantine.choose(entry.id, orders.acme)
    return entry.id
