"""How far a poll came, and since when the mail waits that it left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from postroom.core.places import Cursor
from postroom.errors import ConnectFailed
from postroom.fetcher.source import Batch, Memory, Waiting
from postroom.jobs.backlog import Backlog
from postroom.jobs.polling import poll
from tests.house import Postroom
from tests.mailbox import ARRIVED, MailboxInRam, mail

BEGAN = ARRIVED + timedelta(days=1)


def behind(folder: str, waiting: Waiting | None) -> Batch:
    return Batch((), cursor=Cursor(folder, 7, 1), waiting=waiting)


def reached(*batches: Batch) -> tuple[datetime | None, bool]:
    backlog = Backlog(limit=100)
    for batch in batches:
        backlog.note(batch)
    came = backlog.reached(BEGAN)
    return came.until, came.is_behind


def test_a_poll_that_left_nothing_came_as_far_as_the_moment_it_began() -> None:
    assert reached() == (BEGAN, False)
    assert reached(behind("INBOX", Waiting(ARRIVED)), behind("INBOX", None)) == (BEGAN, False)


def test_what_waits_in_any_folder_counts_and_the_oldest_of_it() -> None:
    later = ARRIVED + timedelta(hours=2)

    came = reached(behind("INBOX", Waiting(later)), behind("Sales", Waiting(ARRIVED)), behind("Old", None))

    assert came == (ARRIVED, True)


def test_where_no_date_is_known_nothing_is_claimed() -> None:
    assert reached(behind("INBOX", Waiting(None)), behind("Sales", Waiting(ARRIVED))) == (None, True)


def test_a_server_whose_clock_is_ahead_makes_no_mail_newer_than_the_poll() -> None:
    assert reached(behind("INBOX", Waiting(BEGAN + timedelta(hours=5)))) == (BEGAN, True)


class Book:
    """What the source book of a postroom says after each poll."""

    def __init__(self, postroom: Postroom) -> None:
        self._postroom = postroom

    def after(self, seconds: float) -> tuple[datetime | None, bool]:
        self._postroom.clock.later(seconds)
        with suppress(ConnectFailed):
            self._postroom.poll()
        (state,) = self._postroom.book()
        return state.taken_until, state.is_behind


def test_while_a_source_is_away_nothing_moves_but_the_time(postroom: Postroom) -> None:
    began = postroom.clock()
    book = Book(postroom)
    first = book.after(60)
    postroom.orders.is_away = True
    second, third = book.after(60), book.after(60)
    postroom.orders.is_away = False
    fourth = book.after(60)

    minute = timedelta(minutes=1)
    assert (first, second, third) == (
        (began + minute, False),
        (began + minute, True),
        (began + minute, True),
    )
    assert fourth == (began + 4 * minute, False)


def test_a_source_that_never_worked_is_behind_since_it_was_first_tried(postroom: Postroom) -> None:
    began = postroom.clock()
    postroom.orders.is_away = True
    book = Book(postroom)

    states = [book.after(60), book.after(60)]

    assert states == [(began + timedelta(minutes=1), True)] * 2


def test_a_poll_that_met_its_limit_is_behind_since_the_last_mail_it_took(postroom: Postroom) -> None:
    for number in range(3):
        postroom.orders.put(mail(f"<{number}@x>"))

    poll(postroom.kit(postroom.orders), postroom.house, limit=2)

    (state,) = postroom.book()
    assert (state.taken_until, state.is_behind) == (ARRIVED, True)


@pytest.mark.parametrize(
    ("waiting", "is_behind"),
    [pytest.param(Waiting(None), True, id="more waits"), pytest.param(None, False, id="that was all")],
)
def test_a_poll_that_is_asked_to_stop_says_what_waits(
    postroom: Postroom, waiting: Waiting | None, is_behind: bool
) -> None:
    class AskedToStop(MailboxInRam):
        def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
            postroom.house.stopping.set()
            yield Batch((), waiting=waiting)
            raise AssertionError("asked for more")

    poll(postroom.kit(AskedToStop("orders", postroom.folder / "spool-2")), postroom.house)

    (state,) = postroom.book()
    assert state.is_behind is is_behind
