"""The lock on a state_dir: one runner at a time, and a name for whoever holds it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from postroom.errors import FileFault, Locked

_NAME = "lock"


@contextmanager
def state_lock(state_dir: Path, *, command: str, now: datetime) -> Iterator[None]:
    """Hold the lock of `state_dir`; the kernel gives it back when this process ends, however it ends.

    Raises Locked, which names the holder, and FileFault.
    """
    path = state_dir / _NAME
    try:
        handle = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise FileFault(
            f"cannot open {path}: {error.strerror}", fix=f"give this user write rights on {state_dir}"
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Locked(
                f"{_holder(handle)} works on {state_dir}",
                fix="let it finish, or stop it; or use a state_dir of its own; or fetch with --skip-locked",
            ) from error
        _sign(handle, command, now)
        yield


def _sign(handle: IO[str], command: str, now: datetime) -> None:
    handle.seek(0)
    handle.truncate()
    json.dump({"pid": os.getpid(), "command": command, "since": f"{now:%Y-%m-%d %H:%M:%SZ}"}, handle)
    handle.flush()


def _holder(handle: IO[str]) -> str:
    """Return who signed the lock; a signature that is half written names nobody."""
    handle.seek(0)
    try:
        signed = json.loads(handle.read(1024))
        return f"postroom {signed['command']} (pid {signed['pid']}, since {signed['since']})"
    except (ValueError, KeyError, TypeError):
        return "another postroom"
