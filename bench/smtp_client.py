"""A load of SMTP sessions with their latencies: one process, asyncio, no library between it and the wire."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

RECIPIENT = "orders+acme@in.example"
_LINE = b"0123456789" * 7 + b"\r\n"


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

    async def session() -> None:
        for number in numbers:
            wire = await _Wire.open(port)
            try:
                await wire.one_mail(number, body, load, since=wire.opened_at)
                if kept:
                    for another in numbers:
                        await wire.one_mail(another, body, load, since=time.perf_counter())
            except (OSError, asyncio.IncompleteReadError, _Refused) as error:
                load.refusals.append(repr(error))
            finally:
                wire.close()

    await asyncio.gather(*(session() for _ in range(sessions)))
    load.wall_seconds = time.perf_counter() - started
    return load


class _Refused(Exception):
    pass


class _Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, opened_at: float) -> None:
        self._reader, self._writer, self.opened_at = reader, writer, opened_at

    @classmethod
    async def open(cls, port: int) -> _Wire:
        opened_at = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        wire = cls(reader, writer, opened_at)
        await wire._reply()
        await wire._say(b"EHLO bench.example\r\n")
        return wire

    async def one_mail(self, number: int, body: bytes, load: Load, *, since: float) -> None:
        await self._say(b"MAIL FROM:<a@b.example>\r\n")
        await self._say(f"RCPT TO:<{RECIPIENT}>\r\n".encode())
        await self._say(b"DATA\r\n")
        head = f"Subject: {number}\r\nMessage-ID: <{number}.{time.time_ns()}@bench.example>\r\n\r\n"
        await self._say(head.encode() + body + b".\r\n")
        load.seconds.append(time.perf_counter() - since)

    def close(self) -> None:
        self._writer.write(b"QUIT\r\n")
        self._writer.close()

    async def _say(self, raw: bytes) -> None:
        self._writer.write(raw)
        await self._reply()

    async def _reply(self) -> None:
        line = await self._reader.readuntil(b"\n")
        while line[3:4] == b"-":
            line = await self._reader.readuntil(b"\n")
        if line[:1] not in b"23":
            raise _Refused(line)
