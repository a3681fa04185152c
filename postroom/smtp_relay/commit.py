"""Group commit: the mails of many sessions are written together and share one sync of the folder.

A few commits run at once, so that sessions are served while others wait for the disk.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from postroom import maildir
from postroom.errors import MaildirUnusable

_WRITERS = 16
_AT_ONCE = 3  # commits: while one waits for the disk, the next is written
_MOST_FILES = 200  # of one commit

Fault = MaildirUnusable | None


@dataclass(slots=True)
class Delivery:
    """Files that come together or not at all: names, and what makes the pieces of each one.

    `done` is called once, whatever became of the files: from then on nobody reads the pieces.
    """

    files: Sequence[tuple[str, Callable[[], Iterator[bytes]]]]
    verdict: asyncio.Future[Fault]
    done: Callable[[], None]


class Committer:
    """Writes deliveries into one Maildir, those that wait together in one commit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: deque[Delivery] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._committer = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="relay-commit")
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="relay-write")
        self._task = asyncio.get_running_loop().create_task(self._run())

    def submit(self, delivery: Delivery) -> None:
        """Let `delivery` be part of the next commit; its verdict comes once all is durable, or has failed."""
        self._waiting.append(delivery)
        self._arrived.set()

    async def close(self) -> None:
        """Finish what was submitted, and end."""
        self._closing = True
        self._arrived.set()
        await self._task
        self._committer.shutdown()
        self._writers.shutdown()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as commits:
            while not self._closing or self._waiting:
                await self._arrived.wait()
                self._arrived.clear()
                while self._waiting:
                    await self._room.acquire()
                    commits.create_task(self._settle(self._next_batch()))

    async def _settle(self, batch: Sequence[Delivery]) -> None:
        try:
            await self._committed(batch)
        finally:
            self._room.release()

    async def _committed(self, batch: Sequence[Delivery]) -> None:
        committing = asyncio.get_running_loop().run_in_executor(self._committer, self._commit, batch)
        await asyncio.wait([committing])  # a bug in it is each session's to tell, and must not end this task
        bug = committing.exception()
        faults = [None] * len(batch) if bug else committing.result()
        for delivery, fault in zip(batch, faults, strict=True):
            delivery.done()
            if delivery.verdict.done():  # its client has left
                continue
            if bug:
                delivery.verdict.set_exception(bug)
            else:
                delivery.verdict.set_result(fault)

    def _next_batch(self) -> list[Delivery]:
        batch: list[Delivery] = []
        files = 0
        while self._waiting and files < _MOST_FILES:
            batch.append(self._waiting.popleft())
            files += len(batch[-1].files)
        return batch

    def _commit(self, batch: Sequence[Delivery]) -> list[Fault]:
        """Write and sync every file, show them all, sync the folder once; return what became of each."""
        shares = [batch[first::_WRITERS] for first in range(min(_WRITERS, len(batch)))]
        write = map if len(shares) == 1 else self._writers.map
        faults: list[Fault] = [None] * len(batch)
        for first, found in enumerate(write(self._write_each, shares)):
            faults[first::_WRITERS] = found
        written = [d for d, fault in zip(batch, faults, strict=True) if fault is None]
        unseen = self._show([name for delivery in written for name, _ in delivery.files])
        return [fault or unseen for fault in faults]

    def _write_each(self, share: Sequence[Delivery]) -> list[Fault]:
        """Write some deliveries; for a thread, to be handed one costs as much as to write it."""
        return [self._write(delivery) for delivery in share]

    def _write(self, delivery: Delivery) -> Fault:
        written: list[str] = []
        try:
            for name, pieces in delivery.files:
                maildir.write(self._folder, name, pieces())
                written.append(name)
        except MaildirUnusable as fault:
            maildir.discard(self._folder, written)
            return fault
        return None

    def _show(self, names: Sequence[str]) -> Fault:
        try:
            if names:
                maildir.show(self._folder, names)
        except MaildirUnusable as fault:
            return fault
        return None
