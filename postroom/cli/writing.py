"""Writing one object out of the archive to where a person wants it."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from postroom.cli.tables import shown
from postroom.errors import FileFault, UsageFault

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


def write_out(content: bytes, output: str | None, *, force: bool) -> None:
    """Write `content` to the file `output`, or to standard output for "-"; the file is whole or not there.

    It is readable by this user only.  Only a plain file is ever overwritten, and only with `force`: a link is
    not followed.  Raises UsageFault, FileFault.
    """
    if output is None:
        raise UsageFault("where shall it be written?", fix="-o FILE, or -o - for standard output")
    if output == "-":
        _to_stdout(content)
        return
    path = Path(output)
    with _explained(path):
        _require_free(path, force=force)
        _write(path, content, force=force)
    click.echo(f"wrote {len(content)} bytes to {shown(str(path))}", err=True)


def _to_stdout(content: bytes) -> None:
    if sys.stdout.isatty():
        raise UsageFault(
            "standard output is a terminal, which would obey what stands in a mail",
            fix="-o FILE, or a pipe: ... -o - | less",
        )
    sys.stdout.buffer.write(content)


def _require_free(path: Path, *, force: bool) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise UsageFault(
            f"{shown(str(path))} is there and is no plain file", fix="name a file that is not there yet"
        )
    if not force:
        raise UsageFault(f"{shown(str(path))} is there already", fix="--force overwrites it")


def _write(path: Path, content: bytes, *, force: bool) -> None:
    beside = path.with_name(f".{path.name[:64]}.{secrets.token_hex(8)}.tmp")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if force or not _linked(beside, path):
            beside.replace(path)
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()


def _linked(beside: Path, path: Path) -> bool:
    """Give the file its name unless somebody else took it meanwhile; False where no links can be made."""
    try:
        path.hardlink_to(beside)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in _NO_LINKS:
            return False
        raise
    return True


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise UsageFault(f"{shown(str(path))} is there already", fix="--force overwrites it") from error
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise FileFault(
            f"cannot write {shown(str(path))}: {words}", fix="name a file in a folder that is there with -o"
        ) from error
