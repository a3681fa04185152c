"""The mail file that a person names: mapped where it can be, so that its size costs no memory."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path
from stat import S_ISREG
from typing import IO

from postroom.errors import FileFault
from postroom.storage.store import View

_READABLE = "check the name, and that this user may read it"


@contextmanager
def mail_file(name: str) -> Iterator[View]:
    """Yield the bytes of the file, "-" is the standard input.  Raises FileFault."""
    with ExitStack() as stack:
        try:
            file = sys.stdin.buffer if name == "-" else stack.enter_context(Path(name).open("rb"))
            view = stack.enter_context(_mapped(file))
        except (OSError, ValueError) as error:
            words = error.strerror if isinstance(error, OSError) else "no file has such a name"
            folder = isinstance(error, IsADirectoryError)
            fix = "name the mails in it, or take them all with postroom ingest" if folder else _READABLE
            raise FileFault(f"cannot read {name}: {words}", fix=fix) from error
        yield view


@contextmanager
def _mapped(file: IO[bytes]) -> Iterator[View]:
    """Yield the rest of a file; what comes through a pipe goes to a temporary file first."""
    with ExitStack() as stack:
        place = file
        if not _is_plain(file):
            place = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(file, place)
            place.flush()
        size = place.seek(0, 2)
        yield stack.enter_context(mmap(place.fileno(), 0, access=ACCESS_READ)) if size else b""


def _is_plain(file: IO[bytes]) -> bool:
    try:
        return S_ISREG(os.fstat(file.fileno()).st_mode) and file.tell() == 0
    except OSError:  # a stream without a file beneath, as tests have
        return False
