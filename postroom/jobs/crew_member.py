"""What a worker process does: it takes mails apart on its threads until its parent is gone."""

from __future__ import annotations

import fcntl
import logging
import os
import select
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import Any, Final, NoReturn

from postroom.db.outcomes import Extracted
from postroom.errors import Exit
from postroom.jobs.crew_wire import READY, Answer, Said, packed, trouble_of
from postroom.jobs.order import Order
from postroom.stages import ELSE, Ledger, profiled

_NOT_FOR_US: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_FIRST_OUT: Final = 500  # of 1000: proc_pid_oom_score_adj(5)
_F_SETSIG: Final = 10  # fcntl(2), on Linux


@dataclass(frozen=True, slots=True)
class Craft:
    """What a worker process does with an order, on how many threads, and where time is counted, if it is."""

    take_apart: Callable[[Order], Extracted]
    threads: int
    ledger: Ledger | None


def hold(leash: int) -> None:
    """Let the system end this process when nobody has the other end of the pipe `leash` any more.

    That is when its parent lets go of it or is gone, however it went, and whatever this process is doing.
    Signals that ask a service to end are for the parent, which finishes what it has begun.  Where memory runs
    out, this process and its children are ended first.
    """
    with suppress(OSError):  # a sandbox without it: then the system chooses
        score = Path("/proc/self/oom_score_adj")
        score.write_text(str(max(_FIRST_OUT, int(score.read_text("ascii")))), "ascii")
    for number in _NOT_FOR_US:
        signal.signal(number, _leave_to_the_parent)  # to ignore it would be inherited by all below
    fcntl.fcntl(leash, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(leash, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(leash, fcntl.F_SETFL, fcntl.fcntl(leash, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([leash], [], [], 0)[0]:  # let go of before it was held
        os._exit(Exit.OK)


def _leave_to_the_parent(_number: int, _frame: FrameType | None) -> None:
    """Do nothing."""


class Channel:
    """The way to the parent, for all threads; its `recv` is for one of them."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, Lock()
        self.recv = connection.recv

    def send(self, words: object) -> None:
        """Send one whole message; where nobody listens any more, end this process."""
        try:
            with self._lock:
                self._connection.send_bytes(packed(words))
        except OSError:
            os._exit(Exit.OK)


class Teller(logging.Handler):
    """Lets the parent write what is to be logged: two processes that write may mix their lines."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        self._channel.send(Said(record.name, record.levelno, record.getMessage()))


def serve(channel: Channel, prepare: Callable[[Any], Craft]) -> NoReturn:
    """Learn the brief, and carry out orders as they come, until the parent is gone."""
    try:
        craft = prepare(channel.recv())
    except Exception as error:
        channel.send(trouble_of(error))
        os._exit(Exit.BUG)

    def answer(number: int, order: Order) -> None:
        channel.send(_answer(number, order, craft))

    channel.send(READY)
    counting = nullcontext() if craft.ledger is None else profiled(craft.ledger)
    with counting, ThreadPoolExecutor(craft.threads, thread_name_prefix="extract") as workers:
        while True:
            try:
                number, order = channel.recv()
            except (EOFError, OSError):
                os._exit(Exit.OK)
            workers.submit(answer, number, order).add_done_callback(_end_if_unanswered)


def _answer(number: int, order: Order, craft: Craft) -> Answer:
    if craft.ledger is None:
        return _attempt(number, order, craft)
    with craft.ledger.track(str(number)):
        answer = _attempt(number, order, craft)
    spent = {stage: seconds for stage, seconds in craft.ledger.taken(str(number)).items() if stage != ELSE}
    return replace(answer, spent=spent)


def _attempt(number: int, order: Order, craft: Craft) -> Answer:
    try:
        return Answer(number, craft.take_apart(order))
    except Exception as error:
        return Answer(number, trouble=trouble_of(error))


def _end_if_unanswered(done: Future[None]) -> None:
    """End the process over an order that it can give no answer to: its parent would wait for ever."""
    if done.exception() is not None:
        os._exit(Exit.BUG)
