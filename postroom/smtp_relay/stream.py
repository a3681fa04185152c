"""What a session reads from: asyncio's reader, and the three things it has no public way for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from postroom.smtp_relay.bounds import BLOCK_BYTES, LINE_BYTES


class BlockReader(asyncio.StreamReader):
    """Reads lines of a bounded length, and in DATA blocks of a bounded size."""

    _buffer: bytearray
    _limit: int

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=LINE_BYTES, loop=loop)

    @property
    def has_line(self) -> bool:
        """Return whether there is a line to read already."""
        return b"\n" in self._buffer

    @contextmanager
    def in_blocks(self) -> Iterator[None]:
        """Let as much wait as fits a block; else the transport would be paused at each few lines."""
        self._limit = BLOCK_BYTES
        try:
            yield
        finally:
            self._limit = LINE_BYTES

    def put_back(self, rest: bytes) -> None:
        """Let what was read too far be read again, first."""
        self._buffer[0:0] = rest

    def drop(self) -> None:
        """Forget what came and was not read yet."""
        self._buffer.clear()

    def read_from(self, transport: asyncio.Transport) -> None:
        """Pause and resume another transport from now on."""
        self._transport = transport
