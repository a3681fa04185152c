"""What is done for one org commits together, and nobody waits long for others."""

from __future__ import annotations

from uuid import UUID

import pytest

from postroom.jobs.portion import Portion
from postroom.jobs.together import Together

ACME, BETA = UUID(int=1), UUID(int=2)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_group_is_complete_when_nothing_more_is_to_come_for_its_org() -> None:
    together = Together[str]([ACME, BETA, ACME], Clock())

    complete = [together.add(ACME, "a"), together.add(BETA, "b"), together.add(ACME, "c")]

    assert complete == [[], [["b"]], [["a", "c"]]]


def test_a_group_of_fifty_is_complete() -> None:
    together = Together[int]([ACME] * 60, Clock())

    complete = [together.add(ACME, number) for number in range(60)]

    assert [len(some) for groups in complete for some in groups] == [50, 10]


def test_a_group_waits_for_a_quarter_of_a_second_for_a_slow_one_of_its_org() -> None:
    clock = Clock()
    together = Together[str]([ACME, ACME, BETA], clock)
    first = together.add(ACME, "a")

    clock.seconds = 0.25
    second = together.add(BETA, "b")

    assert (first, second) == ([], [["a"], ["b"]])


@pytest.mark.parametrize(
    ("done", "size"),
    [
        pytest.param([], 20, id="at first"),
        pytest.param([(20, 0.1)], 40, id="fast: twice as many"),
        pytest.param([(20, 0.1), (40, 0.1), (80, 0.1), (160, 0.1)], 200, id="never more"),
        pytest.param([(20, 0.1), (40, 2.0)], 20, id="slow: few again"),
        pytest.param([(20, 0.1), (40, 0.8)], 50, id="as many as take a second"),
        pytest.param([(0, 0.0)], 20, id="none were due"),
    ],
)
def test_a_portion_is_what_was_done_in_a_second_last_time(done: list[tuple[int, float]], size: int) -> None:
    portion = Portion()

    for count, seconds in done:
        portion.done(count, seconds)

    assert portion.size == size
