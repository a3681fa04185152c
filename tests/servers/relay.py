"""The bundled relay as a server of its own in a thread, and a client that says exactly what it is told."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from postroom.core.routing import address_pattern
from postroom.errors import PostroomError
from postroom.smtp_relay.booth import Dialect
from postroom.smtp_relay.bounds import Bounds
from postroom.smtp_relay.census import LOOPBACK, Network
from postroom.smtp_relay.reception import House
from postroom.smtp_relay.server import Plan, Relay

BOUNDS = Bounds(
    message_bytes=1_000_000,
    recipients=100,
    sessions=2000,
    sessions_per_address=100,
    idle_seconds=20.0,
    session_seconds=60.0,
)
TO_ACME, TO_BETA = "orders+acme@in.example", "orders+beta@in.example"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(slots=True)
class Setup:
    """What a test wants of its relay."""

    bounds: Bounds = BOUNDS
    lmtp: bool = False
    listen: Sequence[tuple[str, int] | Path] = (("127.0.0.1", 0),)
    address: str = "orders+{org}@in.example"
    takes_unknown: bool = False
    allow: Sequence[Network] = LOOPBACK
    starttls: ssl.SSLContext | None = None
    implicit_tls: ssl.SSLContext | None = None
    requires_tls: bool = False
    knows_org: Callable[[str], bool] = field(default=lambda slug: slug in {"acme", "beta"})


class RunningRelay:
    """A relay that runs; `folder` is the Maildir it fills."""

    def __init__(self, folder: Path, places: list[str]) -> None:
        self.folder = folder
        self.places = places
        self.port = int(places[0].rpartition(":")[2]) if not places[0].startswith("unix:") else 0

    def mails(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.folder / "new").iterdir())]

    def leftovers(self) -> list[Path]:
        return list((self.folder / "tmp").iterdir())

    @contextmanager
    def dialogue(self, *, greeted: bool = True) -> Iterator[Dialogue]:
        with closing(Dialogue(socket.create_connection(("127.0.0.1", self.port), timeout=20))) as dialogue:
            if greeted:
                assert dialogue.read().startswith("220 relay.test")
                assert dialogue.say("EHLO client.example").startswith("250-relay.test")
            yield dialogue


class Dialogue:
    """A session, line by line."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._file = connection.makefile("rb")

    def say(self, line: str) -> str:
        """Send one line and return the reply to it."""
        self.send(line.encode() + b"\r\n")
        return self.read()

    def send(self, raw: bytes) -> None:
        self.connection.sendall(raw)

    def read(self) -> str:
        """Return one reply, all its lines; "" where the relay has closed."""
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            try:
                line = self._file.readline().decode()
            except ConnectionResetError:
                line = ""
            if not line:
                return "\n".join(lines)
            lines.append(line.rstrip("\r\n"))
        return "\n".join(lines)

    def close(self) -> None:
        self._file.close()
        self.connection.close()

    def begin(self, *recipients: str, sender: str = "a@b.example") -> None:
        """Go as far as the content of a message."""
        assert self.say(f"MAIL FROM:<{sender}>") == "250 2.1.0 sender ok"
        for recipient in recipients or (TO_ACME,):
            assert self.say(f"RCPT TO:<{recipient}>") == "250 2.1.5 recipient ok"
        assert self.say("DATA").startswith("354 ")

    def encrypt(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._file.close()
        self.connection = context.wrap_socket(self.connection)
        self._file = self.connection.makefile("rb")


@contextmanager
def running_relay(folder: Path, **wishes: Any) -> Iterator[RunningRelay]:
    """Run a relay into the Maildir `folder` as long as the block lasts; `wishes` are fields of Setup."""
    setup = replace(Setup(), **wishes)
    opened: asyncio.Queue[Relay | PostroomError] = asyncio.Queue()
    ready, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        relay = Relay(plan_for(folder, setup))
        await relay.open()
        opened.put_nowait(relay)
        ready.set()
        await stop.wait()
        await relay.close()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
            loop.run_until_complete(loop.shutdown_default_executor())
        except PostroomError as error:
            opened.put_nowait(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(20)
    relay = opened.get_nowait()
    try:
        if isinstance(relay, PostroomError):
            raise relay
        yield RunningRelay(folder, relay.places)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()
        assert not thread.is_alive()


def plan_for(folder: Path, setup: Setup) -> Plan:
    house = House(
        folder=folder,
        hostname="relay.test",
        address=address_pattern(setup.address),
        knows_org=setup.knows_org,
        takes_unknown=setup.takes_unknown,
        bounds=setup.bounds,
        now=lambda: NOW,
    )
    dialect = Dialect(
        house=house,
        lmtp=setup.lmtp,
        starttls=setup.starttls,
        implicit_tls=setup.implicit_tls,
        requires_tls=setup.requires_tls,
    )
    return Plan(listen=setup.listen, dialect=dialect, allow=setup.allow, uncapped=())
