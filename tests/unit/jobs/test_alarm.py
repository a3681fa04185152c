"""What is set for later begins at its time, unless it is called off."""

from __future__ import annotations

from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from postroom.jobs.alarm import Alarm

LATE = 3600.0


@pytest.mark.parametrize("set_before", [[], [LATE]])
def test_an_alarm_goes_off_at_its_time_also_where_a_later_one_was_set_before(set_before: list[float]) -> None:
    alarm, begun, too_early = Alarm(), Event(), Event()
    for seconds in set_before:
        alarm.set(seconds, too_early.set)

    alarm.set(0.001, begun.set)

    assert begun.wait(30)
    assert not too_early.is_set()


def test_one_that_is_called_off_never_goes_off() -> None:
    alarm, called_off, last = Alarm(), Event(), Event()
    key = alarm.set(0.05, called_off.set)

    alarm.call_off(key)
    alarm.call_off(key)
    alarm.set(0.1, last.set)

    assert last.wait(30)
    assert not called_off.is_set()


def test_many_alarms_have_one_thread() -> None:
    before = watching()
    alarm = Alarm()

    keys = [alarm.set(LATE, Event().set) for _ in range(100)]

    assert len(set(keys)) == 100
    assert watching() == before + 1


def watching() -> int:
    return sum(thread.name == "alarm" for thread in enumerate_threads())
