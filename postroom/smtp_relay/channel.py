"""Short messages, and sockets with them, between the process that listens and those that serve."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress

_LONGEST_BYTES = 1024  # an address or the slug of an org, and the word before it

Heard = Callable[[str, str, socket.socket | None], None]


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected ends that keep messages apart."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Channel:
    """One end, in the loop it was made in; `heard` gets each message: its word, its text, and its socket.

    `lost` is called once, when the other side is gone.
    """

    def __init__(self, end: socket.socket, *, heard: Heard, lost: Callable[[], None]) -> None:
        self._end = end
        self._heard = heard
        self._lost = lost
        self._unsent: deque[tuple[bytes, socket.socket | None]] = deque()
        self._loop = asyncio.get_running_loop()
        end.setblocking(False)
        self._loop.add_reader(end, self._read)

    def send(self, word: str, text: str = "", connection: socket.socket | None = None) -> None:
        """Send a message, now or when there is room for it; `connection` goes over to the other side.

        Where that is gone, the message is lost and the connection closed.
        """
        if self._end.fileno() < 0:
            if connection is not None:
                connection.close()
            return
        self._unsent.append((f"{word} {text}".encode(), connection))
        if len(self._unsent) == 1:
            self._write()

    def close(self) -> None:
        """Close this end; safe to repeat."""
        if self._end.fileno() >= 0:
            self._loop.remove_reader(self._end)
            self._loop.remove_writer(self._end)
            self._end.close()
        for _, connection in self._unsent:
            if connection is not None:
                connection.close()
        self._unsent.clear()

    def _write(self) -> None:
        while self._unsent:
            message, connection = self._unsent[0]
            try:
                socket.send_fds(self._end, [message], [] if connection is None else [connection.fileno()])
            except BlockingIOError:
                self._loop.add_writer(self._end, self._write)
                return
            except OSError:  # the other side is gone: the reader sees it too
                break
            self._unsent.popleft()
            if connection is not None:
                connection.close()
        self._loop.remove_writer(self._end)

    def _read(self) -> None:
        while True:
            try:
                message, handles, _, _ = socket.recv_fds(self._end, _LONGEST_BYTES, 1)
            except BlockingIOError:
                return
            except OSError:
                message, handles = b"", []
            if not message:
                self.close()
                self._lost()
                return
            word, _, text = message.decode().partition(" ")
            self._heard(word, text, _taken(handles))
            if self._end.fileno() < 0:  # closed by who heard it
                return


def _taken(handles: list[int]) -> socket.socket | None:
    """Return the socket that came with a message, None where its client is gone already."""
    if not handles:
        return None
    with suppress(OSError):
        return socket.socket(fileno=handles[0])
    os.close(handles[0])
    return None
