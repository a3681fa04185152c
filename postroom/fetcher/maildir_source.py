"""A Maildir folder as a source: new/ is what is pending, a rename or unlink is how it is forgotten."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

from imapclient.imap_utf7 import encode as modified_utf7

from postroom import maildir
from postroom.config.settings import Action, MaildirFolder
from postroom.core.places import KnownFile, Place
from postroom.errors import MaildirUnusable, SettleFailed
from postroom.fetcher import maildir_file
from postroom.fetcher.batching import in_batches
from postroom.fetcher.maildir_file import Taken
from postroom.fetcher.maildir_listing import is_text, oldest_first, shelves, standing
from postroom.fetcher.source import Batch, Holding, Memory
from postroom.fetcher.spool import Spool

_MOVES_SEEN = 3  # a mail reader may rename a mail between our look and our act; three times is no accident

_Known = Mapping[str, Sequence[KnownFile]]


class MaildirSource:
    """The mails of one Maildir.

    Files are read where they lie, once, into the folder `spool`, and are never renamed or touched before
    `settle`; a mail over the size limit is read like any other, for a file that is here can always be kept.
    A Maildir has no first connect, so `since` means nothing to it.

    A name proves nothing: other bytes can be put under it at any time.  So a file is passed over as seen only
    with the size and time it had then, or the same digest; and settled only with the stamp that it had when
    this object read it.  What an earlier object read and did not settle is read again, and settled when its
    digest is the one committed.
    """

    def __init__(self, settings: MaildirFolder, spool: Path) -> None:
        self._settings = settings
        self._spool = Spool(spool)
        self._taken: dict[str, Taken] = {}  # by unique name: what was given out to be committed

    @property
    def name(self) -> str:
        return self._settings.name

    def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
        """Yield the pending mails, oldest first; what vanishes meanwhile is left out.

        Then those that were committed before and are owed, also at most `limit`: they keep no new mail
        waiting.  One unreadable file holds up no other: the rest is yielded, then MaildirUnusable says which
        it was.
        """
        unreadable: list[MaildirUnusable] = []
        owed = _by_name(memory.owed())
        fresh = islice(self._fresh(memory, owed, unreadable), limit)
        yield from self._batches(fresh, owed)
        yield from self._batches(islice(self._owed(owed, unreadable), limit), owed)
        if unreadable:
            raise unreadable[0]

    def settle(self, places: Sequence[Place], *, held: bool = False) -> Sequence[Place]:
        """Delete, flag or move the mails, wherever in new or cur they lie now; those gone are done.

        All but a deletion in new/ survives a power cut; such a mail would be met and deleted once more.
        A file that is not proved to be the one taken is not touched and not done.
        """
        if self._settings.after.action is Action.KEEP:
            return tuple(places)
        names = {place.file_name for place in places}
        for _ in range(_MOVES_SEEN):
            names -= self._settle_once(names)
            if not names & self._taken.keys():
                break
        return tuple(place for place in places if place.file_name not in names)

    def remove(self, places: Sequence[Place]) -> None:
        """Do nothing: a Maildir keeps no mail for a while only."""

    def holdings(self, memory: Memory) -> Iterator[Holding]:
        """Yield what lies in new/, and in cur/ where asked, beside what is remembered of it."""
        return standing(self._settings, memory)

    def picked(self, places: Sequence[Place], *, most_bytes: int) -> Iterator[Batch]:
        """Yield the files at these places again, one by one; a file that is here has no limit."""
        del most_bytes
        found = maildir.locate(self._settings.path, {place.file_name for place in places})
        for path in (path for paths in found.values() for path in paths):
            for copy in self._read(path, []):
                yield Batch((copy.fetched,))
                self._spool.empty()

    def close(self) -> None:
        """Remove what is spooled; safe to repeat, never raises."""
        self._spool.empty()

    # --- reading ---------------------------------------------------------------------------------

    def _batches(self, copies: Iterable[Taken], owed: _Known) -> Iterator[Batch]:
        for batch in in_batches(copies, lambda copy: copy.fetched.size_bytes):
            self._taken.update((copy.fetched.place.file_name, copy) for copy in batch)
            proved = [copy for copy in batch if _has_bytes_of(copy, owed)]
            yield Batch(
                tuple(copy.fetched for copy in batch if copy not in proved),
                owed=tuple(copy.fetched.place for copy in proved),
            )
            self._spool.begin_batch({copy.fetched.path for copy in batch})

    def _fresh(self, memory: Memory, owed: _Known, unreadable: list[MaildirUnusable]) -> Iterator[Taken]:
        """Yield what was never seen; of two files with one name, the second comes another time."""
        met: set[str] = set()
        for path, seen in self._pending(memory, owed):
            if maildir.unique(path.name) in met or maildir_file.looks_like(path, seen):
                continue
            for copy in self._read(path, unreadable):
                if any(copy.fetched.sha256 == file.raw_sha256 for file in seen):
                    self._spool.drop(copy.fetched.path)
                else:
                    met.add(copy.fetched.place.file_name)
                    yield copy

    def _pending(self, memory: Memory, owed: _Known) -> Iterator[tuple[Path, Sequence[KnownFile]]]:
        """Yield each file in new/, and in cur/ where asked, with those that were seen under its name."""
        root, alone = self._settings.path, _by_name(memory.left_alone())
        for shelf in shelves(self._settings):
            for chunk in oldest_first(root, shelf):
                # In new/ all is pending; in cur/ lie also the mails that were settled there.
                names = {maildir.unique(name) for name in chunk if shelf == "cur" and is_text(name)}
                settled = _by_name(memory.sighted(names) if names else ())
                for name in chunk:
                    key = maildir.unique(name)
                    yield (
                        root / shelf / name,
                        [seen for some in (owed, alone, settled) for seen in some.get(key, ())],
                    )

    def _owed(self, owed: _Known, unreadable: list[MaildirUnusable]) -> Iterator[Taken]:
        """Yield what lies under the names that are owed, in new or cur, and did not just come as fresh."""
        names = list(dict.fromkeys(name for name in owed if name not in self._taken))
        found = maildir.locate(self._settings.path, names) if names else {}
        for name in names:
            for path in found.get(name, ())[:1]:
                yield from self._read(path, unreadable)

    def _read(self, path: Path, unreadable: list[MaildirUnusable]) -> Iterator[Taken]:
        """Yield the copy at `path`, or nothing where it is gone, no plain file, or unreadable."""
        if not is_text(path.name):
            shown = os.fsencode(path).decode("utf-8", "backslashreplace")
            unreadable.append(MaildirUnusable(f"{shown} has a name that is not UTF-8", fix="rename the file"))
            return
        try:
            place = Place(self.name, "", file_name=maildir.unique(path.name))
            copy = maildir_file.read(path, place, self._spool)
        except MaildirUnusable as error:
            unreadable.append(error)
            return
        if copy:
            yield copy

    # --- settling --------------------------------------------------------------------------------

    def _settle_once(self, names: set[str]) -> set[str]:
        """Settle what is found and proved; return the names that are done, and those that are gone.

        A file that cannot be let go holds up no other; SettleFailed is raised after the last.
        """
        target = self._target_folder()
        acts = _Acts(self._settings.after.action, target)
        mine = names & self._taken.keys()
        done = {name for name in mine if acts.let_go([self._taken[name].path], name, self._taken[name])}
        rest = names - done - acts.refused.keys()
        found = maildir.locate(self._settings.path, rest) if rest else {}
        done |= {
            name for name in rest & mine & found.keys() if acts.let_go(found[name], name, self._taken[name])
        }
        acts.end(self._settings.path)
        return done | (rest - found.keys())

    def _target_folder(self) -> Path | None:
        if self._settings.after.action is Action.MOVE:
            name = self._settings.after.folder.strip("/.").replace("/", ".")
            encoded: bytes = modified_utf7(name)
            return maildir.create_subfolder(self._settings.path, encoded.decode("ascii")) / "cur"
        if self._settings.after.action is Action.DELETE:
            return None
        return self._settings.path / "cur"


class _Acts:
    """One pass of settling: what was let go where, and what was refused."""

    def __init__(self, action: Action, target: Path | None) -> None:
        self._action, self._target = action, target
        self._changed: set[Path] = set()
        self.refused: dict[str, OSError] = {}

    def let_go(self, paths: Sequence[Path], name: str, taken: Taken) -> bool:
        """Let go the one of `paths` that is the file taken; False where none is, or it is refused."""
        try:
            return any(self._act(path, name, taken) for path in paths)
        except OSError as error:
            self.refused[name] = error
            return False

    def _act(self, path: Path, name: str, taken: Taken) -> bool:
        if self._target is None:
            done = maildir_file.delete(path, taken.stamp)
        else:
            flags = set(maildir.flags(path.name)) | (set() if self._action is Action.MOVE else {"S"})
            letters = "".join(sorted(flags))  # in ASCII order, as the convention has it
            done = maildir_file.move(path, taken.stamp, self._target / f"{name}:2,{letters}")
        # A file that a power cut brings back into new/ is met there, known, and deleted again.
        if done and (self._target or path.parent.name != "new"):
            self._changed |= {path.parent, self._target or path.parent}
        return done

    def end(self, root: Path) -> None:
        """Make the changes durable.  Raises SettleFailed, also for the first that was refused."""
        try:
            for folder in self._changed:
                maildir.sync(folder)
            for name in sorted(self.refused):
                raise self.refused[name]
        except OSError as error:
            raise SettleFailed(
                f"cannot {self._action} in {error.filename or root}: {maildir.fault(error)}",
                fix=maildir.way_out(error, root),
            ) from error


def _has_bytes_of(copy: Taken, known: _Known) -> bool:
    files = known.get(copy.fetched.place.file_name, ())
    return any(file.raw_sha256 == copy.fetched.sha256 for file in files)


def _by_name(files: Iterable[KnownFile]) -> _Known:
    found: dict[str, list[KnownFile]] = defaultdict(list)
    for file in files:
        found[file.file_name].append(file)
    return found
