"""Which process takes a mail apart, and when there are any but this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from postroom.core.rules import Standard
from postroom.db.outcomes import Extracted
from postroom.db.values import Claim
from postroom.errors import MessageDeadly, WorkerDied, WorkerUnavailable
from postroom.jobs.crew import Crew
from postroom.jobs.crew_wire import Answer
from postroom.jobs.order import Order
from tests.house import PDF, Postroom
from tests.mailbox import mail

ORG = UUID("01234567-89ab-7cde-8f01-23456789abcd")
CLAIM = Claim(ORG, ORG, "acme", "<1@x>", "key", "sha256", 100, 0, 1)
ORDER = Order(CLAIM, Standard(), follows=True)
HERE = Extracted(CLAIM, (), ("here",))


def after_deaths(deaths: int) -> Order:
    return replace(ORDER, claim=replace(CLAIM, deaths=deaths))


def here(_order: Order) -> Extracted:
    return HERE


@dataclass(slots=True)
class Process:
    """A worker process that answers with its name, once it is ready; `is_deadly` dies of every order."""

    name: str
    held: int = 0
    is_ready: bool = True
    is_over: bool = False
    is_deadly: bool = False
    starts: bool = True

    def require_start(self) -> None:
        if not self.starts:
            raise WorkerUnavailable("a worker process does not start")
        self.is_ready = True

    def take_apart(self, order: Order) -> Answer | None:
        if self.is_deadly:
            raise WorkerDied("was killed by SIGSEGV")
        return Answer(1, Extracted(order.claim, (), (self.name,))) if self.is_ready else None

    def close(self) -> None:
        self.is_over = True


class Nursery:
    """Starts processes, each made by `make`; `seconds` is its clock."""

    def __init__(self, make: Callable[[str], Process] = Process) -> None:
        self.make, self.started, self.seconds = make, list[Process](), 0.0

    def start(self) -> Process:
        self.started.append(self.make(str(len(self.started))))
        return self.started[-1]

    def crew(self, most: int, threads: int = 2) -> Crew:
        return Crew(self.start, most=most, threads=threads, clock=lambda: self.seconds)


def by(crew: Crew, order: Order = ORDER) -> str:
    return crew.take_apart(order, here=here).defects[0]


def test_the_process_with_the_least_to_do_takes_it(nursery: Nursery) -> None:
    crew = nursery.crew(2)
    crew.muster()
    nursery.started[0].held = 1

    assert (by(crew), crew.ready) == ("1", 2)


def test_what_no_process_has_a_thread_for_is_taken_apart_here(nursery: Nursery) -> None:
    crew = nursery.crew(2)
    crew.muster()
    nursery.started[0].is_ready, nursery.started[1].held = False, 2

    assert by(crew) == "here"


def test_where_no_process_is_wanted_none_is_started_whatever_died(nursery: Nursery) -> None:
    crew = nursery.crew(0)
    crew.muster()

    assert ([by(crew, after_deaths(deaths)) for deaths in (0, 1, 2)], nursery.started) == (["here"] * 3, [])


def test_what_a_process_died_over_waits_for_another_and_endangers_this_one_no_more() -> None:
    nursery = Nursery(lambda name: Process(name, is_ready=False))
    crew = nursery.crew(1)

    assert by(crew, after_deaths(1)) == "0"


def test_what_two_processes_died_over_has_one_that_nothing_else_is_given_to(nursery: Nursery) -> None:
    crew = nursery.crew(1)
    crew.muster()

    assert [by(crew, after_deaths(2)), by(crew), by(crew, after_deaths(3))] == ["1", "0", "1"]

    nursery.started[1].is_over = True
    assert by(crew, after_deaths(2)) == "2"
    crew.close()
    assert [each.is_over for each in nursery.started] == [True] * 3


def test_two_that_processes_died_over_are_never_in_one_at_a_time(nursery: Nursery) -> None:
    crew, inner = nursery.crew(1), list[str]()

    class Busy(Process):
        def take_apart(self, order: Order) -> Answer | None:
            if not inner:
                inner.append("")
                inner[0] = by(crew, after_deaths(2))
            return super().take_apart(order)

    nursery.make = Busy

    assert (by(crew, after_deaths(2)), inner) == ("0", ["1"])


def test_a_death_over_a_mail_alone_is_the_mails_own_trouble() -> None:
    crew = Nursery(lambda name: Process(name, is_deadly=True)).crew(1)

    with pytest.raises(MessageDeadly, match="took this message apart alone was killed by SIGSEGV"):
        by(crew, after_deaths(2))


def test_a_process_that_is_gone_is_replaced_when_there_is_much_to_do(nursery: Nursery) -> None:
    crew = nursery.crew(2)
    crew.muster()
    nursery.started[0].is_ready, nursery.started[0].is_over = False, True

    crew.muster()

    assert (len(nursery.started), crew.ready) == (3, 2)


def test_where_processes_cannot_be_started_mails_are_taken_apart_here_and_it_is_tried_again_in_a_minute() -> (
    None
):
    nursery = Nursery(lambda name: Process(name, is_ready=False, is_over=True, starts=False))
    crew = nursery.crew(1)

    for nursery.seconds in (0.0, 1.0, 60.0, 62.0):
        crew.muster()
        assert by(crew, after_deaths(int(nursery.seconds == 60.0))) == "here"

    assert len(nursery.started) == 2


def test_all_processes_end_with_the_crew(nursery: Nursery) -> None:
    crew = nursery.crew(2)
    crew.muster()

    crew.close()

    assert ([each.is_over for each in nursery.started], by(crew)) == ([True, True], "here")


@pytest.mark.parametrize(("mails", "started"), [(8, 0), (9, 1)])
def test_processes_are_started_where_there_are_more_than_four_mails_for_each_worker(
    postroom: Postroom, nursery: Nursery, mails: int, started: int
) -> None:
    crew = nursery.crew(1)
    postroom.house = replace(postroom.house, crew=crew)
    nursery.make = lambda name: Process(name, is_ready=False)

    for number in range(mails):
        postroom.orders.put(mail(f"<{number}@x>", po=PDF))
    postroom.poll()
    tally = postroom.extract()

    assert (tally.documents, len(nursery.started)) == (mails, started)


@pytest.fixture
def nursery() -> Nursery:
    return Nursery()
