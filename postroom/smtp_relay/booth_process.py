"""Booths in processes of their own: one Python serves no more than one core."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkProcess

from postroom.errors import DatabaseUnavailable
from postroom.smtp_relay.booth import Dialect, LocalBooth
from postroom.smtp_relay.channel import Channel, pair
from postroom.smtp_relay.known_orgs import KnownOrgs, Verdict

_END_SECONDS = 20.0  # more than a booth's patience with sessions that are being answered


@dataclass(frozen=True, slots=True)
class Forked:
    """A process that serves, and our end of the channel to it."""

    process: ForkProcess
    end: socket.socket


def fork_booths(dialect: Dialect) -> list[Forked]:
    """Return as many processes as the dialect says, each waiting for connections.

    Must be called before this process has a loop or threads.  Each ends when it is told to, or when this
    process is gone, however it went.
    """
    ends = [pair() for _ in range(dialect.processes)]
    gc.freeze()  # what is there now is shared with them for good
    context = multiprocessing.get_context("fork")
    forked = []
    for number, (ours, theirs) in enumerate(ends):
        others = [end for both in ends for end in both if end is not theirs]
        process = context.Process(target=_serve, args=(dialect, theirs, others), name=f"relay-{number}")
        process.start()
        forked.append(Forked(process, ours))
    for _, theirs in ends:
        theirs.close()
    return forked


class RemoteBooth:
    """A booth in a process of its own, as the one that listens sees it."""

    def __init__(
        self,
        forked: Forked,
        known: KnownOrgs,
        *,
        left: Callable[[str], None],
        lost: Callable[[ForkProcess], None],
    ) -> None:
        self._process = forked.process
        self._known = known
        self._left = left
        self._tell_lost = lost
        self._asking: set[asyncio.Task[None]] = set()
        self._closing = False
        self._gone = asyncio.Event()
        self._channel = Channel(forked.end, heard=self._hear, lost=self._lose)
        self.sessions = 0

    def seat(self, connection: socket.socket, address: str) -> None:
        self.sessions += 1
        self._channel.send("seat", address, connection)

    async def close(self) -> None:
        self._closing = True
        self._channel.send("close")
        await asyncio.wait_for(self._gone.wait(), _END_SECONDS)
        await asyncio.get_running_loop().run_in_executor(None, self._process.join, _END_SECONDS)

    def _hear(self, word: str, text: str, _connection: socket.socket | None) -> None:
        if word == "left":
            self.sessions -= 1
            self._left(text)
        elif word == "org":
            task = asyncio.get_running_loop().create_task(self._answer(text))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _answer(self, slug: str) -> None:
        verdict = await self._known.verdict(slug)
        if not self._gone.is_set():
            self._channel.send(verdict.value, slug)

    def _lose(self) -> None:
        self._gone.set()
        if not self._closing:
            self._tell_lost(self._process)


class _Front:
    """The process that listens, as a booth in a process of its own sees it."""

    def __init__(self, dialect: Dialect, end: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked: dict[str, asyncio.Future[bool]] = {}
        self.over = asyncio.Event()
        self._channel = Channel(end, heard=self._hear, lost=self.over.set)
        known = KnownOrgs(self._ask, clock=self._loop.time)
        self.booth = LocalBooth(dialect, known, left=lambda address: self._channel.send("left", address))

    def _hear(self, word: str, text: str, connection: socket.socket | None) -> None:
        if word == "close":
            self.over.set()
        elif word == "seat" and connection is None:
            self._channel.send("left", text)
        elif word == "seat" and connection is not None:
            self.booth.seat(connection, text)
        else:
            self._told(text, Verdict(word))

    async def _ask(self, slug: str) -> bool:
        if slug not in self._asked:
            self._asked[slug] = self._loop.create_future()
            self._channel.send("org", slug)
        return await asyncio.shield(self._asked[slug])

    def _told(self, slug: str, verdict: Verdict) -> None:
        answer = self._asked.pop(slug)
        if verdict is Verdict.AWAY:
            answer.set_exception(DatabaseUnavailable("the directory of orgs is away"))
            answer.exception()  # who asked may have left
        else:
            answer.set_result(verdict is Verdict.KNOWN)


def _serve(dialect: Dialect, end: socket.socket, others: Sequence[socket.socket]) -> None:
    """Be a booth until told to end.  Signals are for the process that listens."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    for other in others:
        other.close()

    async def serve() -> None:
        front = _Front(dialect, end)
        await front.over.wait()
        await front.booth.close()

    asyncio.run(serve())
