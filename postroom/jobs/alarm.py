"""Things to begin later, most of which are called off before their time comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from threading import Condition, Thread


class Alarm:
    """One thread that begins each thing when its time comes; what is called off before costs no thread.

    It looks when the earliest was due that it knew of, so who sets an alarm that is not the earliest wakes
    nobody.  `begin` is called with a lock held and returns at once, as the start of a thread does.
    """

    def __init__(self) -> None:
        self._lock = Condition()
        self._keys = count()
        self._set: dict[int, tuple[float, Callable[[], object]]] = {}
        self._looks_at: float | None = None  # None: it sleeps until it is woken
        self._thread: Thread | None = None

    def set(self, seconds: float, begin: Callable[[], object]) -> int:
        """Let `begin` be called so many seconds from now; return what calls it off."""
        due, key = time.monotonic() + seconds, next(self._keys)
        with self._lock:
            self._set[key] = due, begin
            if self._thread is None:
                self._thread = Thread(target=self._watch, name="alarm", daemon=True)
                self._thread.start()
            elif self._looks_at is None or due < self._looks_at:
                self._lock.notify()
        return key

    def call_off(self, key: int) -> None:
        """Let it not be called any more; where it was called, do nothing.  Safe to repeat."""
        with self._lock:
            self._set.pop(key, None)

    def _watch(self) -> None:
        with self._lock:
            while True:
                now = time.monotonic()
                for key, (due, begin) in list(self._set.items()):
                    if due <= now:
                        del self._set[key]
                        begin()
                self._looks_at = min((due for due, _ in self._set.values()), default=None)
                self._lock.wait(None if self._looks_at is None else self._looks_at - now)
