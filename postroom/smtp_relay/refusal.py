"""Turning a client away."""

from __future__ import annotations

import socket
from contextlib import suppress


def turn_away(connection: socket.socket, reply: str, *, silently: bool) -> None:
    """Close a connection that nobody serves, with a reply that its client need not read."""
    with connection, suppress(OSError):
        if not silently:
            connection.send(reply.encode() + b"\r\n")
