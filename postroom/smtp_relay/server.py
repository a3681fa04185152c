"""The relay as it runs: listening, and going down without losing what is being written."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from postroom import maildir
from postroom.delivery import sweep
from postroom.errors import RelayUnusable
from postroom.smtp_relay import replies
from postroom.smtp_relay.census import Census, Network
from postroom.smtp_relay.listening import BACKLOG, listen_on, place_of
from postroom.smtp_relay.lmtp import LmtpSession
from postroom.smtp_relay.reception import House, Reception
from postroom.smtp_relay.refusal import Refusal
from postroom.smtp_relay.session import SmtpSession

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.relay")
_SPARE_FILES = 200  # for everything that is no session: the database, the writers, the log
_TURN_SECONDS = 0.02
_POLITE_SECONDS = 0.5  # for clients to answer the end of TLS
_PATIENCE_SECONDS = 10.0  # for sessions between the end of a message and its reply


@dataclass(frozen=True, slots=True)
class Plan:
    """One relay: where it listens, ("127.0.0.1", 2525) or the path of a unix socket, and how."""

    listen: Sequence[tuple[str, int] | Path]
    lmtp: bool
    house: House
    allow: Sequence[Network]
    uncapped: Sequence[Network]
    starttls: ssl.SSLContext | None = None
    implicit_tls: ssl.SSLContext | None = None
    requires_tls: bool = False


class Relay:
    """A listening relay; `places` are where it listens, with the ports that the system chose."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._kind = LmtpSession if plan.lmtp else SmtpSession
        self._template: SmtpSession | None = None
        self._servers: list[asyncio.Server] = []
        self._reception: Reception | None = None
        self.places: list[str] = []

    async def open(self) -> None:
        """Begin to listen.  Raises RelayUnusable, MaildirUnusable; nothing listens then."""
        plan = self._plan
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd's own: each line of each dialogue
        maildir.create(plan.house.folder)
        sweep(plan.house.folder, time.time())
        sessions = _room_for(plan.house.bounds.sessions)
        census = Census(
            most=sessions,
            most_per_address=plan.house.bounds.sessions_per_address,
            allow=plan.allow,
            uncapped=plan.uncapped,
        )
        listeners = listen_on(plan.listen)
        self._reception = Reception(
            plan.house, census, starttls=plan.starttls, requires_tls=plan.requires_tls
        )
        self._template = self._kind(self._reception)
        loop = asyncio.get_running_loop()
        for listener in listeners:
            self.places.append(place_of(listener))
            tls = None if listener.family == socket.AF_UNIX else plan.implicit_tls
            serve = loop.create_unix_server if listener.family == socket.AF_UNIX else loop.create_server
            server = await serve(self._protocol, sock=listener, ssl=tls, backlog=BACKLOG)
            self._servers.append(server)
        _log.info("relay listens", places=self.places, protocol="lmtp" if plan.lmtp else "smtp")

    async def close(self) -> None:
        """Take no more connections, let every message that was read to its end be answered, and end."""
        for server in self._servers:
            server.close()
        for path in self._plan.listen:
            if isinstance(path, Path):
                path.unlink(missing_ok=True)
        if self._reception is None:
            return
        await asyncio.sleep(_TURN_SECONDS)  # a connection that was just taken becomes a session meanwhile
        loop = asyncio.get_running_loop()
        polite_until, deadline = loop.time() + _POLITE_SECONDS, loop.time() + _PATIENCE_SECONDS
        while self._reception.sessions and loop.time() < deadline:
            for session in [each for each in self._reception.sessions if not each.is_busy]:
                session.cut(replies.CLOSING, at_once=loop.time() > polite_until)
            await asyncio.sleep(_TURN_SECONDS)
        await asyncio.sleep(_TURN_SECONDS)  # what was cut is closed in the loop's next turns
        await self._reception.close()
        _log.info("relay closed")

    def _protocol(self) -> asyncio.BaseProtocol:
        assert self._reception is not None  # noqa: S101  (nothing listens before it is there)
        if self._reception.census.is_full:
            return Refusal(replies.TOO_MANY_SESSIONS)
        return self._kind(self._reception, self._template)


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a TLS server needs; at least TLS 1.2.  Raises RelayUnusable."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise RelayUnusable(
            f"cannot use the certificate {certificate} with the key {key}: {error}",
            fix="relay.tls_cert is a PEM file with the whole chain, relay.tls_key its key, both readable",
        ) from error
    return context


def _room_for(sessions: int) -> int:
    """Raise the limit of open files as far as we may, and return how many sessions fit under it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sessions + _SPARE_FILES
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    room = max(1, min(sessions, soft - _SPARE_FILES))
    if room < sessions:
        _log.warning("fewer sessions than configured: too few open files", sessions=room, open_files=soft)
    return room
