"""A load of SMTP sessions with their latencies: one process that costs little beside the server it measures.

It pipelines as mail servers do (RFC 2920): MAIL, RCPT and DATA go out together, and QUIT behind the message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import cast

RECIPIENT = "orders+acme@in.example"
_LINE = b"0123456789" * 7 + b"\r\n"
_ENVELOPE = f"MAIL FROM:<a@b.example>\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\n".encode()


@dataclass(slots=True)
class Load:
    """What a load came to; `seconds` are from connecting, or MAIL on a kept connection, to the last 250."""

    wall_seconds: float = 0.0
    seconds: list[float] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


def send(port: int, *, mails: int, sessions: int, kept: bool, size_bytes: int = 10_240) -> Load:
    """Send so many mails over so many sessions at once; each on a connection of its own unless `kept`."""
    return asyncio.run(_send(port, mails, sessions, kept=kept, body=_LINE * (size_bytes // len(_LINE))))


async def _send(port: int, mails: int, sessions: int, *, kept: bool, body: bytes) -> Load:
    load, numbers, started = Load(), iter(range(mails)), time.perf_counter()
    loop = asyncio.get_running_loop()

    async def session() -> None:
        for number in numbers:
            turn = chain([number], numbers if kept else ())
            dialogue = _Dialogue(turn, body, load, loop.create_future())
            try:
                await loop.create_connection(lambda dialogue=dialogue: dialogue, "127.0.0.1", port)  # type: ignore[misc]
                await dialogue.over
            except (OSError, _Refused) as error:
                load.refusals.append(repr(error))

    await asyncio.gather(*(session() for _ in range(sessions)))
    load.wall_seconds = time.perf_counter() - started
    return load


class _Refused(Exception):
    pass


class _Dialogue(asyncio.Protocol):
    """One connection: what is said next, once so many replies have come to what was said last."""

    def __init__(self, numbers: Iterator[int], body: bytes, load: Load, over: asyncio.Future[None]) -> None:
        self.over = over
        self._numbers, self._body, self._load = numbers, body, load
        self._since, self._unread = time.perf_counter(), b""
        self._steps = self._spoken()
        self._awaited = next(self._steps)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast("asyncio.WriteTransport", transport)

    def data_received(self, received: bytes) -> None:
        *lines, self._unread = (self._unread + received).split(b"\n")
        for line in lines:
            if line[3:4] == b"-":
                continue
            if line[:1] not in b"23":
                self._end(_Refused(line))
                return
            self._awaited -= 1
            if self._awaited == 0:
                self._awaited = next(self._steps, -1)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error or ConnectionResetError("closed too early"))

    def _end(self, error: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(error) if error else self.over.set_result(None)
        self._wire.close()

    def _spoken(self) -> Iterator[int]:
        """Say one thing after the other; each time yield how many replies to wait for."""
        yield 1
        self._wire.write(b"EHLO bench.example\r\n")
        yield 1
        for number in self._numbers:
            self._wire.write(_ENVELOPE)
            yield 3
            head = f"Subject: {number}\r\nMessage-ID: <{number}.{time.time_ns()}@bench.example>\r\n\r\n"
            self._wire.write(head.encode() + self._body + b".\r\n")
            yield 1
            self._load.seconds.append(time.perf_counter() - self._since)
            self._since = time.perf_counter()
        self._wire.write(b"QUIT\r\n")
        self._end(None)
