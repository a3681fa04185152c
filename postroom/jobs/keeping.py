"""Keeping a lease while its work goes on, however long that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

import structlog

from postroom.errors import LeaseLost, TransientError
from postroom.jobs.alarm import Alarm

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")
_alarm: Final = Alarm()


@contextmanager
def kept(renew: Callable[[], None], *, lease_seconds: float) -> Iterator[None]:
    """Renew at a third of the lease as long as the block runs.

    A lease that is lost is not renewed any more: the commit under its old token is refused, which is what
    counts.  A database that is away is asked again.
    """
    over, every_seconds = Event(), lease_seconds / 3
    keeper = Thread(target=_keep, args=(renew, every_seconds, over), name="lease", daemon=True)
    key = _alarm.set(every_seconds, keeper.start)  # most blocks are over long before, and need no thread
    try:
        yield
    finally:
        over.set()
        _alarm.call_off(key)
        if keeper.ident is not None:
            keeper.join()


def _keep(renew: Callable[[], None], every_seconds: float, over: Event) -> None:
    while not over.is_set():
        try:
            renew()
        except LeaseLost as error:
            _log.warning("lease lost", error=str(error))
            return
        except TransientError as error:
            _log.warning("lease not renewed", code=error.code, error=str(error))
        over.wait(every_seconds)
