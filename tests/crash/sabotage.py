"""What is swapped in one process of a campaign: a failpoint's order, or a promise that is broken on purpose.

The product has no switch for any of it: a function is replaced in a process that was just begun.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from threading import Barrier, Event
from typing import Any, Final, Self

from postroom import failpoints
from postroom.failpoints import obeying, read_order
from postroom.fetcher.source import Batch

_MEET_SECONDS = 20.0


def arm(*, failpoint: str = "", sabotages: Sequence[str] = ()) -> None:
    """Let this process obey a failpoint's order, and do each sabotage, as NAME or NAME:FAILPOINT."""
    if failpoint:
        _swap("reach", failpoints.reach, obeying(read_order(failpoint)))
    for sabotage in sabotages:
        name, _, place = sabotage.partition(":")
        _SABOTAGES[name](*([place] if place else []))


def _settle_before_the_commit() -> None:
    """Let the source forget a batch before anything of it is archived or committed."""
    from postroom.pipeline import accept  # noqa: PLC0415  (only where it is sabotaged)

    honest = accept._accept  # noqa: SLF001  (what is broken on purpose)

    def hasty(batch: Batch, desk: Any, how: Any, **more: Any) -> Any:
        how.settle([fetched.place for fetched in batch.fetched])
        return honest(batch, desk, how, **more)

    _swap("_accept", honest, hasty)


def _never_sync() -> None:
    """Let fsync say that all is durable, and do nothing."""
    os.fsync = lambda fd: None


def _overlook_what_cannot_be_synced() -> None:
    """Let fsync do its work, and say that all is durable even where it was refused."""
    honest = os.fsync

    def hopeful(fd: Any) -> None:
        with suppress(OSError):
            honest(fd)

    os.fsync = hopeful


def _trust_every_token() -> None:
    """Let a lease and a claim pass for ours, whoever has them by now."""
    from postroom.db import leases, workbench  # noqa: PLC0415  (only where it is sabotaged)

    _swap("require", leases.require, lambda *_held, **_changes: None)
    _swap("require_ours", workbench.require_ours, lambda *_held, **_changes: None)


def _stand_still(place: str) -> None:
    """Stop the whole process when a place is reached for the first time, until somebody lets it go on."""
    times = count()

    def reach(name: str) -> None:
        if name == place and next(times) == 0:
            os.kill(os.getpid(), signal.SIGSTOP)

    _swap("reach", failpoints.reach, reach)


def _stand_still_at_first() -> None:
    """Stop the whole process before it does anything, until somebody lets it go on."""
    os.kill(os.getpid(), signal.SIGSTOP)


def _sleep_by_waiting() -> None:
    """Let time.sleep wait as a lock does: below libfaketime the system refuses how it sleeps (EINVAL)."""

    def wait(seconds: Any) -> None:
        Event().wait(seconds)

    time.sleep = wait


def _work_in_one_thread() -> None:
    """Let messages be taken apart in the thread that claimed them: strace counts the calls of each thread."""
    from postroom.jobs import ahead, alongside, extracting  # noqa: PLC0415  (only where it is wanted)

    for module in (ahead, alongside, extracting):
        vars(module)["ThreadPoolExecutor"] = _OneThread


class _OneThread:
    def __init__(self, *_threads: object, **_names: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def submit(self, call: Callable[..., Any], *given: Any) -> Future[Any]:
        done = Future[Any]()
        try:
            done.set_result(call(*given))
        except Exception as error:
            done.set_exception(error)
        return done


def _meet(place: str) -> None:
    """Let two threads wait for each other at a place, so that neither sees what the other does next."""
    both, times = Barrier(2), count()

    def reach(name: str) -> None:
        if name == place and next(times) < both.parties:
            both.wait(_MEET_SECONDS)

    _swap("reach", failpoints.reach, reach)


def _swap(name: str, old: Any, new: Any) -> None:
    """Put `new` in the place of `old` in every module of postroom that calls it by that name."""
    modules = [module for key, module in sys.modules.items() if key.startswith("postroom")]
    users = [module for module in modules if getattr(module, name, None) is old]
    assert users, name
    for module in users:
        setattr(module, name, new)


_SABOTAGES: Final[dict[str, Callable[..., None]]] = {
    "settle before commit": _settle_before_the_commit,
    "no fsync": _never_sync,
    "errors of fsync overlooked": _overlook_what_cannot_be_synced,
    "no token": _trust_every_token,
    "stand still": _stand_still,
    "stand still at first": _stand_still_at_first,
    "sleep by waiting": _sleep_by_waiting,
    "one thread": _work_in_one_thread,
    "meet": _meet,
}
