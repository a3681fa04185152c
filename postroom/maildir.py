"""A Maildir: one file per mail, written whole under tmp, shown by rename, never changed after."""

from __future__ import annotations

import errno
import heapq
import itertools
import os
import pwd
import re
import stat
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal

from postroom.errors import MaildirUnusable
from postroom.failpoints import reach

Shelf = Literal["new", "cur"]
Buffer = bytes | bytearray | memoryview

_TMP, _NEW, _ = _SHELVES = ("tmp", "new", "cur")
_READ: tuple[Shelf, ...] = ("new", "cur")
_counter = itertools.count(1)
_LEADING_SECONDS = re.compile(r"\d+")
_SECONDS = 10  # digits of the time in nearly every name, from the year 2001 to 2286
_USUAL = re.compile(r"[0-9]{10}\.")
_PADDING = "0" * 10
_INFO = re.compile(r":[12],[A-Za-z]*\Z")


def create(folder: Path) -> None:
    """Make `folder` a Maildir, readable by its owner only; safe to repeat.  Raises MaildirUnusable."""
    with explained("create", folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for shelf in _SHELVES:
            (folder / shelf).mkdir(mode=0o700, exist_ok=True)
        sync(folder)
        sync(folder.parent)


def create_subfolder(folder: Path, name: str) -> Path:
    """Return the Maildir++ sub-folder `.name` of `folder`, made with its parent's mode when missing.

    `name` is as it lies on disk: "." between levels, modified UTF-7.  Raises MaildirUnusable.
    """
    subfolder = folder / f".{name}"
    with explained("create", subfolder):
        if not (subfolder / "cur").is_dir():
            mode = stat.S_IMODE(folder.stat().st_mode)
            for path in (subfolder, *(subfolder / shelf for shelf in _SHELVES)):
                path.mkdir(mode=mode, exist_ok=True)
            # Maildir++: marks a sub-folder for delivery agents
            (subfolder / "maildirfolder").touch(mode=0o600)
            sync(subfolder)
            sync(folder)
    return subfolder


def unique_front() -> str:
    """Return what nobody chooses twice: time, pid, counter, chance.  It fits a queue name as well."""
    seconds, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
    return f"{seconds}.M{microseconds:06d}P{os.getpid()}Q{next(_counter)}R{os.urandom(4).hex()}"


def unique_name(front: str = "") -> str:
    """Return a file name that no delivery on any host chooses twice: `front` or a fresh one, and the host."""
    host = os.uname().nodename.replace("/", r"\057").replace(":", r"\072")
    return f"{front or unique_front()}.{host}"


def deliver(folder: Path, *pieces: bytes) -> str:
    """Write `pieces` as one mail into new/ and return its unique name.

    When it returns, the mail survives a power cut.  Raises MaildirUnusable, and then no part of a mail is
    left behind; only where the folder alone could not be synced the mail is there whole, and delivering it
    again makes a second copy.
    """
    name = unique_name()
    write(folder, name, pieces)
    show(folder, [name])
    return name


def write(folder: Path, name: str, pieces: Iterable[Buffer]) -> None:
    """Write `pieces` as one mail into tmp/, where nobody reads it, and make its bytes survive a power cut.

    `pieces` are read one by one, so that a big mail need not be in memory.  Raises MaildirUnusable, and then
    nothing is left behind.
    """
    with explained("write", folder, _TMP, name), ExitStack() as on_failure:
        handle = os.open(f"{folder}/{_TMP}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        on_failure.callback(discard, folder, [name])
        try:
            for left in (memoryview(piece) for piece in pieces):
                while left:
                    left = left[os.write(handle, left) :]  # noqa: PLW2901  (the disk may take a part of it)
            reach("maildir.written")
            os.fsync(handle)
            reach("maildir.fsynced")
        finally:
            os.close(handle)
        on_failure.pop_all()


def show(folder: Path, names: Sequence[str]) -> None:
    """Move written mails from tmp/ to new/, and make their names survive a power cut: one sync for all.

    Raises MaildirUnusable; those that are still in tmp/ are then removed, and those in new/ are whole.
    """
    with explained("write", folder, "new"):
        shown = 0
        try:
            for shown, name in enumerate(names):  # noqa: B007  (how many, where one fails)
                os.rename(f"{folder}/{_TMP}/{name}", f"{folder}/{_NEW}/{name}")  # noqa: PTH104  (dearer by Path)
        except OSError:
            discard(folder, names[shown:])
            raise
        reach("maildir.renamed")
        sync(folder / "new")
        reach("maildir.synced")


def discard(folder: Path, names: Iterable[str]) -> None:
    """Remove mails that were written and not shown; those that are gone, or cannot be removed, are let be."""
    for name in names:
        with suppress(OSError):
            (folder / "tmp" / name).unlink(missing_ok=True)


def listing(folder: Path, shelf: Shelf) -> list[str]:
    """Return the names of the mails in new/ or cur/, oldest first by the time in the name.

    Sub-folders, dot files, links and other things that are no mail are left out; no file is opened or
    examined one by one, so that a hundred thousand are listed quickly.  Raises MaildirUnusable.
    """
    return _oldest_first(list(_names(folder, shelf)))


def oldest(folder: Path, shelf: Shelf, *, most: int, after: str = "") -> list[str]:
    """Return what `listing` has, but only the first `most` names, of those that stand behind `after`.

    So a huge folder is walked through in little memory.  Raises MaildirUnusable.
    """
    bound = _age(after)
    names = (name for name in _names(folder, shelf) if not after or _age(name) > bound)
    return heapq.nsmallest(most, names, key=_age)


def unique(file_name: str) -> str:
    """Return the part of a file name that stays when a mail moves to cur or its flags change.

    Only ":2," or the experimental ":1," with letters, at the very end, is no part of it: people put files
    here under names of their own, such as "Re: one.eml".
    """
    return _INFO.sub("", file_name)


def flags(file_name: str) -> str:
    """Return the flag letters after ":2,", "" where there are none."""
    _, found, letters = file_name[len(unique(file_name)) :].partition(":2,")
    return letters if found else ""


def locate(folder: Path, names: Collection[str]) -> dict[str, list[Path]]:
    """Return the files that have these unique names now, in new and in cur; those gone are left out.

    Two files can have one name: nobody keeps a person from that.  A mail reader may move a mail from new to
    cur at any moment, so new is looked at first; and a rename during a listing can hide a file from it, so
    what is missing is looked for a second time.  Raises MaildirUnusable.
    """
    found: dict[str, list[Path]] = {}
    for _ in range(2):
        missing = set(names) - found.keys()
        if not missing:
            break
        for shelf in _READ:
            for file_name in listing(folder, shelf):
                if unique(file_name) in missing:
                    found.setdefault(unique(file_name), []).append(folder / shelf / file_name)
    return found


def sync(folder: Path) -> None:
    """Make the names in `folder` survive a power cut.  Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def explained(act: str, folder: Path, *below: str) -> Iterator[None]:
    """Turn an OSError inside into MaildirUnusable that names the path, the user and the way out."""
    try:
        yield
    except OSError as error:
        path = folder.joinpath(*below)
        raise MaildirUnusable(f"cannot {act} {path}: {fault(error)}", fix=way_out(error, path)) from error


def fault(error: OSError) -> str:
    """Return what the system said, and as whom it was asked."""
    return f"{error.strerror or error} (as user {_user()})"


def way_out(error: OSError, path: Path) -> str:
    """Return what a person can do about `error` at `path`, "" where nobody knows."""
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return "correct `path`, or create the Maildir: it has the folders new, cur and tmp"
    # Path.is_file would raise where the folder around it is closed too.
    if error.errno in {errno.EACCES, errno.EPERM} and os.path.isfile(path):  # noqa: PTH113  (as said)
        return f"let {_user()} read {path}"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"give {_user()} read, write and search rights (rwx) on new, cur and tmp around {path}"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"free some space on the disk that holds {path}"
    if error.errno == errno.EROFS:
        return f"mount the disk that holds {path} for writing"
    return ""


def _names(folder: Path, shelf: Shelf) -> Iterator[str]:
    with explained("list", folder / shelf), os.scandir(folder / shelf) as entries:
        for entry in entries:
            if (name := entry.name)[0] != "." and entry.is_file(follow_symlinks=False):
                yield name


def _oldest_first(names: list[str]) -> list[str]:
    """Sort `names` by age; where all are usual ones, their own order is that, and much quicker."""
    return sorted(names, key=None if all(map(_USUAL.match, names)) else _age)


def _age(name: str) -> str:
    """Return what sorts as the seconds at the front of `name` do, then as the name; quick for usual names."""
    if name[_SECONDS : _SECONDS + 1] == "." and name[:_SECONDS].isdecimal():
        return f"{_PADDING}{name[:_SECONDS]}{name}"
    seconds = _LEADING_SECONDS.match(name)
    return (seconds.group() if seconds else "0").zfill(len(_PADDING) + _SECONDS) + name


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
