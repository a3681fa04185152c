"""Turning a client away."""

from __future__ import annotations

import asyncio
from typing import cast


class Refusal(asyncio.Protocol):
    """A client that is turned away before it costs anything."""

    def __init__(self, reply: str) -> None:
        self._reply = reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        turn_away(transport, self._reply)


def turn_away(transport: asyncio.BaseTransport, reply: str) -> None:
    """Say `reply` and close; the client need not read it."""
    cast("asyncio.WriteTransport", transport).write(reply.encode() + b"\r\n")
    transport.close()
