"""IDLE (RFC 2177) on a connection that would otherwise lie unused between two polls.

The library waits in IDLE with a thread of its own for each connection.  Here one look tells whether a server
said something, so that one thread can watch hundreds.
"""

from __future__ import annotations

import re
import ssl
import time
from dataclasses import dataclass
from typing import Any, Final

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

_ANSWER_SECONDS = 10.0  # to IDLE and to DONE; nothing is lost with a connection that is given up
_LINE_BYTES = 8_192
_ARRIVED: Final = re.compile(rb"\* \d+ (?:EXISTS|RECENT)", re.IGNORECASE)
_TAG: Final = b"W1"


@dataclass(frozen=True, slots=True)
class Rest:
    """How a source rests between two polls, and whether mail arrived since the last one."""

    is_idle: bool
    mail_arrived: bool


class Idle:
    """One connection in IDLE, from `begin` to `end`; one thread uses it at a time.

    All reading goes past the library's buffer, which nobody could look into without waiting.
    """

    def __init__(self, client: Any) -> None:
        self._wire = client._imap  # noqa: SLF001 - the library's own IDLE cannot be looked at without waiting
        self._socket = client.socket()
        self._unread = b""

    def begin(self) -> bool:
        """Enter IDLE; return whether mail arrived just now.

        Raises IMAPClientError when the server refuses, IMAPClientAbortError and OSError when it is away.
        """
        self._wire.send(_TAG + b" IDLE\r\n")
        lines = self._until(b"+", _TAG)
        if not lines[-1].startswith(b"+"):
            raise IMAPClientError(lines[-1].decode("latin-1"))
        # What came in the same breath lies decrypted in the TLS layer, where no selector sees it.
        return self.mail_arrived() or _tells_of_mail(lines)

    def fileno(self) -> int:
        """Return the descriptor that can be read as soon as the server says something."""
        number: int = self._socket.fileno()
        return number

    def mail_arrived(self) -> bool:
        """Return whether what the server said meanwhile tells of mail; never waits.

        Raises IMAPClientAbortError and OSError when the connection is of no use any more.
        """
        self._socket.setblocking(False)
        try:
            while True:
                self._unread += self._received(_LINE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        *lines, self._unread = self._unread.split(b"\n")
        if len(self._unread) > _LINE_BYTES or any(line.startswith((b"* BYE", _TAG)) for line in lines):
            raise IMAPClientAbortError("the server ended IDLE")
        return _tells_of_mail(lines)

    def end(self, read_seconds: float) -> bool:
        """Leave IDLE; return whether mail arrived meanwhile.  `read_seconds` is the timeout from then on.

        Raises IMAPClientAbortError and OSError when the server does not answer in a few seconds.
        """
        self._socket.settimeout(_ANSWER_SECONDS)
        self._wire.send(b"DONE\r\n")
        lines = self._until(_TAG)
        self._socket.settimeout(read_seconds)
        return _tells_of_mail(lines)

    def _until(self, *starts: bytes) -> list[bytes]:
        """Return the lines up to the first that begins with one of `starts`, and not a byte more."""
        self._socket.settimeout(_ANSWER_SECONDS)
        deadline = time.monotonic() + _ANSWER_SECONDS
        lines: list[bytes] = []
        while not lines or not lines[-1].startswith(starts):
            while not self._unread.endswith(b"\n"):
                if len(self._unread) > _LINE_BYTES or time.monotonic() > deadline:
                    raise IMAPClientAbortError("no answer to IDLE in time")
                self._unread += self._received(1)
            *told, self._unread = self._unread.split(b"\n")
            lines += told
        return lines

    def _received(self, most: int) -> bytes:
        received: bytes = self._socket.recv(most)
        if not received:
            raise IMAPClientAbortError("the server closed the connection")
        return received


def _tells_of_mail(lines: list[bytes]) -> bool:
    return any(map(_ARRIVED.match, lines))
