"""Where reading begins, and what the first connect declined for good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from postroom.core.places import Cursor
from postroom.fetcher.imap_cursor import begin
from tests.servers.memory import MemoryInRam

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FIRST = Cursor("INBOX", 5, last_uid=0, since=NOON, since_until_uid=40)


def test_a_first_connect_is_remembered_before_any_mail_is_taken() -> None:
    memory = MemoryInRam()

    reading = begin(memory, FIRST, remember=True)

    assert (reading.cursor, reading.rescan) == (FIRST, False)
    assert memory.cursors == {("INBOX", 5): FIRST}


def test_a_dry_run_remembers_nothing() -> None:
    memory = MemoryInRam()

    begin(memory, FIRST, remember=False)

    assert memory.cursors == {}


def test_a_known_folder_goes_on_from_its_cursor() -> None:
    memory = MemoryInRam()
    known = Cursor("INBOX", 5, last_uid=30, since=None, since_until_uid=20)
    memory.remember(known)

    reading = begin(memory, FIRST, remember=True)

    assert (reading.cursor, reading.highest, reading.rescan) == (known, 40, False)


def test_a_new_uidvalidity_carries_the_first_bound_and_starts_over() -> None:
    memory = MemoryInRam()
    memory.remember(Cursor("INBOX", 4, last_uid=99, since=NOON - timedelta(days=9), since_until_uid=7))

    reading = begin(memory, FIRST, remember=True)

    assert reading.cursor == Cursor("INBOX", 5, 0, NOON - timedelta(days=9), 40)
    assert (reading.rescan, reading.may_be_known(40), reading.may_be_known(41)) == (True, True, False)


@pytest.mark.parametrize(
    ("uid", "internal_date", "declined"),
    [
        pytest.param(40, NOON - timedelta(seconds=1), True, id="older"),
        pytest.param(40, NOON, False, id="exactly as old"),
        pytest.param(41, NOON - timedelta(days=999), False, id="came later, with an old date"),
        pytest.param(40, None, False, id="no date that can be read"),
    ],
)
def test_only_old_mail_of_the_first_connect_is_declined(
    uid: int, internal_date: datetime | None, declined: bool
) -> None:
    reading = begin(MemoryInRam(), FIRST, remember=True)

    assert reading.declines(uid, internal_date) is declined


def test_a_cursor_never_moves_back() -> None:
    memory = MemoryInRam()
    memory.remember(Cursor("INBOX", 5, last_uid=30))
    reading = begin(memory, FIRST, remember=True)

    assert [reading.taken_up_to(uid).last_uid for uid in (12, 35)] == [30, 35]
