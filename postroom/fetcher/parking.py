"""Connections between two polls: kept logged in, and in IDLE, so that new mail is polled for at once.

IDLE only wakes.  Whatever it misses, and whenever it dies, the poll is there: it opens what is broken, and it
renews every IDLE by leaving it.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Final

from postroom.errors import MailUnreadable, SourceUnavailable
from postroom.fetcher.imap import ImapSource
from postroom.fetcher.wakes import Wakes

_RENEWED_SECONDS: Final = 600.0  # a poll renews an IDLE as old as this: silence may be death
_GIVEN_UP_SECONDS: Final = 1_680.0  # servers log out who has done nothing for 29 minutes (RFC 2177 3)
_TICK_SECONDS: Final = 30.0  # between two looks at how old what is parked is
_RINGS: Final = 4_096  # read at once


@dataclass(slots=True)
class _Parked:
    source: ImapSource
    since: float
    is_idle: bool
    is_asked_for: bool = False


class Parking:
    """Keeps the sources that no poll is using; each belongs to one poll, or to the parking, never to both.

    At most `most_per_server` connections to one mail server are kept.
    """

    def __init__(self, *, most_per_server: int) -> None:
        self._most_per_server = most_per_server
        self._parked: dict[str, _Parked] = {}
        self._wakes = Wakes()
        self._lock, self._over = Lock(), Event()
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        for end in (self._bell, self._ear):
            end.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._thread: Thread | None = None

    def start(self, ask_to_poll: Callable[[str], None]) -> None:
        """Begin to listen; a thread calls `ask_to_poll` with the name of a source where mail arrived."""
        self._thread = Thread(target=self._listen, args=(ask_to_poll,), name="idle", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close all that is parked, and from now on all that would be; safe to repeat."""
        self._over.set()
        self._ring()
        if self._thread is not None:
            self._thread.join()
        for name in list(self._parked):
            if parked := self._take(name):
                parked.source.close()
        self._bell.close()
        self._ear.close()

    @contextmanager
    def visit(self, name: str, make: Callable[[], ImapSource]) -> Iterator[ImapSource]:
        """Lend the source of that name, made where none is parked; it is closed after a fault."""
        parked, began = self._take(name), time.monotonic()
        source = parked.source if parked else make()
        is_sound = False
        try:
            yield source
            is_sound = True
        except MailUnreadable:  # no fault of the connection
            is_sound = True
            raise
        finally:
            if is_sound:
                self._park(name, source, began)
            else:
                source.close()

    # --- in and out ------------------------------------------------------------------------------

    def _take(self, name: str) -> _Parked | None:
        with self._lock:
            parked = self._parked.pop(name, None)
            self._wakes.forget(name)
            if parked and parked.is_idle:
                self._selector.unregister(parked.source)
        return parked

    def _park(self, name: str, source: ImapSource, began: float) -> None:
        if self._over.is_set() or not self._has_room(source.host):
            source.close()
            return
        try:
            rest = source.rest()
        except SourceUnavailable:  # the next poll says so, if it is still so
            source.close()
            return
        now = time.monotonic()
        with self._lock:
            self._parked[name] = _Parked(source, now, is_idle=rest.is_idle)
            if rest.is_idle:
                self._selector.register(source, selectors.EVENT_READ, name)
                self._wakes.polled(name, began, now, took_mail=source.took_mail)
            if rest.mail_arrived:
                self._wakes.told(name, now)
        self._ring()

    def _has_room(self, host: str) -> bool:
        with self._lock:
            return sum(each.source.host == host for each in self._parked.values()) < self._most_per_server

    # --- listening -------------------------------------------------------------------------------

    def _listen(self, ask_to_poll: Callable[[str], None]) -> None:
        while not self._over.is_set():
            for key, _events in self._selector.select(self._seconds_to_wait()):
                if key.fileobj is self._ear:
                    self._ear.recv(_RINGS)
                else:
                    self._hear(key.data)
            self._look_around()
            with self._lock:
                due = self._wakes.take(time.monotonic())
            for name in due:
                ask_to_poll(name)

    def _ring(self) -> None:
        """Let the listening thread look at once at what is parked, due or over."""
        with suppress(OSError):  # it is full of rings already; or closed, and then nobody listens
            self._bell.send(b"!")

    def _hear(self, name: str) -> None:
        with self._lock:
            parked = self._parked.get(name)
            if parked is None or not parked.is_idle:  # a poll took it just now
                return
            try:
                if parked.source.mail_arrived():
                    self._wakes.told(name, time.monotonic())
            except SourceUnavailable:
                self._drop(name, parked)

    def _look_around(self) -> None:
        """Ask for a poll where an IDLE is old, and give up what no poll came for."""
        now = time.monotonic()
        with self._lock:
            for name, parked in list(self._parked.items()):
                age = now - parked.since
                if age > _GIVEN_UP_SECONDS:
                    self._drop(name, parked)
                elif parked.is_idle and age > _RENEWED_SECONDS and not parked.is_asked_for:
                    parked.is_asked_for = True
                    self._wakes.told(name, now)

    def _drop(self, name: str, parked: _Parked) -> None:
        del self._parked[name]
        if parked.is_idle:
            with suppress(KeyError, ValueError):  # the descriptor of a broken connection is gone already
                self._selector.unregister(parked.source)
        parked.source.hang_up()

    def _seconds_to_wait(self) -> float:
        with self._lock:
            return self._wakes.seconds_left(time.monotonic(), most=_TICK_SECONDS)
