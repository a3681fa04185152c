"""A worker process as its parent sees it: started, given orders, and let go."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from concurrent.futures import Future
from itertools import count
from multiprocessing.connection import Connection, Pipe
from threading import Event, Lock, Thread
from typing import Final

from postroom.errors import WorkerDied, WorkerUnavailable
from postroom.jobs.crew_wire import READY, Answer, Program, Said, Trouble, packed
from postroom.jobs.order import Order

_START_SECONDS: Final = 60.0


class WorkerProcess:
    """A process that takes mails apart, several at once, and ends with its parent, however that goes.

    What it holds when it dies fails with WorkerDied, and nothing else does.
    """

    def __init__(self, program: Program) -> None:
        """Return while it is still starting.  Raises WorkerUnavailable."""
        self._idle_seconds = program.idle_seconds
        self._lock, self._decided, self._is_up, self._trouble = Lock(), Event(), False, ""
        self._held: dict[int, Future[Answer]] = {}
        self._numbers = count(1)
        self._leash: int | None
        self._connection, self._leash, self._process = _started(program)
        self._listener = Thread(target=self._listen, args=(program.brief,), name="crew", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def held(self) -> int:
        """Return how many messages it is taking apart."""
        return len(self._held)

    @property
    def is_ready(self) -> bool:
        return self._is_up and self._leash is not None

    @property
    def is_over(self) -> bool:
        """Return whether it takes no orders any more."""
        return self._leash is None

    def require_start(self, seconds: float = _START_SECONDS) -> None:
        """Wait until it is ready.  Raises WorkerUnavailable."""
        if not self._decided.wait(seconds) or not self._is_up:
            raise WorkerUnavailable(f"a worker process does not start: {self._trouble or 'no word from it'}")

    def take_apart(self, order: Order) -> Answer | None:
        """Return what became of the order, None where it was not taken: the process is not ready, or over.

        Raises WorkerDied.
        """
        number, answer = next(self._numbers), Future[Answer]()
        with self._lock:
            if not self.is_ready:
                return None
            self._held[number] = answer
            try:
                self._connection.send_bytes(packed((number, order)))
            except OSError:  # it died a moment ago, and never had this
                del self._held[number]
                return None
        return answer.result()

    def hear(self, words: object) -> None:
        """Take in what the process says."""
        if isinstance(words, Answer):
            with self._lock:
                answer = self._held.pop(words.number)
            answer.set_result(words)
        elif isinstance(words, Said):
            logging.getLogger(words.logger).log(words.level, "%s", words.words)
        elif isinstance(words, Trouble):
            self._trouble = f"{words.kind}: {words.message}"
        elif words == READY:
            self._is_up = True
            self._decided.set()

    def close(self) -> None:
        """Let it go and wait for its end; safe to repeat."""
        with self._lock:
            self._let_go()
        self._listener.join()

    def _let_go(self) -> None:
        if self._leash is not None:
            os.close(self._leash)
            self._leash = None

    def _listen(self, brief: object) -> None:
        try:
            self._connection.send(brief)
            while True:
                patience = self._idle_seconds if self._is_up else _START_SECONDS
                if self._connection.poll(patience):
                    self.hear(self._connection.recv())
                else:
                    self._rest()
        except (EOFError, OSError):
            self._end()
        except Exception as error:  # it says what nobody understands: no order of its may hang for that
            self._trouble = f"{type(error).__name__}: {error}"
            self._end()

    def _rest(self) -> None:
        """Let go of a process that had nothing to do, or that was to start and did not."""
        with self._lock:
            if not self._held:
                self._let_go()

    def _end(self) -> None:
        with self._lock:
            self._let_go()
            held, self._held = self._held, {}
        self._connection.close()
        cause = _cause(self._process.wait())
        self._trouble = self._trouble or f"it {cause}"
        self._decided.set()
        for answer in held.values():
            answer.set_exception(WorkerDied(cause))


def _started(program: Program) -> tuple[Connection, int, subprocess.Popen[bytes]]:
    """Return our end of the way to a new process, the leash that it hangs on, and the process."""
    ours, theirs = Pipe()
    end, leash = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603  (ourselves; its secrets come over the pipe)
            [sys.executable, "-P", "-m", program.module, str(theirs.fileno()), str(end)],
            env=program.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), end),
            process_group=0,  # Ctrl-C at a terminal is for the parent, which finishes what it has begun
        )
    except OSError as error:
        ours.close()
        os.close(leash)
        raise WorkerUnavailable(f"no worker process can be started: {error.strerror}") from error
    finally:
        theirs.close()
        os.close(end)
    return ours, leash, process


def _cause(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
