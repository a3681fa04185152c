"""Where the time goes: stages on a mail's way, each with the time that it alone took.

Off, which is how it begins, a stage costs a look at one variable.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Final, ParamSpec, TypeVar

VARIABLE: Final = "POSTROOM_PROFILE"
ELSE: Final = "else"
"""The stage of what a track does in none of its stages."""

STAGES: Final[dict[str, str]] = {
    "start": "the process itself, until its first stage",
    "settle owed": "what an earlier poll could not settle, and what was kept long enough",
    "fetch": "asking the source, and its mails into the spool",
    "await": "waiting for the batch that is read ahead",
    "route": "headers and digest of each mail, and whose it is",
    "archive": "looking for what is known already, and the raw mails into the archive, synced",
    "commit": "the transaction of the batch",
    "settle": "the source lets go",
    "claim": "work that is due is claimed",
    "extract": "waiting for the workers",
    "finish": "the transactions of what was taken apart",
    "tell": "announcing to the next system",
    "beside": "waiting for what is taken apart beside the polls",
    "conclude": "the transactions of what was announced",
    "read": "the raw mail read back from the archive, its digest checked",
    "take apart": "parts found, decoded and put into the archive, synced",
}

P = ParamSpec("P")
T = TypeVar("T")
_NOTHING: Final = nullcontext()


@dataclass(slots=True)
class Spent:
    """What a stage took in all, in seconds, and how often it was gone through."""

    seconds: float = 0.0
    times: int = 0


@dataclass(slots=True)
class _Entered:
    track: str
    name: str
    began: float
    within: float = 0.0  # seconds of the stages inside


@dataclass(slots=True)
class Ledger:
    """The time of every stage by track; a track is what one thread does after the other, such as a poll.

    The stages of a track, ELSE among them, add up to the time that its threads were in it.
    """

    clock: Callable[[], float] = time.perf_counter
    spent: dict[tuple[str, str], Spent] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.local = field(default_factory=threading.local)

    @contextmanager
    def track(self, name: str) -> Iterator[None]:
        """Count what the block does for a track, unless the thread is in one already."""
        if self._entered():
            yield
            return
        with self._stage(name, ELSE):
            yield

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the block for a stage of the thread's track; what is in no track is in "other"."""
        entered = self._entered()
        with self._stage(entered[-1].track if entered else "other", name):
            yield

    @contextmanager
    def _stage(self, track: str, name: str) -> Iterator[None]:
        entered, mine = self._entered(), _Entered(track, name, self.clock())
        entered.append(mine)
        try:
            yield
        finally:
            entered.pop()
            seconds = self.clock() - mine.began
            if entered:
                entered[-1].within += seconds
            self.add(track, name, seconds - mine.within)

    def spent_elsewhere(self, stages: Mapping[str, float]) -> None:
        """Count for the thread's track what another process spent on it, while the thread waited for that."""
        entered = self._entered()
        for name, seconds in stages.items():
            self.add(entered[-1].track if entered else "other", name, seconds)
            if entered:
                entered[-1].within += seconds

    def taken(self, track: str) -> dict[str, float]:
        """Return the seconds of each stage of a track, which is forgotten with that."""
        with self._lock:
            mine = [key for key in self.spent if key[0] == track]
            return {name: self.spent.pop((track, name)).seconds for _, name in mine}

    def so_far(self) -> dict[tuple[str, str], Spent]:
        """Return what is counted by now, by track and stage; what a stage has still open is not."""
        with self._lock:
            return {key: replace(spent) for key, spent in self.spent.items()}

    def add(self, track: str, name: str, seconds: float) -> None:
        """Count so many seconds for a stage of a track."""
        with self._lock:
            spent = self.spent.setdefault((track, name), Spent())
            spent.seconds += seconds
            spent.times += 1

    def _entered(self) -> list[_Entered]:
        try:
            entered: list[_Entered] = self._thread.entered
        except AttributeError:
            entered = self._thread.entered = []
        return entered


_ledger: Ledger | None = None


@contextmanager
def profiled(ledger: Ledger) -> Iterator[None]:
    """Count every stage of this process in `ledger` as long as the block runs."""
    global _ledger  # noqa: PLW0603  (one for the process: a stage anywhere is one look at it)
    before, _ledger = _ledger, ledger
    try:
        yield
    finally:
        _ledger = before


def counting() -> Ledger | None:
    """Return the ledger in which this process counts now, None where it does not."""
    return _ledger


def track(name: str) -> AbstractContextManager[None]:
    """Return what counts a block for a track, where time is counted; see `Ledger.track`."""
    return _NOTHING if _ledger is None else _ledger.track(name)


def stage(name: str) -> AbstractContextManager[None]:
    """Return what counts a block for a stage, where time is counted; see `Ledger.stage`."""
    return _NOTHING if _ledger is None else _ledger.stage(name)


def in_track(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator that lets every call count for a track."""

    def decorated(call: Callable[P, T]) -> Callable[P, T]:
        @wraps(call)
        def counted(*args: P.args, **more: P.kwargs) -> T:
            with track(name):
                return call(*args, **more)

        return counted

    return decorated
