"""A wire between a client and a server that can be cut, at any byte, or that can hang."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from enum import StrEnum
from threading import Event, Thread

_BLOCK = 65_536


class Toward(StrEnum):
    """Where bytes go."""

    SERVER = "server"
    CLIENT = "client"


@dataclass(slots=True)
class _Cut:
    """One connection ends once so many bytes more went that way: by a reset, or quietly."""

    toward: Toward
    bytes_left: int
    quietly: bool


class Wire:
    """Forwards connections from `port` of 127.0.0.1 to another port there; it runs in a thread of its own."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.carried = dict.fromkeys(Toward, 0)
        """How many bytes went each way, in all connections."""
        self._target_port = target_port
        self._next_cut: _Cut | None = None
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

    def cut_at(self, byte: int, toward: Toward, *, quietly: bool) -> None:
        """End the connection over which the next `byte` bytes that way are complete; all others live on.

        The bytes before arrive, those after never do.  Another order takes the place of one that waits.
        """
        self._next_cut = _Cut(toward, byte, quietly)

    @property
    def has_cut(self) -> bool:
        """Return whether the last order of `cut_at` was carried out."""
        return self._next_cut is None

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
                asyncio.create_task(self._pump(reader, back, Toward.SERVER, writer)),
                asyncio.create_task(self._pump(there, writer, Toward.CLIENT, back)),
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

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        toward: Toward,
        behind: asyncio.StreamWriter,
    ) -> None:
        """Carry what `reader` gives to `writer`; `behind` is the way back to who sent it."""
        try:
            while block := await reader.read(_BLOCK):
                await self._flows.wait()
                cut = self._cut_within(len(block), toward)
                carried = block[: cut.bytes_left] if cut else block
                self.carried[toward] += len(carried)
                writer.write(carried)
                await writer.drain()
                if cut is not None:
                    if not cut.quietly:
                        _reset(writer)
                        _reset(behind)
                    return
        except OSError:
            return

    def _cut_within(self, size: int, toward: Toward) -> _Cut | None:
        """Return the cut that is due within the next `size` bytes that way, if there is one."""
        cut = self._next_cut
        if cut is None or cut.toward != toward:
            return None
        if cut.bytes_left > size:
            cut.bytes_left -= size
            return None
        self._next_cut = None
        return cut

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
