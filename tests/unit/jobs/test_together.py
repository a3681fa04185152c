"""What is done about the same time commits together, and nobody waits long for others."""

from __future__ import annotations

import pytest

from postroom.jobs.portion import Portion
from postroom.jobs.together import Together


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_what_is_gathered_is_complete_when_nothing_more_is_to_come() -> None:
    together = Together[str](3, Clock())

    complete = [together.add("a"), together.add("b"), together.add("c")]

    assert complete == [[], [], ["a", "b", "c"]]


def test_a_hundred_are_complete() -> None:
    together = Together[int](110, Clock())

    complete = [together.add(number) for number in range(110)]

    assert [len(some) for some in complete if some] == [100, 10]


def test_the_first_waits_for_half_a_second_for_a_slow_one() -> None:
    clock = Clock()
    together = Together[str](4, clock)
    first = together.add("a")

    clock.seconds = 0.5
    second, third = together.add("b"), together.add("c")

    assert (first, second, third) == ([], ["a", "b"], [])


@pytest.mark.parametrize(
    ("done", "size"),
    [
        pytest.param([], 20, id="at first"),
        pytest.param([(20, 0.1)], 40, id="fast: twice as many"),
        pytest.param([(20, 0.1), (40, 0.1), (80, 0.1), (160, 0.1)], 200, id="never more"),
        pytest.param([(20, 0.1), (40, 2.0)], 20, id="slow: few again"),
        pytest.param([(20, 0.1), (40, 0.8)], 50, id="as many as take a second"),
        pytest.param([(0, 0.0)], 20, id="none were due"),
        pytest.param([(20, 0.1), (1, 0.2), (0, 0.0)], 40, id="few were due: nothing learned"),
        pytest.param([(20, 0.1), (40, 0.1), (30, 1.0)], 30, id="few were due, and slow"),
    ],
)
def test_a_portion_is_what_was_done_in_a_second_last_time(done: list[tuple[int, float]], size: int) -> None:
    portion = Portion()

    for count, seconds in done:
        portion.done(count, seconds)

    assert portion.size == size
