"""How much of everything one relay gives to its clients."""

from __future__ import annotations

from dataclasses import dataclass

LINE_BYTES = 1001  # a command line; RFC 5321 4.5.3.1.4 asks for 512 and what the extensions add
BLOCK_BYTES = 1 << 18  # what is read of a message at once
IN_MEMORY_BYTES = 1 << 18  # of one message; what is longer goes through a file without a name
ALL_IN_MEMORY_BYTES = 1 << 25  # of all messages that are arriving now
OVERRUN_FACTOR = 2  # a message is read to its end, so that its 552 is seen, but not beyond so many limits


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a client can use up; `session_seconds` is the life of one connection, whatever it does."""

    message_bytes: int
    recipients: int
    sessions: int
    sessions_per_address: int
    idle_seconds: float
    session_seconds: float
