"""sd_notify(3): telling the service manager that started us how we are, as systemd listens for it.

The protocol is one datagram to a socket.  Of the libraries for it, one was given up years ago and the others
are bindings that need a compiler and systemd's headers.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

import structlog

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.run")
_PATIENCE_SECONDS = 2.0


class ServiceSupervisor:
    """Who started us and wants to hear of us; without NOTIFY_SOCKET that is nobody, and nothing is sent."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _socket_address(environ.get("NOTIFY_SOCKET", ""))
        self.watchdog_seconds = _watchdog_seconds(environ)

    def tell(self, *assignments: str) -> None:
        """Send assignments such as "READY=1"; one that cannot be sent is logged and changes nothing here."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(_PATIENCE_SECONDS)
                sender.sendto("\n".join(assignments).encode(), self._address)
        except OSError as error:
            _log.warning("systemd not told", words=" ".join(assignments), error=str(error))


def _socket_address(name: str) -> str:
    """Return what to send to: a path, or a name in the abstract namespace, which `@` stands for; else ""."""
    if name.startswith("@"):
        return f"\0{name[1:]}"
    return name if name.startswith("/") else ""


def _watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    """Return after how long a silence we are killed; None where nobody watches us."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 1_000_000 or None
