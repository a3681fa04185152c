"""A wire between a client and a server that can be cut, or that can hang."""

from __future__ import annotations

import asyncio
import socket
import struct
from threading import Event, Thread

_BLOCK = 65_536


class Wire:
    """Forwards connections from `port` of 127.0.0.1 to another port there; it runs in a thread of its own."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_cut = False
        self._open: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._thread = Thread(target=self._live, name="wire", daemon=True)

    def start(self) -> None:
        """Return when it takes connections."""
        ready = Event()
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(ready), self._loop)
        assert ready.wait(10), "the wire never listened"

    def cut(self) -> None:
        """Reset every connection, and refuse new ones until `mend`."""
        self._is_cut = True
        self._loop.call_soon_threadsafe(self._reset_all)

    def hang(self) -> None:
        """Let nothing through until `mend`, as if packets were lost; connections stay open."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def mend(self) -> None:
        """Let everything through again, also what waited."""
        self._is_cut = False
        self._loop.call_soon_threadsafe(self._flows.set)

    def close(self) -> None:
        """End every connection and the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self, ready: Event) -> None:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        ready.set()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            _reset(writer)
            return
        self._open.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._open.add(back)
            pumps = {
                asyncio.create_task(self._pump(reader, back)),
                asyncio.create_task(self._pump(there, writer)),
            }
            self._pumps |= pumps
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            self._pumps -= pumps
            self._open.discard(back)
            back.close()
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while block := await reader.read(_BLOCK):
                await self._flows.wait()
                writer.write(block)
                await writer.drain()
        except OSError:
            return

    def _reset_all(self) -> None:
        for writer in tuple(self._open):
            _reset(writer)

    async def _end(self) -> None:
        self._server.close()
        pumps = tuple(self._pumps)
        for pump in pumps:
            pump.cancel()
        self._reset_all()
        await asyncio.gather(*pumps, return_exceptions=True)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
