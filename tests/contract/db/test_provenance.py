"""Over which source a message was accepted."""

from __future__ import annotations

from dataclasses import replace

from postroom.db.provenance import SqlProvenance
from postroom.db.values import EMAIL, Intake, Key, Verdict
from tests.contract.db.databases import Orders, copy, minutes, place


def test_the_source_is_that_of_the_copy_that_was_accepted(orders: Orders) -> None:
    orders.commit("<1@x>")
    again = copy(
        2,
        verdict=Verdict.DUPLICATE,
        place=place(2, source="another"),
        key=Key(orders.acme, EMAIL, "<1@x>"),
    )
    orders.inbox.commit(Intake(seen=[again], source_name="another"), minutes(1))
    (claim,) = orders.claim(minutes(2))

    assert SqlProvenance(orders.database).source_of(claim) == "orders"


def test_a_message_without_a_sighting_came_from_nowhere(orders: Orders) -> None:
    orders.commit("<1@x>")
    (claim,) = orders.claim()

    stranger = replace(claim, message_id=orders.acme)

    assert SqlProvenance(orders.database).source_of(stranger) == ""
