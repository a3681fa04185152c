"""The heartbeat of a service: a file whose age tells others whether its loop still goes round."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from postroom.errors import FileFault, ServiceSilent
from postroom.jobs.sd_notify import ServiceSupervisor

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.run")

EVERY_SECONDS = 5.0
STALE = timedelta(seconds=30)
_NAME = "heartbeat"


@dataclass(frozen=True, slots=True)
class Beat:
    """The last sign of life in a state_dir, and who gave it."""

    command: str
    pid: int
    age: timedelta

    def __str__(self) -> str:
        return f"postroom {self.command} (pid {self.pid})"


class Heartbeat:
    """Gives signs of life.  The service's own loop calls `beat`, so that a loop that hangs falls silent.

    The file's content says who beats; its modification time says when, so that a beat needs no room on a
    full disk and a reader never meets half of one.
    """

    def __init__(
        self, state_dir: Path, *, command: str, now: Callable[[], datetime], supervisor: ServiceSupervisor
    ) -> None:
        self._path = state_dir / _NAME
        self._command = command
        self._now = now
        self._supervisor = supervisor

    @property
    def every_seconds(self) -> float:
        """Return how often to beat, so that neither the file grows stale nor the supervisor impatient."""
        watchdog = self._supervisor.watchdog_seconds
        return EVERY_SECONDS if watchdog is None else min(EVERY_SECONDS, watchdog / 3)

    def beat(self) -> None:
        """Say "still here" to systemd and in the file.  Raises FileFault.

        systemd comes first: a disk that is full or away is no reason to start the service anew.
        """
        self._supervisor.tell("WATCHDOG=1")
        moment = self._now().timestamp()
        try:
            try:
                os.utime(self._path, (moment, moment))
            except FileNotFoundError:
                self._sign()
                os.utime(self._path, (moment, moment))
        except OSError as error:
            raise _cannot_write(self._path, error) from error

    def _sign(self) -> None:
        beside = self._path.with_name(f".{_NAME}.{os.getpid()}.tmp")
        try:
            beside.write_text(json.dumps({"pid": os.getpid(), "command": self._command}), encoding="utf-8")
            beside.replace(self._path)
        finally:
            beside.unlink(missing_ok=True)  # replaced, as it should be


@contextmanager
def beating(
    state_dir: Path, *, command: str, now: Callable[[], datetime], supervisor: ServiceSupervisor
) -> Iterator[Heartbeat]:
    """Yield a heartbeat that has beaten once; at the end its file is gone, as after a clean stop.

    The caller holds the lock of `state_dir`.  Raises FileFault.
    """
    path = state_dir / _NAME
    try:
        path.unlink(missing_ok=True)  # of a predecessor that was killed
    except OSError as error:
        raise _cannot_write(path, error) from error
    heartbeat = Heartbeat(state_dir, command=command, now=now, supervisor=supervisor)
    heartbeat.beat()
    try:
        yield heartbeat
    finally:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:  # it grows stale by itself
            _log.warning("heartbeat not removed", error=str(error))


def last_beat(state_dir: Path, *, now: datetime) -> Beat:
    """Return the last beat, which is fresh.  Raises ServiceSilent, and FileFault where it cannot be read."""
    path = state_dir / _NAME
    try:
        beaten_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        beat = _read(path, now - beaten_at)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ServiceSilent(
            f"no postroom runs on {state_dir}", fix="start it: postroom run, or systemctl start postroom"
        ) from error
    except OSError as error:
        raise FileFault(
            f"cannot read {path}: {error.strerror}", fix="look as the user that the service runs as"
        ) from error
    # A beat that lies ahead is from before the machine's clock was set back; the next one mends it.
    if not -STALE <= beat.age <= STALE:
        seconds = round(beat.age.total_seconds())
        raise ServiceSilent(
            f"{beat} gave its last sign of life {seconds} s ago",
            fix="read its log; if it hangs, start it anew: no mail is lost by that",
        )
    return beat


def _read(path: Path, age: timedelta) -> Beat:
    """Return what the file says; a file that nobody of us wrote names nobody."""
    try:
        signed = json.loads(path.read_text(encoding="utf-8"))
        return Beat(str(signed["command"]), int(signed["pid"]), age)
    except (ValueError, KeyError, TypeError):
        return Beat("?", 0, age)


def _cannot_write(path: Path, error: OSError) -> FileFault:
    return FileFault(
        f"cannot write {path}: {error.strerror}", fix=f"give this user write rights on {path.parent}"
    )
