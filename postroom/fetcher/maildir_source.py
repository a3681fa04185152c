"""A Maildir folder as a source: new/ is what is pending, a rename or unlink is how it is forgotten."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from imapclient.imap_utf7 import encode as modified_utf7

from postroom import maildir
from postroom.config.settings import Action, MaildirFolder
from postroom.core.limits import MIB, Limits
from postroom.core.places import Place
from postroom.errors import MaildirUnusable, SettleFailed
from postroom.fetcher.batching import in_batches, in_chunks
from postroom.fetcher.source import Batch, Fetched, Memory

_NAMES_AT_ONCE = 500  # asked of the memory in one question
_MOVES_SEEN = 3  # a mail reader may rename a mail between our look and our act; three times is no accident


class MaildirSource:
    """The mails of one Maildir.

    Files are read where they lie and are never renamed or touched before `settle`; a mail over the size limit
    is read like any other, for a file that is here can always be kept.  A Maildir has no first connect, so
    `since` means nothing to it.
    """

    def __init__(
        self, settings: MaildirFolder, limits: Limits
    ) -> None:  # limits: none applies to a local file
        del limits
        self._settings = settings

    @property
    def name(self) -> str:
        return self._settings.name

    def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
        """Yield the pending mails, oldest first; what vanishes meanwhile is left out.

        One unreadable file holds up no other: the rest is yielded, then MaildirUnusable says which it was.
        """
        unreadable: list[MaildirUnusable] = []
        copies = islice(self._copies(memory, unreadable), limit)
        for fetched in in_batches(copies, lambda copy: copy.size_bytes):
            yield Batch(fetched)
        if unreadable:
            raise unreadable[0]

    def settle(self, places: Sequence[Place]) -> Sequence[Place]:
        """Delete, flag or move the mails, wherever in new or cur they lie now; those gone are done."""
        if self._settings.after.action is Action.KEEP:
            return tuple(places)
        names = {place.file_name for place in places}
        for _ in range(_MOVES_SEEN):
            names -= self._settle_once(names)
            if not names:
                break
        return tuple(place for place in places if place.file_name not in names)

    def close(self) -> None:
        """Nothing is held open between two calls."""

    # --- reading ---------------------------------------------------------------------------------

    def _copies(self, memory: Memory, unreadable: list[MaildirUnusable]) -> Iterator[Fetched]:
        root, alone = self._settings.path, memory.left_alone()
        shelves: tuple[maildir.Shelf, ...] = ("new", "cur") if self._settings.cur else ("new",)
        for shelf in shelves:
            for chunk in in_chunks(maildir.listing(root, shelf), _NAMES_AT_ONCE):
                # In new/ all is pending; in cur/ lie also the mails that were settled there.
                names = {maildir.unique(name) for name in chunk if shelf == "cur" and _is_text(name)}
                skipped = alone | (memory.sighted(names) if names else set())
                for name in chunk:
                    if maildir.unique(name) not in skipped:
                        yield from self._read(root / shelf / name, unreadable)

    def _read(self, path: Path, unreadable: list[MaildirUnusable]) -> Iterator[Fetched]:
        """Yield the copy at `path`, or nothing where it is gone, no plain file, or unreadable."""
        if not _is_text(path.name):
            shown = os.fsencode(path).decode("utf-8", "backslashreplace")
            unreadable.append(MaildirUnusable(f"{shown} has a name that is not UTF-8", fix="rename the file"))
            return
        try:
            with maildir.explained("read", path):
                copy = _hashed(path, Place(self.name, "", file_name=maildir.unique(path.name)))
        except MaildirUnusable as error:
            unreadable.append(error)
            return
        if copy:
            yield copy

    # --- settling --------------------------------------------------------------------------------

    def _settle_once(self, names: set[str]) -> set[str]:
        """Settle what is found; return the names that are done, without those renamed under our hands."""
        found = maildir.locate(self._settings.path, names)
        done = names - found.keys()
        try:
            target = self._target_folder()
            for name, path in found.items():
                if _settle_file(path, name, self._settings.after.action, target):
                    done.add(name)
            for folder in {*(path.parent for path in found.values()), *([target] if target else [])}:
                maildir.sync(folder)
        except OSError as error:
            raise SettleFailed(
                f"cannot {self._settings.after.action} in {error.filename or self._settings.path}: "
                f"{maildir.fault(error)}",
                fix=maildir.way_out(error, self._settings.path),
            ) from error
        return done

    def _target_folder(self) -> Path | None:
        if self._settings.after.action is Action.MOVE:
            name = self._settings.after.folder.strip("/.").replace("/", ".")
            encoded: bytes = modified_utf7(name)
            return maildir.create_subfolder(self._settings.path, encoded.decode("ascii")) / "cur"
        if self._settings.after.action is Action.DELETE:
            return None
        return self._settings.path / "cur"


def _settle_file(path: Path, name: str, action: Action, target: Path | None) -> bool:
    """Return False when `path` was renamed or removed meanwhile."""
    flags = set(maildir.flags(path.name)) | (set() if action is Action.MOVE else {"S"})
    try:
        if target is None:
            path.unlink()
        else:
            path.rename(target / f"{name}:2,{''.join(sorted(flags))}")  # the letters stand in ASCII order
    except FileNotFoundError:
        if target is not None and not target.is_dir():
            raise
        return False
    return True


def _hashed(path: Path, place: Place) -> Fetched | None:
    """Return the copy with its digest; None when it is gone or no plain file.

    The file's owner is not trusted: a link is not followed and a pipe is not waited for.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    digest = hashlib.sha256()
    size = 0
    with os.fdopen(handle, "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return None
        while block := file.read(MIB):
            digest.update(block)
            size += len(block)
    return Fetched(place, path, digest.hexdigest(), size, _moment(status.st_mtime))


def _moment(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError):  # a file can carry any time, also one that no calendar has
        return datetime.fromtimestamp(0, tz=UTC)


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
