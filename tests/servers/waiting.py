"""Waiting for a condition, never for a time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    """Return as soon as `holds()`; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        pause.wait(0.02)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
