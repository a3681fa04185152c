"""What is swapped in one process of a campaign: a failpoint's order, or a promise that is broken on purpose.

The product has no switch for any of it: a function is replaced in a process that was just begun.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Barrier, Event
from typing import Any, Final, Self

from postroom import failpoints
from postroom.failpoints import obeying, read_order
from tests.crash.swapping import swap
from tests.crash.wrong_orders import (
    commit_before_the_archive,
    commit_without_a_sync,
    never_look_afterwards,
    never_sync,
    parsed_before_the_documents,
    parsed_too_soon,
    settle_before_the_commit,
)

IN_WORKERS: Final = "POSTROOM_TESTS_SABOTAGE"
_MEET_SECONDS = 20.0


def arm(*, failpoint: str = "", sabotages: Sequence[str] = ()) -> None:
    """Let this process obey a failpoint's order, and do each sabotage, as NAME or NAME:FAILPOINT."""
    if failpoint:
        swap("reach", failpoints.reach, obeying(read_order(failpoint)))
    for sabotage in sabotages:
        name, _, place = sabotage.partition(":")
        _SABOTAGES[name](*([place] if place else []))


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

    swap("require", leases.require, lambda *_held, **_changes: None)
    swap("require_ours", workbench.require_ours, lambda *_held, **_changes: None)


def _stand_still(place: str) -> None:
    """Stop the whole process when a place is reached for the first time, until somebody lets it go on."""
    times = count()

    def reach(name: str) -> None:
        if name == place and next(times) == 0:
            os.kill(os.getpid(), signal.SIGSTOP)

    swap("reach", failpoints.reach, reach)


def _stand_still_at_first() -> None:
    """Stop the whole process before it does anything, until somebody lets it go on."""
    os.kill(os.getpid(), signal.SIGSTOP)


def _sleep_by_waiting() -> None:
    """Let time.sleep wait as a lock does: below libfaketime the system refuses how it sleeps (EINVAL)."""

    def wait(seconds: Any) -> None:
        Event().wait(seconds)

    time.sleep = wait


def _work_in_one_thread() -> None:
    """Let one thread archive and take apart what it claimed: strace counts the calls of each thread."""
    from postroom.jobs import ahead, alongside, extracting  # noqa: PLC0415  (only where it is wanted)
    from postroom.storage import at_once  # noqa: PLC0415  (as above)

    for module in (ahead, alongside, extracting, at_once):
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

    def map(self, call: Callable[..., Any], *given: Iterable[Any]) -> Iterable[Any]:
        return map(call, *given)


def _work_in_other_processes() -> None:
    """Let every message wait for a worker process, where this one would take it apart until one is ready."""
    from postroom.jobs.crew import Crew  # noqa: PLC0415  (only where it is wanted)

    honest = Crew._answer_of_one  # noqa: SLF001  (what is made to wait)
    patient: Any = lambda crew, order, *, must: honest(crew, order, must=True)  # noqa: E731
    setattr(Crew, "_answer_of_one", patient)  # noqa: B010  (mypy refuses the plain assignment)


def _sabotage_worker_processes(sabotage: str) -> None:
    """Let each worker process do a sabotage of its own."""
    from postroom.app import crew  # noqa: PLC0415  (only where it is sabotaged)

    honest = crew.program_of

    def program_of(*given: Any, **named: Any) -> Any:
        program = honest(*given, **named)
        more = {"PYTHONPATH": str(Path(__file__).parents[2]), IN_WORKERS: sabotage}
        return replace(program, module="tests.crash.worker", environment={**program.environment, **more})

    swap("program_of", honest, program_of)


def _meet(place: str) -> None:
    """Let two threads wait for each other at a place, so that neither sees what the other does next."""
    both, times = Barrier(2), count()

    def reach(name: str) -> None:
        if name == place and next(times) < both.parties:
            both.wait(_MEET_SECONDS)

    swap("reach", failpoints.reach, reach)


_SABOTAGES: Final[dict[str, Callable[..., None]]] = {
    "settle before commit": settle_before_the_commit,
    "commit before archive": commit_before_the_archive,
    "parsed before documents": parsed_before_the_documents,
    "parsed too soon": parsed_too_soon,
    "commit without sync": commit_without_a_sync,
    "no fsync": never_sync,
    "no look afterwards": never_look_afterwards,
    "errors of fsync overlooked": _overlook_what_cannot_be_synced,
    "no token": _trust_every_token,
    "stand still": _stand_still,
    "stand still at first": _stand_still_at_first,
    "sleep by waiting": _sleep_by_waiting,
    "one thread": _work_in_one_thread,
    "by worker processes alone": _work_in_other_processes,
    "in worker processes": _sabotage_worker_processes,
    "meet": _meet,
}
