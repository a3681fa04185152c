"""The relay as it runs: who listens and lets clients in, and who serves them."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.context import ForkProcess
from pathlib import Path

import structlog

from postroom import maildir
from postroom.delivery import sweep
from postroom.errors import RelayUnusable
from postroom.smtp_relay.booth import Booth, Dialect, LocalBooth
from postroom.smtp_relay.booth_process import Forked, RemoteBooth, fork_booths
from postroom.smtp_relay.census import UNIX, Census, Network
from postroom.smtp_relay.known_orgs import KnownOrgs
from postroom.smtp_relay.listening import listen_on, place_of, room_for
from postroom.smtp_relay.refusal import turn_away

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.relay")
_REST_SECONDS = 1.0  # after a connection could not be taken: out of files or memory


@dataclass(frozen=True, slots=True)
class Plan:
    """One relay: where it listens, ("127.0.0.1", 2525) or the path of a unix socket; who may come; how."""

    listen: Sequence[tuple[str, int] | Path]
    dialect: Dialect
    allow: Sequence[Network]
    uncapped: Sequence[Network]


class Relay:
    """A listening relay; `places` are where it listens, with the ports that the system chose.

    It serves its clients in its own loop, or in the processes of `forked`, of which `lost` is one that ended.
    """

    def __init__(self, plan: Plan, forked: Sequence[Forked] = ()) -> None:
        self._plan = plan
        self._forked = forked
        self._asking = ThreadPoolExecutor(2, thread_name_prefix="relay-orgs")
        self._listeners: list[socket.socket] = []
        self._booths: list[Booth] = []
        self._census: Census
        self.places: list[str] = []
        self.lost: asyncio.Future[ForkProcess] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        """Begin to listen.  Raises RelayUnusable, MaildirUnusable; nothing listens then."""
        house = self._plan.dialect.house
        maildir.create(house.folder)
        sweep(house.folder, time.time())
        self._census = Census(
            most=room_for(house.bounds.sessions),
            most_per_address=house.bounds.sessions_per_address,
            allow=self._plan.allow,
            uncapped=self._plan.uncapped,
        )
        self._listeners = listen_on(self._plan.listen)
        self._booths = self._all_booths()
        for listener in self._listeners:
            self.places.append(place_of(listener))
            listener.setblocking(False)
            self._watch(listener)
        protocol = "lmtp" if self._plan.dialect.lmtp else "smtp"
        _log.info("relay listens", places=self.places, protocol=protocol, processes=max(1, len(self._forked)))

    async def close(self) -> None:
        """Take no more connections, let every message that was read to its end be answered, and end."""
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()
        for path in self._plan.listen:
            if isinstance(path, Path):
                path.unlink(missing_ok=True)
        await asyncio.gather(*(booth.close() for booth in self._booths))
        self._asking.shutdown()
        _log.info("relay closed")

    def _all_booths(self) -> list[Booth]:
        loop, knows_org = asyncio.get_running_loop(), self._plan.dialect.house.knows_org
        known = KnownOrgs(lambda slug: loop.run_in_executor(self._asking, knows_org, slug), clock=loop.time)
        left = self._census.leave
        if not self._forked:
            return [LocalBooth(self._plan.dialect, known, left)]
        return [RemoteBooth(each, known, left=left, lost=self._lose) for each in self._forked]

    def _watch(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:  # not closed meanwhile
            asyncio.get_running_loop().add_reader(listener, self._welcome, listener)

    def _welcome(self, listener: socket.socket) -> None:
        """Take one connection: the loop calls again while more wait, and serves others in between.

        No task waits for a connection: one that is cancelled would drop what it was just given.
        """
        try:
            connection, peer = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # who came has left
            return
        except OSError as error:
            _log.error("relay cannot take a connection", error=str(error))
            loop = asyncio.get_running_loop()
            loop.remove_reader(listener)
            loop.call_later(_REST_SECONDS, self._watch, listener)
            return
        connection.setblocking(False)
        self._let_in(connection, str(peer[0]) if isinstance(peer, tuple) else UNIX)

    def _let_in(self, connection: socket.socket, address: str) -> None:
        refusal = self._census.admit(address)
        if refusal:
            _log.warning("relay turned a client away", peer=address, reply=refusal)
            in_tls = address != UNIX and self._plan.dialect.implicit_tls is not None
            turn_away(connection, refusal, silently=in_tls)  # where TLS comes first, nobody reads plain text
            return
        min(self._booths, key=lambda booth: booth.sessions).seat(connection, address)

    def _lose(self, process: ForkProcess) -> None:
        if not self.lost.done():
            self.lost.set_result(process)


def forked_booths(plan: Plan) -> list[Forked]:
    """Return the processes that the plan wants; call it before there is a loop or a thread."""
    room_for(plan.dialect.house.bounds.sessions)
    return fork_booths(plan.dialect)


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
