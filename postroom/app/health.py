"""How the running service, its database and its archive are: asked from outside, in bounded time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Thread
from time import monotonic

from postroom.app.archive import open_store
from postroom.config.settings import Settings
from postroom.db.answering import ask_revision
from postroom.errors import DatabaseUnavailable, ObjectMissing, PostroomError, ServiceSilent, StoreUnavailable
from postroom.jobs.heartbeat import last_beat

_NOTHING = "_probe/nothing-lies-here"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the service: what is to be said of it, and what is wrong, if something is."""

    part: str
    words: str
    error: PostroomError | None = None


def examine(settings: Settings, *, now: datetime, seconds: float) -> Iterator[Finding]:
    """Yield how the heartbeat, the database and the archive are; nothing is made or changed.

    All are asked at the same time, and what has not answered within so many seconds counts as away.
    """

    def heartbeat() -> str:
        beat = last_beat(settings.state_dir, now=now)
        return f"{beat}, {max(0, round(beat.age.total_seconds()))} s ago"

    def database() -> str:
        secret = settings.db.password
        password = secret.reveal() if secret else None
        return f"revision {ask_revision(settings.db.url, password, seconds=seconds)}"

    asked = {
        "heartbeat": (heartbeat, ServiceSilent),
        "database": (database, DatabaseUnavailable),
        "archive": (lambda: _ask_archive(settings), StoreUnavailable),
    }
    questions = [_Question(part, ask, away) for part, (ask, away) in asked.items()]
    deadline = monotonic() + seconds
    for question in questions:
        question.start()
    for question in questions:
        question.join(max(0.0, deadline - monotonic()))
        yield question.finding or Finding(
            question.part, silence := f"no answer within {seconds:g} s", question.away(silence)
        )


class _Question(Thread):
    """One question that may never be answered: a disk that hangs lets no thread go, so none is waited for."""

    def __init__(self, part: str, ask: Callable[[], str], away: type[PostroomError]) -> None:
        super().__init__(name=part, daemon=True)
        self.part, self.away = part, away
        self.finding: Finding | None = None
        self._ask = ask

    def run(self) -> None:
        try:
            self.finding = Finding(self.part, self._ask())
        except PostroomError as error:
            self.finding = Finding(self.part, str(error), error)


def _ask_archive(settings: Settings) -> str:
    """Return where the archive is; it is asked for an object that is not there.  Raises StoreUnavailable.

    A folder that the first mail will make is as good as one that is there, as long as it can be made.
    """
    try:
        open_store(settings).get(_NOTHING, "")
    except ObjectMissing:
        pass
    except StoreUnavailable as error:
        if not isinstance(error.__cause__, FileNotFoundError) or not _can_be_made(settings):
            raise
    return settings.storage.url


def _can_be_made(settings: Settings) -> bool:
    return os.access(Path(settings.storage.url.removeprefix("file://")).parent, os.W_OK | os.X_OK)
