"""What every Turns promises: each mailbox is claimed once an interval, by whichever host comes first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from postroom.db.engine import Database
from postroom.db.leases import SqlLeases, lease_of_source
from postroom.db.turns import SqlTurns
from tests.contract.db.databases import MORNING, minutes

EVERY_MINUTE = {"orders": 60.0, "bills": 60.0}


@pytest.fixture
def turns(database: Database) -> SqlTurns:
    turns = SqlTurns(database)
    turns.enrol(EVERY_MINUTE, MORNING)
    return turns


def claim(turns: SqlTurns, after_minutes: float = 0, limit: int = 9) -> list[str]:
    return turns.claim(
        EVERY_MINUTE, minutes(after_minutes), limit=limit, dispatch=lambda _connection, _source: None
    )


def test_what_is_enrolled_is_due_at_once(turns: SqlTurns) -> None:
    assert claim(turns) == ["bills", "orders"]


def test_a_claim_puts_the_next_turn_off_by_the_interval(turns: SqlTurns) -> None:
    claim(turns)

    assert claim(turns, 0.99) == []
    assert claim(turns, 1) == ["bills", "orders"]


def test_no_more_than_the_limit_is_claimed_the_longest_due_first(turns: SqlTurns) -> None:
    turns.put("orders", minutes(-1))

    assert (claim(turns, limit=1), claim(turns, limit=1), claim(turns, limit=1)) == (
        ["orders"],
        ["bills"],
        [],
    )


def test_enrolling_again_changes_no_turn(turns: SqlTurns) -> None:
    claim(turns)

    turns.enrol(EVERY_MINUTE, minutes(0.5))

    assert claim(turns, 0.5) == []


def test_a_source_that_is_not_among_those_asked_for_is_left_to_others(turns: SqlTurns) -> None:
    turns.enrol({"elsewhere"}, MORNING)

    assert claim(turns) == ["bills", "orders"]


def test_a_turn_can_be_put_sooner_and_later(turns: SqlTurns) -> None:
    claim(turns)

    turns.put("orders", minutes(0.1))
    turns.put("bills", minutes(7))

    assert (claim(turns, 0.1), claim(turns, 6.9), claim(turns, 7)) == (["orders"], ["orders"], ["bills"])


def test_a_mailbox_that_is_polled_now_is_passed_over_until_its_lease_ends(
    database: Database, turns: SqlTurns
) -> None:
    leases = SqlLeases(database)
    leases.acquire(lease_of_source("orders"), holder="there", seconds=30, now=MORNING)

    assert (claim(turns, 0.4), claim(turns, 0.5)) == (["bills"], ["orders"])


def test_a_dispatch_that_fails_leaves_the_turn_as_it_was(turns: SqlTurns) -> None:
    def fail(_connection: Any, _source: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        turns.claim(EVERY_MINUTE, MORNING, limit=9, dispatch=fail)

    assert claim(turns) == ["bills", "orders"]


def test_of_many_hosts_that_claim_at_the_same_moment_one_gets_each_turn(database: Database) -> None:
    turns, together = SqlTurns(database), Barrier(4)
    seconds = {f"box{number}": 60.0 for number in range(40)}
    turns.enrol(seconds, MORNING)

    def host(_number: int) -> list[str]:
        together.wait(30)
        got: list[str] = []
        while more := turns.claim(seconds, MORNING, limit=3, dispatch=lambda _connection, _source: None):
            got.extend(more)
        return got

    with ThreadPoolExecutor(4) as hosts:
        claimed = [source for each in hosts.map(host, range(4)) for source in each]

    assert sorted(claimed) == sorted(seconds)
