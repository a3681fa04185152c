"""Strangers' containers are opened in children: what becomes of a child becomes of nothing else."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore

from postroom.errors import DecoderDied, DecoderUnavailable
from postroom.unpack.child_environment import child_environment
from postroom.unpack.container import Unpacked
from postroom.unpack.order import BEGUN, CANNOT_WRITE, Order, read_answer

FROM_OUTSIDE = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
"""What a person or the system ends a child by, which no mail does."""
_GRACE_SECONDS = 2.0  # beyond its own alarm
_ERRORS = "errors"
_SHOWN = 300  # characters of what it wrote there


class Children:
    """Opens each container in a process of its own, at most so many at once.

    A fresh child knows nothing of the mails before it, and can leave nothing behind.  A start costs about a
    tenth of a second, and only a mail with a container in it pays for it.
    """

    def __init__(self, most: int) -> None:
        self._turns = BoundedSemaphore(most)

    def open(self, order: Order) -> Unpacked:
        """Return what a child answered.  Raises DecoderDied, DecoderUnavailable."""
        into = Path(order.into)
        with self._turns:
            code = _run(order, into)
        if code == 0:
            return _answer(order, into)
        if code == CANNOT_WRITE:
            raise DecoderUnavailable(f"the {order.kind} decoder cannot write to {into}")
        if not (into / BEGUN).exists():
            raise DecoderUnavailable(f"the {order.kind} decoder does not start: {_last_words(into, code)}")
        if code < 0 and -code in FROM_OUTSIDE:
            raise DecoderUnavailable(f"the {order.kind} decoder was ended from outside")
        raise DecoderDied(f"the {order.kind} decoder {_cause(code, order)}")


def _run(order: Order, into: Path) -> int:
    """Run a child to its end and return its exit code, negative for a signal."""
    command = [sys.executable, "-P", "-m", "postroom.unpack.child", order.as_text()]
    try:
        with (into / _ERRORS).open("wb") as errors:
            child = subprocess.Popen(  # noqa: S603  (ourselves, and nothing of a stranger's in the command)
                command,
                env=child_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                process_group=0,  # Ctrl-C at a terminal is for the parent, which finishes what it has begun
            )
    except OSError as error:
        raise DecoderUnavailable(f"the {order.kind} decoder cannot be started: {error.strerror}") from error
    try:
        return child.wait(order.patience_seconds + _GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        return -signal.SIGALRM
    finally:
        child.kill()
        child.wait()


def _answer(order: Order, into: Path) -> Unpacked:
    try:
        return read_answer(into)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DecoderDied(f"the {order.kind} decoder gave no answer that can be read") from error


def _cause(code: int, order: Order) -> str:
    if code == -signal.SIGXCPU:
        return f"took longer than {order.seconds:.0f} s"
    if code == -signal.SIGALRM:
        return f"was not done after {order.patience_seconds:.0f} s"
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _last_words(into: Path, code: int) -> str:
    try:
        said = (into / _ERRORS).read_bytes()[-10_000:].decode("utf-8", "replace").strip()
    except OSError:
        said = ""
    return said.rpartition("\n")[2][:_SHOWN] or f"exit code {code}"
