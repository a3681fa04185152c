"""The lock on a state_dir: one runner at a time, and the names of whoever holds it."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from postroom.errors import FileFault, Locked

_NAME = "lock"
_HOST = "host-id"


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


def host_name() -> str:
    """Return what this host calls itself."""
    return socket.gethostname()


def holder_of(state_dir: Path) -> str:
    """Return the name under which whoever has the lock on `state_dir` takes leases and claims.

    It is the same at every start, and no other state_dir has it, also where hosts were cloned from one image
    after their first start, as long as they have names of their own.  Raises FileFault.
    """
    path = state_dir / _HOST
    try:
        with suppress(FileExistsError), path.open("x", encoding="ascii") as file:
            file.write(secrets.token_hex(4))
        return f"{host_name()}:{path.read_text(encoding='ascii')}"
    except OSError as error:
        raise FileFault(
            f"cannot use {path}: {error.strerror}", fix=f"give this user write rights on {state_dir}"
        ) from error


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
