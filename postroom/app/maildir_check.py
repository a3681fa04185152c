"""A configured Maildir, tried for `postroom check --connect`: may this user take mail, and whose is it?"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from grp import getgrgid
from pathlib import Path
from pwd import getpwuid

from postroom import maildir
from postroom.config.settings import MaildirFolder
from postroom.errors import MaildirUnusable, PostroomError
from postroom.fetcher.step import Step

_SHELVES = ("new", "cur", "tmp")


def maildir_steps(folder: MaildirFolder) -> Iterator[Step]:
    """Yield whether this user may take mail out of `folder`, and where not, which path bars the way and whose
    it is; nothing is changed.
    """
    try:
        for shelf in _SHELVES:
            with _explained("use", folder.path / shelf):
                _require_rights(folder.path / shelf)
        _require_one_file_system(folder.path)
        pending = maildir.listing(folder.path, "new")
        _require_readable(folder.path / "new" / name for name in pending)
        with _explained("look at", folder.path / "new"):
            whose = owner_and_mode(folder.path / "new")
    except PostroomError as error:
        yield Step("folders", str(error), error)
        return
    yield Step("folders", f"new, cur and tmp can be read and written; {len(pending)} in new")
    yield Step("owner", f"new is {whose}")


def owner_and_mode(path: Path) -> str:
    """Return for example "of postroom:postroom with mode 0700".  Raises OSError."""
    status = path.stat()
    try:
        names = f"{getpwuid(status.st_uid).pw_name}:{getgrgid(status.st_gid).gr_name}"
    except KeyError:  # a number without a name, as in a container or on NFS
        names = f"{status.st_uid}:{status.st_gid}"
    return f"of {names} with mode {stat.S_IMODE(status.st_mode):04o}"


@contextmanager
def _explained(act: str, path: Path) -> Iterator[None]:
    """Turn an OSError inside into MaildirUnusable, which says of a missing right where, and whose that is."""
    try:
        yield
    except OSError as error:
        fix = maildir.way_out(error, path)
        if error.errno in {errno.EACCES, errno.EPERM} and (barrier := _barrier(path)) is not None:
            one_user = "or let postroom and the mail server be one user"
            fix = f"{barrier} is {owner_and_mode(barrier)}; {fix}, {one_user}"
        raise MaildirUnusable(f"cannot {act} {path}: {maildir.fault(error)}", fix=fix) from error


def _barrier(path: Path) -> Path | None:
    """Return the first folder on the way to `path` that this user may not walk into, else `path` itself."""
    for folder in reversed(path.parents):
        if not _may(folder, os.X_OK):
            return folder
    return path if path.exists() else None


def _may(path: Path, rights: int) -> bool:
    return os.access(path, rights, effective_ids=True)


def _require_rights(folder: Path) -> None:
    """Return if this user may list and change `folder`.  Raises OSError."""
    if not stat.S_ISDIR(folder.stat().st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not _may(folder, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _require_one_file_system(folder: Path) -> None:
    """Return if a mail can be renamed from tmp to new and on to cur.  Raises MaildirUnusable."""
    if len({(folder / shelf).stat().st_dev for shelf in _SHELVES}) > 1:
        raise MaildirUnusable(
            f"new, cur and tmp of {folder} are not on one file system: no mail can be renamed between them",
            fix="let the three be plain folders beside each other",
        )


def _require_readable(files: Iterable[Path]) -> None:
    """Return if this user may read these mails.  Raises MaildirUnusable, which names the first it may not."""
    closed = [file for file in files if not _is_readable(file)]
    if not closed:
        return
    more = f"; and {len(closed) - 1} more in new" if len(closed) > 1 else ""
    try:
        with _explained("read", closed[0]):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except MaildirUnusable as error:
        raise MaildirUnusable(f"{error}{more}", fix=error.fix) from error


def _is_readable(file: Path) -> bool:
    try:
        return _may(file, os.R_OK) or not file.exists()  # gone meanwhile: a mail reader took it
    except (OSError, UnicodeEncodeError):
        return False
