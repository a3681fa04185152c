"""The bytes of one message on their way in: in memory while it is small, then in a file without a name."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from postroom.delivery import HEAD_BYTES, Arrival, Envelope, on_top, stripped
from postroom.errors import MaildirUnusable
from postroom.maildir import explained
from postroom.smtp_relay.bounds import BLOCK_BYTES, IN_MEMORY_BYTES


class Ram:
    """How much of all arriving messages is in memory now, and at most."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.taken_bytes = 0

    @property
    def is_full(self) -> bool:
        return self.taken_bytes >= self._most_bytes


class Content:
    """One message; `fault` is why it cannot be kept, `is_too_big` that it will not be.

    The file lies in tmp/ of the Maildir and has no name, so that nothing is left of it however we end.
    """

    def __init__(self, folder: Path, *, most_bytes: int, ram: Ram) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._ram = ram
        self._pieces: list[bytes] = []
        self._in_memory_bytes = 0
        self._file: BinaryIO | None = None
        self._spilling: asyncio.Future[None] | None = None
        self._lent = 0
        self.size_bytes = 0
        self.fault: MaildirUnusable | None = None

    @property
    def is_too_big(self) -> bool:
        return self.size_bytes > self._most_bytes

    async def add(self, piece: bytes) -> None:
        """Take `piece`; the disk is written in a thread, so that it holds up nobody else."""
        self.size_bytes += len(piece)
        if self.is_too_big or self.fault:
            self.close()
            return
        self._pieces.append(piece)
        self._in_memory_bytes += len(piece)
        self._ram.taken_bytes += len(piece)
        if self._in_memory_bytes > IN_MEMORY_BYTES or self._ram.is_full:
            self._spilling = asyncio.get_running_loop().run_in_executor(None, self._spill)
            await asyncio.shield(self._spilling)  # who is cancelled here closes: close() waits for the thread
            self._forget()

    def letter(self, envelope: Envelope, arrival: Arrival) -> Iterator[bytes]:
        """Yield the mail as it is written for one recipient; may be asked for many, at the same time."""
        spilled = () if self._file is None else _blocks(self._file.fileno())
        rest = chain(spilled, self._pieces)
        head = b""
        while len(head) < HEAD_BYTES and (block := next(rest, b"")):
            head += block
        head = stripped(head)
        return chain((on_top(head, envelope, arrival) + head,), rest)

    def lend(self, times: int) -> None:
        """Keep the bytes until `give_back` was called so many times."""
        self._lent = times

    def give_back(self) -> None:
        """Say that one of those who were lent the bytes reads them no more."""
        self._lent -= 1
        if self._lent == 0:
            self.close()

    def close(self) -> None:
        """Give back memory and disk, after the thread that writes to it; may be called again."""
        if self._spilling is not None and not self._spilling.done():
            self._spilling.add_done_callback(lambda _: self.close())
            return
        self._forget()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _spill(self) -> None:
        try:
            with explained("write", self._folder / "tmp"):
                if self._file is None:
                    self._file = cast("BinaryIO", TemporaryFile(dir=self._folder / "tmp"))  # noqa: SIM115  (close)
                self._file.writelines(self._pieces)
                self._file.flush()
        except MaildirUnusable as error:
            self.fault = error

    def _forget(self) -> None:
        self._ram.taken_bytes -= self._in_memory_bytes
        self._in_memory_bytes = 0
        self._pieces = []


def _blocks(handle: int) -> Iterator[bytes]:
    """Yield a file's blocks without moving its position: several may read it at the same time."""
    offset = 0
    while block := os.pread(handle, BLOCK_BYTES, offset):
        offset += len(block)
        yield block
