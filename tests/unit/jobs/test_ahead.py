"""A source sends the next batch while the last is worked on, one ahead and no more."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, current_thread
from typing import Self

import pytest

from postroom.errors import ServerFault
from postroom.jobs.ahead import Ahead


def never() -> bool:
    return False


class Source:
    """Yields numbers, and notes which were asked for; the third is sent once it may go on."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.asked: list[int] = []
        self.sent_ahead, self.goes_on = Event(), Event()
        self._fault = fault

    def numbers(self) -> Iterator[int]:
        for number in (1, 2, 3):
            self.asked.append(number)
            if number == 3:
                assert self.goes_on.wait(10)
                self.sent_ahead.set()
                if self._fault:
                    raise self._fault
            yield number


def test_the_next_is_read_while_the_last_is_worked_on() -> None:
    source, given = Source(), list[int]()

    with Ahead(source.numbers(), is_over=never) as ahead:
        for number in ahead:
            given.append(number)
            if number == 2:
                source.goes_on.set()
                assert source.sent_ahead.wait(10)

    assert given == [1, 2, 3]


def test_no_more_than_one_is_read_ahead() -> None:
    source = Source()
    source.goes_on.set()

    with Ahead(source.numbers(), is_over=never) as ahead:
        next(iter(ahead))
        ahead.rest()

        assert source.asked == [1, 2]


def test_what_was_begun_is_still_given_once_it_is_over_and_nothing_more() -> None:
    source, given = Source(), list[int]()

    with Ahead(source.numbers(), is_over=lambda: bool(given)) as ahead:
        for number in ahead:
            given.append(number)

    assert (given, source.asked) == ([1, 2], [1, 2])


def test_where_it_is_over_from_the_start_one_is_given() -> None:
    source = Source()

    with Ahead(source.numbers(), is_over=lambda: True) as ahead:
        given = list(ahead)

    assert (given, source.asked) == ([1], [1])


def test_an_error_of_the_reading_comes_behind_what_was_read_before_it() -> None:
    source, given = Source(ServerFault("connection lost")), list[int]()
    source.goes_on.set()

    def read() -> None:
        with Ahead(source.numbers(), is_over=never) as ahead:
            for number in ahead:
                ahead.rest()
                given.append(number)

    with pytest.raises(ServerFault, match="connection lost"):
        read()

    assert given == [1, 2]


def test_a_source_with_nothing_new_is_asked_without_a_thread() -> None:
    threads = []

    class Nothing:
        def __iter__(self) -> Self:
            return self

        def __next__(self) -> int:
            threads.append(current_thread())
            raise StopIteration

    with Ahead(Nothing(), is_over=never) as ahead:
        given = list(ahead)

    assert (given, threads) == ([], [current_thread()])
