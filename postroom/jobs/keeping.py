"""Keeping a lease while its work goes on, however long that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import structlog

from postroom.errors import LeaseLost, TransientError

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")


@contextmanager
def kept(renew: Callable[[], None], *, lease_seconds: float) -> Iterator[None]:
    """Renew at a third of the lease as long as the block runs.

    A lease that is lost is not renewed any more: the commit under its old token is refused, which is what
    counts.  A database that is away is asked again.
    """
    over = Event()
    keeper = Thread(target=_keep, args=(renew, lease_seconds / 3, over), name="lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _keep(renew: Callable[[], None], every_seconds: float, over: Event) -> None:
    while not over.wait(every_seconds):
        try:
            renew()
        except LeaseLost as error:
            _log.warning("lease lost", error=str(error))
            return
        except TransientError as error:
            _log.warning("lease not renewed", code=error.code, error=str(error))
