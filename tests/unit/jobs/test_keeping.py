"""A lease is kept as long as its work goes on, and no longer."""

from __future__ import annotations

from threading import Event
from threading import enumerate as enumerate_threads

from postroom.errors import DatabaseUnavailable, LeaseLost
from postroom.jobs.keeping import kept


def test_a_lease_is_renewed_until_the_work_is_done() -> None:
    renewed: list[str] = []
    thrice = Event()

    def renew() -> None:
        renewed.append("renewed")
        if len(renewed) == 3:
            thrice.set()

    with kept(renew, lease_seconds=0.003):
        assert thrice.wait(30)

    assert [thread.name for thread in enumerate_threads() if thread.name == "lease"] == []


def test_a_lost_lease_is_not_renewed_again() -> None:
    tried: list[str] = []
    once = Event()

    def renew() -> None:
        tried.append("tried")
        once.set()
        raise LeaseLost("went to another worker")

    with kept(renew, lease_seconds=0.003):
        assert once.wait(30)

    assert tried == ["tried"]


def test_a_database_that_is_away_is_asked_again() -> None:
    tried: list[str] = []
    twice = Event()

    def renew() -> None:
        tried.append("tried")
        if len(tried) == 2:
            twice.set()
        raise DatabaseUnavailable("away")

    with kept(renew, lease_seconds=0.003):
        assert twice.wait(30)
