"""What every Leases promises: one holder, a token that only grows, a late one shut out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from postroom.db.engine import Database
from postroom.db.leases import SqlLeases, require
from postroom.db.values import Fence
from postroom.errors import LeaseLost
from tests.contract.db.databases import MORNING, Orders, minutes, part

NAME = "source:orders"


@pytest.fixture
def leases(database: Database) -> SqlLeases:
    return SqlLeases(database)


def acquire(leases: SqlLeases, holder: str, after_minutes: float = 0) -> Fence | None:
    return leases.acquire(NAME, holder=holder, seconds=60, now=minutes(after_minutes))


def test_the_first_to_come_gets_the_lease(leases: SqlLeases) -> None:
    assert acquire(leases, "here") == Fence(NAME, 1)


def test_another_waits_until_the_lease_ends(leases: SqlLeases) -> None:
    acquire(leases, "here")

    assert acquire(leases, "there", 0.99) is None
    assert acquire(leases, "there", 1) == Fence(NAME, 2)


def test_leases_of_other_names_are_free(leases: SqlLeases) -> None:
    acquire(leases, "here")

    assert leases.acquire("source:other", holder="there", seconds=60, now=MORNING) == Fence("source:other", 1)


def test_a_holder_that_comes_again_gets_a_new_token(leases: SqlLeases) -> None:
    first, second = acquire(leases, "here"), acquire(leases, "here")

    assert (first, second) == (Fence(NAME, 1), Fence(NAME, 2))


def test_a_renewed_lease_lasts_from_then_on(leases: SqlLeases) -> None:
    fence = acquire(leases, "here")
    assert fence is not None

    leases.renew(fence, seconds=60, now=minutes(0.5))

    assert acquire(leases, "there", 1.4) is None
    assert acquire(leases, "there", 1.5) is not None


def test_a_lost_lease_cannot_be_renewed(leases: SqlLeases) -> None:
    fence = acquire(leases, "here")
    acquire(leases, "there", 1)
    assert fence is not None

    with pytest.raises(LeaseLost, match="went to another worker before 09:02:00"):
        leases.renew(fence, seconds=60, now=minutes(2))


def test_a_released_lease_is_free_at_once_and_its_token_goes_on_growing(leases: SqlLeases) -> None:
    fence = acquire(leases, "here")
    assert fence is not None

    leases.release(fence)

    assert acquire(leases, "there") == Fence(NAME, 2)


def test_releasing_a_lost_lease_leaves_the_new_holder_alone(leases: SqlLeases) -> None:
    old = acquire(leases, "here")
    acquire(leases, "there", 1)
    assert old is not None

    leases.release(old)

    assert acquire(leases, "here", 1.5) is None


def test_an_old_token_is_refused_and_the_newest_is_not(database: Database, leases: SqlLeases) -> None:
    old, new = acquire(leases, "here"), acquire(leases, "there", 1)
    assert old is not None
    assert new is not None

    with database.write() as connection:
        require(connection, new, minutes(1))
        with pytest.raises(LeaseLost):
            require(connection, old, minutes(1))
        with pytest.raises(LeaseLost):
            require(connection, Fence("never", 1), minutes(1))


def test_a_new_owner_of_the_house_ends_every_lease_and_claim_at_once(
    leases: SqlLeases, orders: Orders
) -> None:
    fence = acquire(leases, "dead")
    orders.commit("<1@x>")
    (claim,) = orders.claim(holder="dead")
    assert fence is not None

    leases.void_all()

    with pytest.raises(LeaseLost):
        leases.renew(fence, seconds=60, now=MORNING)
    assert orders.finish(claim, [part()], MORNING) is None
    assert acquire(leases, "here") == Fence(NAME, 3)
    assert len(orders.claim()) == 1


def test_ending_leases_leaves_unclaimed_work_as_it_was(leases: SqlLeases, orders: Orders) -> None:
    orders.commit("<1@x>")

    leases.void_all()

    assert orders.claim()[0].token == 1


def test_what_a_dead_holder_left_is_voided_and_what_others_hold_is_not(
    leases: SqlLeases, orders: Orders
) -> None:
    orders.commit("<1@x>", "<2@x>")
    leases.acquire("source:one", holder="here", seconds=60, now=MORNING)
    leases.acquire("source:two", holder="there", seconds=60, now=MORNING)
    (mine,) = orders.claim(holder="here")
    (theirs,) = orders.claim(holder="there")

    leases.void("here")

    assert leases.acquire("source:one", holder="new", seconds=60, now=MORNING) == Fence("source:one", 3)
    assert leases.acquire("source:two", holder="new", seconds=60, now=MORNING) is None
    assert [claim.message_id for claim in orders.claim(limit=9, holder="new")] == [mine.message_id]
    assert orders.finish(theirs, [part()], MORNING) == 1
    assert orders.finish(mine, [part()], MORNING) is None


@pytest.mark.parametrize("_round", range(5))
def test_of_many_that_come_first_at_the_same_moment_one_gets_the_lease(
    database: Database, leases: SqlLeases, _round: int
) -> None:
    together = Barrier(4)

    def come(number: int) -> Fence | None:
        together.wait(30)
        return acquire(leases, f"host{number}")

    with ThreadPoolExecutor(4) as hosts:
        fences = list(hosts.map(come, range(4)))

    assert [fence for fence in fences if fence] == [Fence(NAME, 1)]
