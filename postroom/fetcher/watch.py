"""A wake-up when mail is delivered into a Maildir; only the scan knows what is there."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from watchdog.events import FileCreatedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from postroom import maildir
from postroom.errors import MaildirUnusable

_LIMITS: Final = {
    errno.ENOSPC: "raise the sysctl fs.inotify.max_user_watches",
    errno.EMFILE: "raise the sysctl fs.inotify.max_user_instances",
}


class Watcher:
    """Watches until it is closed."""

    def __init__(self, observer: BaseObserver) -> None:
        self._observer = observer

    def close(self) -> None:
        """Stop watching and wait for the watching thread; safe to repeat."""
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()


def watch(paths_of_new: Sequence[Path], wake: Callable[[], None]) -> Watcher:
    """Call `wake` from a thread of its own whenever something appears in one of the `new` folders.

    A burst may wake once or many times, and a network file system never: a rescan timer stays needed.
    Raises MaildirUnusable when a folder cannot be watched.
    """
    observer = Observer()
    observer.start()
    watcher = Watcher(observer)
    for path in paths_of_new:
        try:
            # new/ itself: a delivery is a rename into it.  Only what appears: we read there ourselves.
            observer.schedule(_Bell(wake), str(path), event_filter=[FileCreatedEvent, FileMovedEvent])
        except OSError as error:
            watcher.close()
            raise _unwatchable(path, error) from error
    return watcher


def _unwatchable(path: Path, error: OSError) -> MaildirUnusable:
    """Return the error with its way out: here ENOSPC and EMFILE speak of the kernel's limits (inotify(7))."""
    fix = _LIMITS.get(error.errno or 0) or maildir.way_out(error, path)
    return MaildirUnusable(f"cannot watch {path}: {maildir.fault(error)}", fix=fix)


class _Bell(FileSystemEventHandler):
    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._wake()
