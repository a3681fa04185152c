"""An opened postroom becomes a relay: alone in its process, or in a thread beside the service."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from threading import Thread

from postroom.app.compose import App
from postroom.config.settings import Relay as RelaySettings
from postroom.config.settings import Tls, Unknown
from postroom.core.routing import address_pattern
from postroom.errors import ConfigFault, RelayBroken
from postroom.smtp_relay.booth import Dialect
from postroom.smtp_relay.bounds import Bounds
from postroom.smtp_relay.reception import House
from postroom.smtp_relay.server import Plan, Relay, forked_booths, tls_context

_MOST_PROCESSES = 4  # more share the disk, not the work


def serve_relay(app: App) -> None:
    """Run the relay until SIGTERM or SIGINT.

    Raises ConfigFault, RelayUnusable, MaildirUnusable; RelayBroken when a process that serves it ended.
    """
    plan = relay_plan(app, processes=_processes(app))
    forked = forked_booths(plan) if plan.dialect.processes > 1 else []

    async def serve() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        relay = Relay(plan, forked)
        await relay.open()
        relay.lost.add_done_callback(lambda _: stop.set())
        await stop.wait()
        await relay.close()
        if relay.lost.done():
            raise RelayBroken(f"the process {relay.lost.result().name} of the relay ended")

    try:
        asyncio.run(serve())
    finally:
        for each in forked:
            each.end.close()  # those that serve end with it


def _processes(app: App) -> int:
    """Return how many processes serve: as many as asked for, else one for each core, up to four."""
    wanted = app.settings.relay.processes if app.settings.relay else None
    return wanted or min(_MOST_PROCESSES, len(os.sched_getaffinity(0)))


@contextmanager
def relay_beside(app: App) -> Iterator[None]:
    """Run the relay in a thread as long as the block lasts.

    Raises ConfigFault, RelayUnusable and MaildirUnusable before the block, when it cannot begin to listen.
    """
    loop, opened = asyncio.new_event_loop(), Future[None]()
    stop = asyncio.Event()
    thread = Thread(target=_run, args=(loop, relay_plan(app), opened, stop), name="relay")
    thread.start()
    try:
        opened.result()
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def _run(loop: asyncio.AbstractEventLoop, plan: Plan, opened: Future[None], stop: asyncio.Event) -> None:
    async def serve() -> None:
        relay = Relay(plan)
        opening = asyncio.ensure_future(relay.open())
        await asyncio.wait([opening])
        error = opening.exception()
        if error is not None:
            opened.set_exception(error)
            return
        opened.set_result(None)
        await stop.wait()
        await relay.close()

    loop.run_until_complete(serve())
    loop.run_until_complete(loop.shutdown_default_executor())


def relay_plan(app: App, *, processes: int = 1) -> Plan:
    """Return the relay that the settings describe, served by so many.  Raises ConfigFault, RelayUnusable."""
    relay = app.settings.relay
    if relay is None:
        raise ConfigFault(
            "there is no relay: the table [relay] is missing", fix="add [relay] to postroom.toml"
        )
    tls = tls_context(relay.tls_cert, relay.tls_key) if relay.tls_cert and relay.tls_key else None
    return Plan(
        listen=relay.listen,
        dialect=Dialect(
            house=_house(app, relay),
            lmtp=relay.protocol == "lmtp",
            starttls=tls if relay.tls is Tls.STARTTLS else None,
            implicit_tls=tls if relay.tls is Tls.IMPLICIT else None,
            requires_tls=relay.tls_require,
            processes=processes,
        ),
        allow=relay.allow,
        uncapped=relay.uncapped,
    )


def _house(app: App, relay: RelaySettings) -> House:
    return House(
        folder=app.settings.maildir[relay.maildir].path,
        hostname=relay.hostname,
        address=address_pattern(app.settings.orgs.address),
        knows_org=partial(_knows, app),
        takes_unknown=app.settings.orgs.unknown is not Unknown.REJECT,
        bounds=Bounds(
            message_bytes=relay.max_message_bytes,
            recipients=relay.recipients,
            sessions=relay.sessions,
            sessions_per_address=relay.sessions_per_address,
            idle_seconds=relay.idle_seconds,
            session_seconds=relay.session_seconds,
        ),
        now=_now,
    )


def _now() -> datetime:
    """Return this machine's time: a session must not wait for the database to be told what to stamp."""
    return datetime.now(UTC)


def _knows(app: App, slug: str) -> bool:
    return slug in app.directory.resolve([slug])
