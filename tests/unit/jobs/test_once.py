"""One bounded round: every source once, then all that is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from postroom.core.deadline import Deadline
from postroom.errors import (
    BudgetSpent,
    DatabaseCorrupt,
    LoginRefused,
    ServerFault,
    SettleFailed,
    StoreUnavailable,
)
from postroom.fetcher.source import Batch, Memory
from postroom.jobs.once import one_round
from tests.house import PDF, Postroom
from tests.mailbox import MailboxInRam, mail
from tests.servers.waiting import wait_until


def test_a_round_polls_extracts_and_announces(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))

    outcome = one_round([postroom.kit(postroom.orders)], postroom.house)

    assert (outcome.tally.taken, outcome.tally.documents) == (1, 1)
    assert (outcome.fine, outcome.troubled, outcome.outage) == (("orders",), {}, None)
    assert len(postroom.receiver.told) == 1


def test_a_second_round_reads_no_body_and_changes_nothing(postroom: Postroom) -> None:
    kits = [postroom.kit(postroom.orders)]
    postroom.orders.put(mail(po=PDF))
    one_round(kits, postroom.house)

    outcome = one_round(kits, postroom.house)

    assert outcome.tally.taken + outcome.tally.duplicates + outcome.tally.documents == 0
    assert (postroom.orders.read, postroom.orders.settled) == ([1], [1])
    assert len(postroom.receiver.told) == 1


def test_what_is_taken_is_taken_apart_and_announced_while_the_next_is_read(postroom: Postroom) -> None:
    class Slow(MailboxInRam):
        """Gives its second mail once the first one's document was announced."""

        def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
            (both,) = super().batches(memory, limit=limit, since=since)
            first, second = both.fetched
            yield replace(both, fetched=(first,), cursor=None)
            wait_until(lambda: len(postroom.receiver.told) == 1, "the first document to be announced")
            yield replace(both, fetched=(second,))

    slow = Slow("slow", postroom.folder / "spool")
    slow.put(mail("<1@x>", po=PDF))
    slow.put(mail("<2@x>", po=PDF))

    outcome = one_round([postroom.kit(slow)], postroom.house)

    assert (outcome.fine, outcome.tally.taken, outcome.tally.documents) == (("slow",), 2, 2)


def test_a_refused_after_action_is_trouble_and_what_was_taken_is_counted(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.orders.refuses = True

    outcome = one_round([postroom.kit(postroom.orders)], postroom.house)

    assert (outcome.tally.taken, outcome.tally.documents, outcome.fine) == (1, 1, ())
    assert isinstance(outcome.troubled["orders"], SettleFailed)


def test_an_outage_of_the_archive_is_the_rounds_and_the_sources_are_told_apart(postroom: Postroom) -> None:
    postroom.orders.put(mail("<1@x>", po=PDF))
    postroom.poll()
    postroom.orders.put(mail("<2@x>", po=PDF))
    idle = MailboxInRam("idle", postroom.folder / "spool-2")
    postroom.archive.is_down = True

    outcome = one_round([postroom.kit(postroom.orders), postroom.kit(idle)], postroom.house)

    assert isinstance(outcome.outage, StoreUnavailable)
    assert (list(outcome.troubled), outcome.fine) == (["orders"], ("idle",))


def test_what_was_taken_before_a_source_broke_off_is_counted(postroom: Postroom) -> None:
    class BreaksOff(MailboxInRam):
        def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
            yield from super().batches(memory, limit=limit, since=since)
            raise ServerFault("the server broke off")

    breaking = BreaksOff("breaking", postroom.folder / "spool-2")
    breaking.put(mail(po=PDF))

    outcome = one_round([postroom.kit(breaking)], postroom.house)

    assert (outcome.tally.taken, outcome.tally.documents, list(outcome.troubled)) == (1, 1, ["breaking"])


def test_a_round_asked_to_stop_takes_no_further_source(postroom: Postroom) -> None:
    postroom.orders.put(mail())
    postroom.house.stopping.set()

    outcome = one_round([postroom.kit(postroom.orders)], postroom.house)

    assert (outcome.tally.taken, outcome.fine) == (0, ())


def test_a_limit_holds_for_each_source(postroom: Postroom) -> None:
    for number in range(5):
        postroom.orders.put(mail(f"<{number}@x>"))

    outcome = one_round([postroom.kit(postroom.orders)], postroom.house, limit=2)

    assert outcome.tally.taken == 2


def test_a_damaged_database_ends_the_round_at_once(postroom: Postroom) -> None:
    postroom.database.close()
    for name in ("postroom.db-wal", "postroom.db-shm"):
        (postroom.folder / name).unlink(missing_ok=True)
    (postroom.folder / "postroom.db").write_bytes(b"no database" * 1000)

    with pytest.raises(DatabaseCorrupt, match="not a database"):
        one_round([postroom.kit(postroom.orders)], postroom.house)


class Slow(MailboxInRam):
    """A source that gives nothing until the time is over; `passes` lets so many seconds pass."""

    def __init__(self, name: str, spool: Path, clock: Callable[[float], None]) -> None:
        super().__init__(name, spool)
        self.passes = clock

    def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
        yield from super().batches(memory, limit=limit, since=since)
        self.passes(30.0)
        raise BudgetSpent("the budget was over")


@pytest.mark.parametrize(
    ("seconds", "troubled", "unfinished"),
    [
        pytest.param(30.0, ["slow"], [], id="it had its time, so a person will hear of it"),
        pytest.param(10.0, [], ["slow"], id="it had the rest of the time, and is the first next time"),
    ],
)
def test_a_source_that_gives_nothing_is_in_trouble_where_it_had_time(
    postroom: Postroom, seconds: float, troubled: list[str], unfinished: list[str]
) -> None:
    moment = [0.0]
    ends = Deadline(30.0, lambda: moment[0])

    def passes(_seconds: float) -> None:
        moment[0] = 30.0

    moment[0] = 30.0 - seconds
    house = replace(postroom.house, polls_until=ends)
    slow = Slow("slow", postroom.folder / "spool-2", passes)

    outcome = one_round([postroom.kit(slow)], house)

    assert (list(outcome.troubled), list(outcome.unfinished)) == (troubled, unfinished)
    assert [state.failures for state in postroom.book()] == [len(troubled)]


def test_what_there_was_no_time_for_comes_first_in_the_next_round(postroom: Postroom) -> None:
    moment = [0.0]
    house = replace(postroom.house, polls_until=Deadline(10.0, lambda: moment[0]))

    class TakesAll(MailboxInRam):
        def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
            moment[0] = 10.0
            return super().batches(memory, limit=limit, since=since)

    kits = [postroom.kit(TakesAll(name, postroom.folder / name)) for name in ("first", "second")]
    one = one_round(kits, house)
    postroom.clock.later(60)
    moment[0] = 0.0
    two = one_round(kits, house)

    assert [state.source_name for state in postroom.book()] == ["first", "second"]
    assert (one.unfinished, two.unfinished) == (("first", "second"), ("second", "first"))


class Refuses(MailboxInRam):
    """A mailbox that refuses the login, and counts how often it was asked."""

    logins = 0

    def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
        self.logins += 1
        yield from super().batches(memory, limit=limit, since=since)
        raise LoginRefused("refused")


def test_a_login_that_was_refused_is_not_tried_at_every_round_of_cron(postroom: Postroom) -> None:
    refuses = Refuses("orders", postroom.folder / "spool-2")
    kits = [replace(postroom.kit(refuses), poll_seconds=60.0)]
    outcomes = []
    for _round in range(60):
        outcomes.append(one_round(kits, postroom.house, rests=True))
        postroom.clock.later(120)

    assert refuses.logins == 6  # at once, and after 2, 4, 8, 16 and 32 minutes
    assert {type(outcome.troubled["orders"]) for outcome in outcomes} == {LoginRefused}


def test_a_round_that_a_person_asks_for_tries_at_once(postroom: Postroom) -> None:
    refuses = Refuses("orders", postroom.folder / "spool-2")
    kits = [postroom.kit(refuses)]
    one_round(kits, postroom.house, rests=True)

    one_round(kits, postroom.house)

    assert refuses.logins == 2
