"""An IMAP server that says to each command just the bytes that a test wants said, for as long as it wants."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import cast

Answer = Callable[[str, str], Iterable[bytes]]
"""What is said to a command, given its tag and the rest of its line."""


class RawImap(socketserver.ThreadingTCPServer):
    """Greets and answers as it is told; `heard` are the lines that a client sent, `sent` counts its bytes."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, greeting: Iterable[bytes], answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.greeting, self.answer = greeting, answer
        self.heard: list[str] = []
        self.sent = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])


@contextmanager
def raw_imap(greeting: Iterable[bytes], answer: Answer) -> Iterator[RawImap]:
    """Serve as long as the block lasts."""
    with RawImap(greeting, answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = cast("RawImap", self.server)
        with suppress(OSError):  # the client had enough
            self._say(server, server.greeting)
            for line in self.rfile:
                words = line.decode("utf-8", "replace").strip()
                server.heard.append(words)
                tag, _, command = words.partition(" ")
                self._say(server, server.answer(tag, command))

    def _say(self, server: RawImap, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self.wfile.write(piece)
            server.sent += len(piece)
