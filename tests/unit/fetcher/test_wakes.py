"""Mail is polled for at once after a quiet time, and in a stream at a pace that leaves time for others."""

from __future__ import annotations

import pytest

from postroom.fetcher.wakes import Wakes


@pytest.fixture
def wakes() -> Wakes:
    return Wakes()


def test_the_first_mail_after_a_quiet_time_is_due_at_once(wakes: Wakes) -> None:
    wakes.polled("orders", 10.0, 10.1, took_mail=False)

    wakes.told("orders", 60.0)

    assert wakes.take(60.0) == ["orders"]


@pytest.mark.parametrize(
    ("poll_seconds", "rest_seconds"),
    [
        pytest.param(0.001, 0.03, id="a quick poll: 30 ms"),
        pytest.param(0.125, 0.0625, id="half as long as the poll"),
        pytest.param(30.0, 0.1, id="a long poll: a tenth of a second"),
    ],
)
def test_after_a_poll_a_mailbox_rests_half_as_long_as_the_poll_took(
    wakes: Wakes, poll_seconds: float, rest_seconds: float
) -> None:
    wakes.polled("orders", 100.0 - poll_seconds, 100.0, took_mail=False)
    wakes.told("orders", 100.0)

    early, in_time = wakes.take(100.0 + 0.99 * rest_seconds), wakes.take(100.0 + 1.01 * rest_seconds)

    assert (early, in_time) == ([], ["orders"])


def test_what_is_told_again_and_again_and_never_polled_is_asked_for_four_times_a_second(wakes: Wakes) -> None:
    asked = 0
    for thousandths in range(2_000):
        wakes.told("orders", thousandths / 1_000)
        asked += len(wakes.take(thousandths / 1_000))

    assert asked == 8


def test_after_mail_a_mailbox_is_looked_at_twice_more_though_nothing_told(wakes: Wakes) -> None:
    taken, clock = [], 100.0
    wakes.polled("orders", clock, clock, took_mail=True)
    for _ in range(100):
        clock += 0.01
        if wakes.take(clock):
            taken.append(round(clock - 100.0, 2))
            wakes.polled("orders", clock, clock, took_mail=False)

    assert taken == [0.03, 0.21]


def test_in_a_stream_that_no_server_tells_of_the_looks_go_on(wakes: Wakes) -> None:
    looks, clock = 0, 100.0
    wakes.polled("orders", clock, clock, took_mail=True)
    for _ in range(1_000):
        clock += 0.01
        if wakes.take(clock):
            looks += 1
            wakes.polled("orders", clock, clock, took_mail=True)

    assert looks == 333


def test_a_poll_that_begins_finds_what_was_told_before(wakes: Wakes) -> None:
    wakes.told("orders", 60.0)

    wakes.forget("orders")

    assert wakes.take(61.0) == []


def test_one_mailbox_in_a_stream_holds_up_no_other(wakes: Wakes) -> None:
    wakes.polled("orders", 59.0, 60.0, took_mail=True)

    wakes.told("orders", 60.0)
    wakes.told("returns", 60.0)

    assert wakes.take(60.0) == ["returns"]


def test_the_time_that_is_left_is_that_of_the_earliest_and_has_an_end(wakes: Wakes) -> None:
    quiet = wakes.seconds_left(60.0, most=30.0)
    wakes.polled("orders", 60.0, 60.0, took_mail=True)

    left = [wakes.seconds_left(60.0, most=30.0), wakes.seconds_left(61.0, most=30.0)]

    assert (quiet, [round(seconds, 3) for seconds in left]) == (30.0, [0.03, 0.0])
