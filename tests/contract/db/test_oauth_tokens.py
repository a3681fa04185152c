"""The tokens in the database: one of each source, replaced by who saw the last, seen by nobody else."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from postroom.core.sealed import SealedToken
from postroom.db.engine import Database, open_database
from postroom.db.ids import NOBODY
from postroom.db.oauth_tokens import SqlTokens
from postroom.db.scopes import Unfenced
from tests.contract.db.databases import MORNING, minutes
from tests.contract.db.fencing import touch

FIRST = SealedToken("sealed-1", minutes(60), None, 1)
SECOND = SealedToken("sealed-2", minutes(120), minutes(9000), 2)


def tokens_of(database: Database, source: str = "orders") -> SqlTokens:
    return SqlTokens(database, source, lambda: MORNING)


def test_a_token_is_kept_as_it_was_given(database: Database) -> None:
    tokens = tokens_of(database)

    before = tokens.find()
    stored = [tokens.replace(FIRST), tokens.replace(SECOND)]

    assert before is None
    assert stored == [True, True]
    assert tokens.find() == SECOND


def test_a_token_is_replaced_only_by_who_saw_the_last(database: Database) -> None:
    tokens = tokens_of(database)
    tokens.replace(FIRST)
    tokens.replace(SECOND)

    late = [tokens.replace(replace(FIRST, sealed="late")), tokens.replace(replace(SECOND, sealed="late"))]

    assert late == [False, False]
    assert tokens.find() == SECOND


def test_each_source_has_its_own(database: Database) -> None:
    tokens_of(database).replace(FIRST)

    assert tokens_of(database, "other").find() is None
    assert tokens_of(database, "other").replace(replace(FIRST, sealed="of other"))
    assert tokens_of(database).find() == FIRST


def test_one_process_at_a_time_renews_a_token(database: Database) -> None:
    here, elsewhere = tokens_of(database), tokens_of(database)

    with (
        here.renewing() as first,
        elsewhere.renewing() as second,
        tokens_of(database, "x").renewing() as other,
    ):
        held = (first, second, other)
    with elsewhere.renewing() as afterwards:
        held_afterwards = afterwards

    assert held == (True, False, True)
    assert held_afterwards is True


def test_what_is_stored_survives_the_process(database_url: str) -> None:
    first = open_database(database_url)
    tokens_of(first).replace(FIRST)
    first.close()
    second = open_database(database_url)

    found = tokens_of(second).find()

    assert found == FIRST
    second.close()


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param({}, id="nobody"),
        pytest.param({"org": NOBODY}, id="the operators"),
        pytest.param({"source": "other"}, id="another source"),
    ],
)
@pytest.mark.parametrize(
    "statement",
    ["SELECT * FROM oauth_token", "UPDATE oauth_token SET sealed = 'mine'", "DELETE FROM oauth_token"],
)
def test_nobody_else_reads_or_changes_it(database: Database, scope: dict[str, Any], statement: str) -> None:
    tokens_of(database).replace(FIRST)

    touched = 0
    with suppress(Unfenced), database.write(**scope) as connection:
        touched = touch(connection, statement)

    assert touched == 0
    assert tokens_of(database).find() == FIRST
