"""The names in a Maildir, some at a time, and which of them were met before."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from postroom import maildir
from postroom.config.settings import MaildirFolder
from postroom.core.places import Place
from postroom.fetcher.batching import in_chunks
from postroom.fetcher.source import Holding, Memory

_NAMES_LISTED = 2_000  # kept of one look at a folder; more than one poll takes by default
_NAMES_AT_ONCE = 500  # asked of the memory in one question


def shelves(settings: MaildirFolder) -> tuple[maildir.Shelf, ...]:
    """Return the folders of the Maildir that mail is taken from."""
    return ("new", "cur") if settings.cur else ("new",)


def standing(settings: MaildirFolder, memory: Memory) -> Iterator[Holding]:
    """Yield what lies there beside what is remembered of it.

    A file that was never met waits for the next poll, unless its name is none that can be recorded.
    Raises MaildirUnusable.
    """
    for shelf in shelves(settings):
        for names in oldest_first(settings.path, shelf):
            sound = [name for name in names if is_text(name)]
            strays = [name for name in names if not is_text(name)]
            places = [Place(settings.name, "", file_name=maildir.unique(name)) for name in sound]
            yield Holding(
                copies=len(names),
                waiting=len(memory.unrecorded(places)),
                strays=tuple(Place(settings.name, "", file_name=_spelled(name)) for name in strays),
            )


def oldest_first(root: Path, shelf: maildir.Shelf) -> Iterator[Sequence[str]]:
    """Yield the names in chunks; a mail that comes meanwhile and would stand before them comes next time."""
    names = maildir.oldest(root, shelf, most=_NAMES_LISTED)
    while names:
        yield from in_chunks(names, _NAMES_AT_ONCE)
        full = len(names) == _NAMES_LISTED
        names = maildir.oldest(root, shelf, most=_NAMES_LISTED, after=names[-1]) if full else []


def is_text(name: str) -> bool:
    """Return whether a file name is UTF-8, so that it can be recorded."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _spelled(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")
