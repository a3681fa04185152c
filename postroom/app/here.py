"""Messages taken apart in this process, by what is loaded with the first of them."""

from __future__ import annotations

from functools import partial
from threading import Lock

from postroom.config.settings import Settings
from postroom.db.outcomes import Extracted
from postroom.jobs.order import Here, Order
from postroom.storage.store import ObjectStore


class TakenApartHere:
    """Carries out orders in this process: see Here.

    Most rounds have none, and where there are worker processes it is they who carry them out.
    """

    def __init__(self, settings: Settings, store: ObjectStore) -> None:
        self._settings, self._store = settings, store
        self._lock = Lock()
        self._carry_out: Here | None = None

    def __call__(self, order: Order) -> Extracted:
        with self._lock:  # all threads share the children that open containers
            if self._carry_out is None:
                self._carry_out = _loaded(self._settings, self._store)
        return self._carry_out(order)


def _loaded(settings: Settings, store: ObjectStore) -> Here:
    from postroom.app.opening import opening_of  # noqa: PLC0415  (the first order alone needs it)
    from postroom.jobs.carrying_out import take_apart  # noqa: PLC0415  (as above)

    return partial(take_apart, store=store, opening=opening_of(settings))
