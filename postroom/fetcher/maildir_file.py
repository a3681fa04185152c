"""One file of a Maildir: read with proof of which file it was, and let go only under that proof."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from postroom import maildir
from postroom.core.limits import MIB
from postroom.core.places import KnownFile, Place
from postroom.failpoints import reach
from postroom.fetcher.source import Fetched
from postroom.fetcher.spool import Spool
from postroom.plainfile import NotPlain, open_plain

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What a file system or kernel says that lets us rename this file, but not link it."""


class Stamp(NamedTuple):
    """What stays while a file is renamed or linked, and differs when other bytes are put under its name."""

    device: int
    inode: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A copy, and the path and stamp of the file it was read from."""

    fetched: Fetched
    path: Path
    stamp: Stamp


def read(path: Path, place: Place, spool: Spool) -> Taken | None:
    """Return the copy at `path`, read once: into the spool, with its digest on the way.

    None when it is gone or no plain file.  Raises MaildirUnusable, and what the spool raises.
    """
    with maildir.explained("read", path):
        try:
            file = open_plain(path)
        except (FileNotFoundError, NotPlain):
            return None
    with file:
        status = os.fstat(file.fileno())  # before the first byte: what is changed while we read shows later
        spooled = spool.write(_blocks(file, path))
    reach("file.read")
    when = _moment(status.st_mtime)
    fetched = Fetched(place, spooled.path, spooled.sha256, spooled.size_bytes, when, own=True)
    return Taken(fetched, path, _stamp(status))


def _blocks(file: FileIO, path: Path) -> Iterator[bytes]:
    with maildir.explained("read", path):
        while block := file.read(MIB):
            yield block


def looks_like(path: Path, files: Sequence[KnownFile]) -> bool:
    """Return whether size and time are those of one of `files`, without reading; False when it is gone."""
    try:
        status = path.lstat()
    except OSError:
        return False
    seen = (status.st_size, _moment(status.st_mtime))
    return any((file.size_bytes, file.internal_date) == seen for file in files)


def delete(path: Path, stamp: Stamp) -> bool:
    """Unlink the file with this stamp; False where `path` is gone or another file.  Raises OSError.

    Between the look and the unlink there are some microseconds in which another program could put another
    file under the name; no call of the system closes that gap.
    """
    try:
        if _stamp(path.lstat()) != stamp:
            return False
        path.unlink()
        reach("file.moved")
    except FileNotFoundError:
        return False
    return True


def move(path: Path, stamp: Stamp, target: Path) -> bool:
    """Give the file with this stamp the name `target`, or one of its own where that is taken.

    False where `path` is gone or another file.  Nothing that lies at `target` is ever replaced.  A crash in
    between leaves one file under two names, and doing it again mends that.  Raises OSError.
    """
    if not _is(path, stamp):
        return False
    if path == target:
        return True
    try:
        moved = _is(target, stamp) or _link(path, stamp, target)
    except FileNotFoundError:
        if not target.parent.is_dir():
            raise
        return False
    if moved:
        reach("file.linked")
        delete(path, stamp)
    return moved


def _link(path: Path, stamp: Stamp, target: Path) -> bool:
    """Give the file the name `target`, or another; False where another file came under `path` meanwhile."""
    try:
        os.link(path, target, follow_symlinks=False)
    except FileExistsError:
        return _link(path, stamp, _another_name(target))
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _rename(path, stamp, target)
    if not _is(target, stamp):
        target.unlink()
        return False
    return True


def _rename(path: Path, stamp: Stamp, target: Path) -> bool:
    """Move where links cannot be made; here the microseconds after the look are not covered."""
    if os.path.lexists(target):
        target = _another_name(target)
    with suppress(FileNotFoundError):
        path.rename(target)
    return _is(target, stamp)


def _another_name(target: Path) -> Path:
    return target.with_name(f"{maildir.unique_name()}:2,{maildir.flags(target.name)}")


def _is(path: Path, stamp: Stamp) -> bool:
    try:
        return _stamp(path.lstat()) == stamp
    except FileNotFoundError:
        return False


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _moment(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError):  # a file can carry any time, also one that no calendar has
        return datetime.fromtimestamp(0, tz=UTC)
