"""P8: a message that kills whoever takes it apart is FAILED in the end; deaths of hosts count for nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from postroom.db.leases import SqlLeases
from postroom.errors import MessageDeadly
from tests.house import PDF, Postroom
from tests.mailbox import mail


class Child:
    """What tries suspect mails; it dies over those that hold these words."""

    def __init__(self, deadly: bytes = b"nothing is deadly") -> None:
        self.deadly, self.tried = deadly, 0

    def __call__(self, suspect: Path) -> None:
        self.tried += 1
        if self.deadly in suspect.read_bytes():
            raise MessageDeadly("a child that took this message apart alone was killed by SIGSEGV")


def tried_by(postroom: Postroom, child: Child) -> None:
    postroom.opening = replace(postroom.opening, rehearse=child)


def die(postroom: Postroom, times: int) -> None:
    """Let processes die that have just claimed all that is due, each found dead by the next start."""
    for _ in range(times):
        postroom.workbench.claim(limit=100, holder="dead", lease_seconds=30, now=postroom.clock())
        SqlLeases(postroom.database).void_all()


def test_the_deadly_one_is_failed_after_its_attempts_and_the_rest_flows_on(postroom: Postroom) -> None:
    child = Child(b"Please die.")
    tried_by(postroom, child)
    postroom.orders.put(mail("<1@x>", po=PDF))
    postroom.orders.put(mail("<2@x>", text="Please die."))
    postroom.orders.put(mail("<3@x>", po=PDF))
    postroom.poll()

    die(postroom, 2)
    first = postroom.extract()
    for _ in range(2):
        postroom.clock.later(3600)
        postroom.extract()

    messages = {each.source_message_id: each for each in postroom.messages()}
    assert first.documents == 2
    assert {name: each.status.value for name, each in messages.items()} == {
        "<1@x>": "parsed",
        "<2@x>": "failed",
        "<3@x>": "parsed",
    }
    error = messages["<2@x>"].error_json
    assert error is not None
    assert (messages["<2@x>"].attempts, error["code"], len(error["attempts"])) == (3, "E-DEADLY", 3)


def test_no_death_of_a_process_ever_counts_against_a_mail(postroom: Postroom) -> None:
    child = Child()
    tried_by(postroom, child)
    postroom.orders.put(mail(po=PDF))
    postroom.poll()

    die(postroom, 50)
    postroom.extract()

    (message,) = postroom.messages()
    assert (message.status.value, message.attempts, child.tried) == ("parsed", 1, 1)


def test_a_single_death_costs_no_child(postroom: Postroom) -> None:
    child = Child()
    tried_by(postroom, child)
    postroom.orders.put(mail(po=PDF))
    postroom.poll()

    die(postroom, 1)
    postroom.extract()

    assert (postroom.statuses(), child.tried) == (["parsed"], 0)


def test_a_holder_whose_lease_ended_counts_as_dead_whoever_finds_it(postroom: Postroom) -> None:
    child = Child()
    tried_by(postroom, child)
    postroom.orders.put(mail(po=PDF))
    postroom.poll()

    postroom.workbench.claim(limit=1, holder="frozen", lease_seconds=30, now=postroom.clock())
    postroom.clock.later(31)
    postroom.workbench.rescue(postroom.clock())
    postroom.workbench.claim(limit=1, holder="frozen too", lease_seconds=30, now=postroom.clock())
    postroom.clock.later(31)
    postroom.extract()

    assert (postroom.statuses(), child.tried) == (["parsed"], 1)


def test_an_outage_is_no_death(postroom: Postroom) -> None:
    child = Child()
    tried_by(postroom, child)
    postroom.orders.put(mail(po=PDF))
    postroom.poll()

    for _ in range(5):
        (claim,) = postroom.workbench.claim(limit=1, holder="here", lease_seconds=30, now=postroom.clock())
        postroom.workbench.put_back(claim, postroom.clock(), pause_seconds=0)
    postroom.extract()

    assert (postroom.statuses(), child.tried) == (["parsed"], 0)
