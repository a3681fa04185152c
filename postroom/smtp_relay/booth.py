"""Where sessions are served: the loop of one process, with what its sessions share."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from postroom.smtp_relay import replies
from postroom.smtp_relay.connection import Connection
from postroom.smtp_relay.known_orgs import KnownOrgs
from postroom.smtp_relay.lmtp import LmtpSession
from postroom.smtp_relay.reception import House, Reception
from postroom.smtp_relay.session import SmtpSession

_TURN_SECONDS = 0.02
_POLITE_SECONDS = 0.5  # for clients to answer the end of TLS
_PATIENCE_SECONDS = 10.0  # for sessions between the end of a message and its reply


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is spoken with clients; `processes` share the memory that arriving messages may take."""

    house: House
    lmtp: bool
    starttls: ssl.SSLContext | None = None
    implicit_tls: ssl.SSLContext | None = None
    requires_tls: bool = False
    processes: int = 1


class Booth(Protocol):
    """Serves the connections that it is given."""

    @property
    def sessions(self) -> int:
        """Return how many connections are not over yet."""

    def seat(self, connection: socket.socket, address: str) -> None:
        """Serve a connection that was admitted; it is the booth's from now on."""

    async def close(self) -> None:
        """Let every message that was read to its end be answered, cut all sessions off, and end."""


class LocalBooth:
    """A booth in this loop; `left` gets the address of each connection that is over."""

    def __init__(self, dialect: Dialect, known: KnownOrgs, left: Callable[[str], None]) -> None:
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd's own: each line of each dialogue
        self._dialect = dialect
        self._left = left
        self._reception = Reception(dialect, known, over=self._over)
        self._session = (LmtpSession if dialect.lmtp else SmtpSession).at(self._reception)
        self._open: set[Connection] = set()
        self._greetings: set[asyncio.Task[None]] = set()

    @property
    def sessions(self) -> int:
        return len(self._open)

    def seat(self, connection: socket.socket, address: str) -> None:
        session = self._session()
        session.address = address
        self._open.add(session)
        greeting = asyncio.get_running_loop().create_task(self._greet(session, connection))
        self._greetings.add(greeting)

        def greeted(_: asyncio.Task[None]) -> None:
            self._greetings.discard(greeting)
            if session.transport is None:  # the client left before, or it is we who leave
                connection.close()
                self._over(session)

        greeting.add_done_callback(greeted)

    async def close(self) -> None:
        for greeting in self._greetings:
            greeting.cancel()
        if self._greetings:
            await asyncio.wait(self._greetings)
        loop = asyncio.get_running_loop()
        polite_until, deadline = loop.time() + _POLITE_SECONDS, loop.time() + _PATIENCE_SECONDS
        await asyncio.sleep(0)  # a connection that was just taken is a session or closed then
        while self._open and loop.time() < deadline:
            for session in [each for each in self._open if not each.is_busy]:
                session.cut(replies.CLOSING, at_once=loop.time() > polite_until)
            await asyncio.sleep(_TURN_SECONDS)
        await self._reception.close()

    async def _greet(self, session: SmtpSession, connection: socket.socket) -> None:
        """Return when the session has begun, after the handshake where TLS comes first."""
        tls = None if connection.family == socket.AF_UNIX else self._dialect.implicit_tls
        patience = self._dialect.house.bounds.idle_seconds if tls else None
        with suppress(OSError):  # it broke off, or cannot shake hands
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: session, connection, ssl=tls, ssl_handshake_timeout=patience
            )

    def _over(self, session: Connection) -> None:
        if session in self._open:
            self._open.remove(session)
            self._left(session.address)
