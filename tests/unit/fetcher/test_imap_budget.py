"""What of a mailbox may still be fetched today."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from postroom.fetcher.imap_budget import ByteBudget, budget_of_today
from tests.servers.memory import MemoryInRam


@pytest.mark.parametrize(
    ("left", "is_fresh", "affordable"),
    [
        pytest.param(None, True, [5, 5, 5], id="no bound"),
        pytest.param(15, False, [5, 5, 5], id="all fits"),
        pytest.param(14, False, [5, 5], id="two fit"),
        pytest.param(4, True, [5], id="the first of a day is always taken"),
        pytest.param(4, False, [], id="none fits"),
        pytest.param(-9, False, [], id="more than all was spent"),
    ],
)
def test_mails_are_taken_as_far_as_the_budget_goes(
    left: int | None,
    is_fresh: bool,
    affordable: list[int],
) -> None:
    budget = ByteBudget(left, is_fresh)

    assert budget.affordable([5, 5, 5], lambda size: size) == affordable


def test_what_is_fetched_is_spent() -> None:
    budget = ByteBudget(12)

    budget.spend(5)

    assert (budget.affordable([5, 5], lambda size: size), budget.left) == ([5], 7)


def test_without_a_bound_nothing_is_asked() -> None:
    assert budget_of_today(None, MemoryInRam(), datetime(2026, 3, 4, 9, tzinfo=UTC)).left is None
