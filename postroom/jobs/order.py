"""An order to take a message apart, which this process or another carries out."""

from __future__ import annotations

from dataclasses import dataclass

from postroom.core.rules import Standard
from postroom.db.outcomes import Extracted
from postroom.db.values import Claim
from postroom.pipeline.extract import extract
from postroom.pipeline.inside import Opening, final
from postroom.storage.store import ObjectStore


@dataclass(frozen=True, slots=True)
class Order:
    """A claimed message to be taken apart, and what its parts are judged by.

    Where no other attempt `follows` a failed one, as much as can be is made of this one.
    """

    claim: Claim
    standard: Standard
    follows: bool


def take_apart(order: Order, *, store: ObjectStore, opening: Opening) -> Extracted:
    """Carry out an order in this process; otherwise as `extract`."""
    opening = opening if order.follows else final(opening)
    return extract(order.claim, store=store, standard=order.standard, opening=opening)
