"""Two orgs of which one has everything, and a mail in quarantine."""

from __future__ import annotations

import pytest

from postroom.core.sealed import SealedToken
from postroom.db.oauth_tokens import SqlTokens
from postroom.db.orgs import SqlDirectory
from postroom.db.quarantine import SqlQuarantine
from postroom.db.standing_rules import SqlStandingRules
from postroom.db.values import Held, Intake, Verdict
from tests.contract.db.databases import MORNING, Orders, copy, part
from tests.contract.db.fencing import TABLES, TwoOrgs, only


@pytest.fixture
def two(orders: Orders) -> TwoOrgs:
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
    refused = Held(
        "orders", "cd" * 32, "k", "unknown-org", "no org", "x@in.example", None, "secret", 9, MORNING
    )
    seen = copy(9, Verdict.QUARANTINED, held=refused)
    orders.inbox.commit(Intake([], seen=[seen], source_name="orders"), MORNING)
    quarantine = SqlQuarantine(orders.database)
    (entry,) = quarantine.held()
    quarantine.choose(entry.id, orders.acme)
    return entry.id
