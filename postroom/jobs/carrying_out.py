"""Carrying out an order; on its own, since it loads all that reads mail, and most rounds have none."""

from __future__ import annotations

from postroom.db.outcomes import Extracted
from postroom.jobs.order import Order
from postroom.pipeline.extract import extract
from postroom.pipeline.inside import Opening, final
from postroom.storage.store import ObjectStore


def take_apart(order: Order, *, store: ObjectStore, opening: Opening) -> Extracted:
    """Carry out an order in this process; otherwise as `extract`."""
    opening = opening if order.follows else final(opening)
    return extract(order.claim, store=store, standard=order.standard, opening=opening)
