"""A suspect mail is taken apart by a child first: what befalls the child befalls nobody else."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from postroom.core.limits import MIB
from postroom.errors import DecoderUnavailable, MessageDeadly
from postroom.unpack.child_environment import child_environment
from postroom.unpack.children import FROM_OUTSIDE

_MEMORY_BYTES: Final = 4096 * MIB
_SECONDS: Final = 300
_ENDED_WELL: Final = {0, 65}  # 65: it is no message, and that was found without harm


def rehearse(mail: Path, *, seconds: float = _SECONDS, memory_bytes: int = _MEMORY_BYTES) -> None:
    """Let a child take the mail in a file apart as `postroom inspect` does, and return if it lives.

    The child has no secret and no configuration.  Raises MessageDeadly where it dies or takes longer than
    `seconds`, DecoderUnavailable where it cannot be started or was ended from outside.
    """
    code = _run(
        [sys.executable, "-P", "-m", "postroom", "inspect", "--json", str(mail)], seconds, memory_bytes
    )
    if code in _ENDED_WELL:
        return
    if code < 0 and -code in FROM_OUTSIDE:
        raise DecoderUnavailable("the child that tried a message was ended from outside")
    raise MessageDeadly(f"a child that took this message apart alone {_cause(code, seconds)}")


def _run(command: list[str], seconds: float, memory_bytes: int) -> int:
    """Return the exit code of a child, negative for a signal."""
    try:
        child = subprocess.Popen(  # noqa: S603  (ourselves; the path is one of our own)
            command,
            cwd="/",
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C at a terminal is for the parent
        )
    except OSError as error:
        raise DecoderUnavailable(f"no child can be started to try a message: {error.strerror}") from error
    try:
        with suppress(ProcessLookupError):
            resource.prlimit(child.pid, resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return -signal.SIGALRM
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)  # its own children too
        child.wait()


def _cause(code: int, seconds: float) -> str:
    if code == -signal.SIGALRM:
        return f"was not done after {seconds:.0f} s"
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
