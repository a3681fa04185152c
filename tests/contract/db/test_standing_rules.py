"""What standing rules promise: one org for each source and recipient, for that source alone."""

from __future__ import annotations

from uuid import UUID

import pytest

from postroom.db.engine import Database
from postroom.db.orgs import SqlDirectory
from postroom.db.standing_rules import RuleEntry, SqlStandingRules
from postroom.db.values import Org, Standing
from postroom.errors import NotFound, UsageFault
from tests.contract.db.databases import MORNING

INFO = "info@in.example"


@pytest.fixture
def rules(database: Database) -> SqlStandingRules:
    return SqlStandingRules(database)


def test_a_rule_speaks_for_its_source_and_its_recipient_alone(rules: SqlStandingRules, acme: UUID) -> None:
    number = rules.add("orders", INFO, acme, entry_id=7, now=MORNING)

    assert rules.standing("orders", {INFO, "other@in.example"}) == {INFO: Standing(number, Org(acme, "acme"))}
    assert rules.standing("other", {INFO}) == {}


def test_making_a_rule_twice_makes_one(rules: SqlStandingRules, acme: UUID) -> None:
    first = rules.add("orders", INFO, acme, entry_id=7, now=MORNING)
    second = rules.add("orders", INFO, acme, entry_id=8, now=MORNING)

    assert first == second
    assert rules.every() == [RuleEntry(first, "orders", INFO, "acme", 7, MORNING)]


def test_a_recipient_never_has_two_orgs(database: Database, rules: SqlStandingRules, acme: UUID) -> None:
    beta = SqlDirectory(database).add("beta", MORNING).id
    number = rules.add("orders", INFO, acme, entry_id=7, now=MORNING)

    with pytest.raises(UsageFault) as refused:
        rules.add("orders", INFO, beta, entry_id=8, now=MORNING)

    assert refused.value.fix == f"postroom quarantine forget {number}, and then assign again"
    assert [each.org for each in rules.every()] == ["acme"]


def test_a_removed_rule_speaks_no_more(rules: SqlStandingRules, acme: UUID) -> None:
    number = rules.add("orders", INFO, acme, entry_id=7, now=MORNING)

    rules.remove(number)

    assert (rules.every(), rules.standing("orders", {INFO})) == ([], {})
    with pytest.raises(NotFound):
        rules.remove(number)


def test_a_rule_brings_the_terms_of_its_org(database: Database, rules: SqlStandingRules) -> None:
    directory = SqlDirectory(database)
    beta = directory.add("beta", MORNING, allow_from=["*@beta.example"]).id
    directory.suspend("beta", MORNING, suspended=True)
    rules.add("orders", INFO, beta, entry_id=7, now=MORNING)

    (standing,) = rules.standing("orders", {INFO}).values()

    assert standing.org == Org(beta, "beta", ("*@beta.example",), suspended=True)
