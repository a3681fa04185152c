"""What is counted of where the time goes adds up, and costs nothing while nobody wants it."""

from __future__ import annotations

from threading import Thread

from postroom.stages import ELSE, Ledger, Spent, in_track, profiled, stage, track


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def passes(self, seconds: float) -> None:
        self.seconds += seconds


def _seconds(ledger: Ledger) -> dict[tuple[str, str], tuple[float, int]]:
    return {key: (spent.seconds, spent.times) for key, spent in ledger.spent.items()}


def test_a_stage_inside_another_is_counted_once() -> None:
    clock = Clock()
    ledger = Ledger(clock)

    with profiled(ledger), track("main"):
        clock.passes(1)
        with stage("archive"):
            clock.passes(2)
            with stage("commit"):
                clock.passes(4)
            clock.passes(8)

    assert _seconds(ledger) == {
        ("main", "commit"): (4.0, 1),
        ("main", "archive"): (10.0, 1),
        ("main", ELSE): (1.0, 1),
    }
    assert sum(spent.seconds for spent in ledger.spent.values()) == clock.seconds


def test_what_another_process_spent_is_of_the_thread_that_waited_for_it() -> None:
    clock = Clock()
    ledger = Ledger(clock)

    with profiled(ledger), track("workers"):
        clock.passes(5)
        ledger.spent_elsewhere({"read": 1.0, "take apart": 3.0})

    assert _seconds(ledger) == {
        ("workers", "read"): (1.0, 1),
        ("workers", "take apart"): (3.0, 1),
        ("workers", ELSE): (1.0, 1),
    }
    assert ledger.taken("workers") == {"read": 1.0, "take apart": 3.0, ELSE: 1.0}
    assert ledger.spent == {}


def test_what_is_counted_so_far_is_of_that_moment() -> None:
    ledger = Ledger(Clock())
    ledger.add("polls", "fetch", 2.0)

    told = ledger.so_far()
    ledger.add("polls", "fetch", 3.0)

    assert told == {("polls", "fetch"): Spent(2.0, 1)}
    assert ledger.so_far() == {("polls", "fetch"): Spent(5.0, 2)}


def test_a_track_inside_another_is_no_track_of_its_own() -> None:
    clock = Clock()
    ledger = Ledger(clock)

    @in_track("polls")
    def poll() -> None:
        with stage("fetch"):
            clock.passes(3)

    with profiled(ledger), track("main"):
        poll()

    assert _seconds(ledger) == {("main", "fetch"): (3.0, 1), ("main", ELSE): (0.0, 1)}


def test_each_thread_has_a_track_of_its_own() -> None:
    ledger = Ledger(Clock())

    @in_track("workers")
    def work() -> None:
        with stage("read"):
            pass

    with profiled(ledger), track("main"):
        threads = [Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert _seconds(ledger) == {
        ("workers", "read"): (0.0, 2),
        ("workers", ELSE): (0.0, 2),
        ("main", ELSE): (0.0, 1),
    }


def test_what_fails_is_counted_too() -> None:
    clock = Clock()
    ledger = Ledger(clock)

    def fail() -> None:
        clock.passes(2)
        raise ValueError

    with profiled(ledger):
        try:
            with stage("commit"):
                fail()
        except ValueError:
            clock.passes(100)

    assert _seconds(ledger) == {("other", "commit"): (2.0, 1)}


def test_nothing_is_counted_where_nobody_wants_it() -> None:
    ledger = Ledger(Clock())

    with profiled(ledger):
        pass
    with track("main"), stage("commit"):
        pass

    assert ledger.spent == {}
