"""What the tasks work with: bound once, in app.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event

from postroom.core.deadline import NEVER, Deadline
from postroom.core.rules import Standard
from postroom.db.protocols import Inbox, Kept, Leases, OutboxQueue, SourceBook, Workbench
from postroom.db.values import Claim
from postroom.fetcher.source import Memory, MessageSource
from postroom.jobs.crew import Crew
from postroom.jobs.order import Here
from postroom.jobs.portion import Portion
from postroom.notify.notifier import Notifier
from postroom.pipeline.accept import Desk
from postroom.storage.store import ObjectStore


@dataclass(frozen=True, slots=True)
class SourceKit:
    """One source with all that a poll of it needs; `wake_paths` are folders whose changes may mean mail.

    Where there is `kept`, mails stay in the source for `keep_seconds` only.  `is_shared` says that every host
    reaches the same mails there, as it does with a mailbox.
    """

    name: str
    kind: str
    connect: Callable[[], AbstractContextManager[MessageSource]]
    memory: Memory
    desk: Desk
    poll_seconds: float
    max_per_poll: int
    wake_paths: tuple[str, ...] = ()
    is_shared: bool = True
    kept: Kept | None = None
    keep_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How work is repeated: attempts and pauses of extraction, leases, workers."""

    workers: int
    attempts: int
    backoff_first_seconds: float
    backoff_cap_seconds: float
    lease_seconds: float


@dataclass(frozen=True, slots=True)
class House:
    """Everything the tasks need, and the flag that asks them to come to an end.

    `to_extract` and `to_announce` say how many messages are claimed at once, from one claim to the next.
    Where there is a `crew`, its processes take mails apart, with a store that is like this one.
    Where the time of a round is measured out, no poll goes on after `polls_until`, and no message is taken
    apart or announced after `work_until`.
    """

    sources: Mapping[str, SourceKit]
    inbox: Inbox
    workbench: Workbench
    outbox: OutboxQueue
    leases: Leases
    book: SourceBook
    store: ObjectStore
    notifier: Notifier
    standard: Callable[[Claim], Standard]
    here: Here
    pace: Pace
    holder: str
    now: Callable[[], datetime]
    jitter: Callable[[], float]
    crew: Crew | None = None
    stopping: Event = field(default_factory=Event)
    to_extract: Portion = field(default_factory=Portion)
    to_announce: Portion = field(default_factory=Portion)
    polls_until: Deadline = NEVER
    work_until: Deadline = NEVER
