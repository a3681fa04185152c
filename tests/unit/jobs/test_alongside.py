"""Work beside the polls: woken as often as there is something, and no fault of it gets lost."""

from __future__ import annotations

from threading import Event

import pytest

from postroom.errors import DatabaseCorrupt, DatabaseUnavailable
from postroom.jobs.alongside import Alongside
from postroom.pipeline.tally import Tally
from tests.servers.waiting import wait_until


def test_work_that_is_woken_while_it_is_under_way_is_called_once_more() -> None:
    begun, goes_on, calls = Event(), Event(), list[int]()

    def work() -> Tally:
        calls.append(1)
        begun.set()
        assert goes_on.wait(10)
        return Tally(documents=2)

    with Alongside(work) as alongside:
        alongside.wake()
        assert begun.wait(10)
        for _ in range(5):
            alongside.wake()
        goes_on.set()

    assert (len(calls), alongside.tally.documents) == (2, 4)


def test_an_outage_ends_one_call_and_no_other() -> None:
    calls = list[int]()

    def work() -> Tally:
        calls.append(1)
        if len(calls) == 1:
            raise DatabaseUnavailable("locked")
        return Tally(documents=1)

    with Alongside(work) as alongside:
        alongside.wake()
        wait_until(lambda: len(calls) == 1, "the first call")
        alongside.wake()

    assert alongside.tally.documents == 1


def test_an_error_that_time_does_not_mend_is_raised_at_the_end() -> None:
    def work() -> Tally:
        raise DatabaseCorrupt("no database")

    with pytest.raises(DatabaseCorrupt), Alongside(work) as alongside:
        alongside.wake()
