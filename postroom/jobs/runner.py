"""What `run` asks of whatever runs the tasks, on one host or on many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

EXTRACT: Final = "extract"
ANNOUNCE: Final = "announce"


def poll_of(source_name: str) -> str:
    """Return the name of the task that polls a source."""
    return f"poll:{source_name}"


class Runner(Protocol):
    """Runs every task when it is due, each at most once at a time; the tasks are the same under every runner.

    Between `start` and `stop`, mail that comes to a source is taken, taken apart and announced, whatever
    single tasks, sources and hosts do; a source in trouble is polled more and more rarely.
    """

    def every(self, seconds: float, task: str, call: Callable[[], object]) -> None:
        """Call `call` on this host too, every so many seconds; ask for it before `start`."""
        ...

    def start(self) -> None:
        """Return at once; every task is due within seconds, except where another host ran it just before."""
        ...

    def wake(self, task: str) -> None:
        """Make a task (`poll_of(NAME)`, EXTRACT, ANNOUNCE) due now; what is unknown is ignored."""
        ...

    def stop(self) -> None:
        """Begin nothing any more, finish what is at hand, and return; the runner cannot be started again."""
        ...
