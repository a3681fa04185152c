"""Jobs that hosts hand to each other: this module and the engine are the only users of procrastinate.

A job says "look now" and nothing else: the rows decide what there is to do.  So a job that is lost is found
again by a sweep, and one too many finds nothing.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued

_QUIET: Final = ("procrastinate", "psycopg.pool", "asyncio")
"""Loggers of the libraries: what they would say of a database that is away, the engine says in one line."""


class Jobs:
    """Defers jobs inside a transaction of ours: the job exists if, and only if, its rows do."""

    def __init__(self) -> None:
        # Never opened: it is only ever given the connection of the transaction at hand.
        self._app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())
        quieten()

    def defer(self, connection: Any, lane: str, once: str | None = None, **args: str) -> bool:
        """Add a job in the transaction that `connection`, a psycopg one, is in; nothing is committed.

        Of the jobs with the same `once`, only one can wait; return False where there is one already.
        """
        job = self._app.configure_task(lane, queue=lane, queueing_lock=once, connection=connection)
        if once is None:
            job.defer(**args)
            return True
        try:
            with connection.transaction():  # a savepoint: the refusal would else end the whole transaction
                job.defer(**args)
        except AlreadyEnqueued:
            return False
        return True


def quieten() -> None:
    """Let the libraries say nothing by themselves; may be repeated."""
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
