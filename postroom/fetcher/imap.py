"""An IMAP mailbox as a source: UIDs after a cursor, bodies by PEEK, the after-action by UID."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from postroom.config.settings import Action, After, Mailbox
from postroom.core.deadline import Deadline
from postroom.core.limits import Limits
from postroom.core.places import GENERATION, Cursor, Place
from postroom.errors import BudgetSpent, FolderRefused
from postroom.fetcher.bearer import Bearer
from postroom.fetcher.imap_asking import Asker
from postroom.fetcher.imap_bodies import BodyReader
from postroom.fetcher.imap_budget import budget_of_today
from postroom.fetcher.imap_connection import Connection
from postroom.fetcher.imap_cursor import all_is_done, begin, generation, was_rolled_back
from postroom.fetcher.imap_folder import FolderPass
from postroom.fetcher.imap_holdings import holdings, picked
from postroom.fetcher.imap_idle import Rest
from postroom.fetcher.imap_listing import highest_uid
from postroom.fetcher.imap_opened import Opened
from postroom.fetcher.imap_settle import settle
from postroom.fetcher.imap_trouble import Trouble
from postroom.fetcher.source import Batch, Holding, Memory
from postroom.fetcher.spool import Spool


def utc_now() -> datetime:
    """Return the time now, aware."""
    return datetime.now(tz=UTC)


class ImapSource:
    """The mails of one mailbox, folder after folder.

    `spool` is the folder for the files of the last two batches.  With `read_only` (a dry run) the folders are
    opened by EXAMINE, nothing is remembered, and `settle` settles nothing.  `bearer` has the token of a
    mailbox that is opened by OAuth 2.0.  One thread uses it at a time.
    """

    def __init__(
        self,
        settings: Mailbox,
        spool: Path,
        limits: Limits,
        *,
        now: Callable[[], datetime] = utc_now,
        read_only: bool = False,
        bearer: Bearer | None = None,
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._now = now
        self._dry = read_only
        self._memory: Memory | None = None
        self._connection = Connection(settings, bearer)
        self._spool = Spool(spool)
        self._uid_next: int | None = None
        self.took_mail = False  # in the last reading

    @property
    def name(self) -> str:
        return self._settings.name

    def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
        """Yield what is new in every folder.

        Known copies, which cost no body, count neither towards `limit` nor to the size of a batch.

        A folder that is refused holds up no other: the rest is yielded, then FolderRefused says which it was.
        Nor does a mail that cannot be read hold up another: at the end MailUnreadable names those.  Also
        raises StoreUnavailable when the spool cannot be written.
        """
        self._memory, self.took_mail = memory, False
        refused: list[FolderRefused] = []
        trouble = Trouble()
        self._connection.ready()
        for folder in self._settings.folders:
            try:
                for batch in self._folder(folder, memory, limit, self._bound(since), trouble):
                    limit -= len(batch.fetched)
                    self.took_mail |= bool(batch.fetched)
                    trouble.add(batch.unreadable)
                    yield batch
                    self._spool.begin_batch()
            except FolderRefused as error:
                refused.append(error)
        if refused:
            raise refused[0]
        if self._connection.is_late:
            raise BudgetSpent(f"{self.name}: the budget was over before all was read")
        trouble.tell()

    def settle(self, places: Sequence[Place], *, held: bool = False) -> Sequence[Place]:
        """Apply the after-action by UID; see imap_settle for the ways of servers without MOVE or UIDPLUS.

        What was `held` goes to the folder for it, where there is one.
        """
        if self._dry or not places:
            return ()
        after = self._settings.after
        if held and after.failed:
            after = After(Action.MOVE, folder=after.failed)
        if after.action is not Action.KEEP:
            self._connection.ready()
        return settle(self._connection, after, places, self._generation)

    def remove(self, places: Sequence[Place]) -> None:
        """Remove mails that were kept long enough, by UID, where their UIDVALIDITY still holds."""
        if not self._dry and places:
            self._connection.ready()
            settle(self._connection, After(Action.DELETE), places, self._generation)

    def holdings(self, memory: Memory) -> Iterator[Holding]:
        """Yield what every folder holds beside what is remembered of it."""
        self._memory = memory
        self._connection.ready()
        for folder in self._settings.folders:
            yield from holdings(self._examined(folder), memory, self.name)

    def picked(self, places: Sequence[Place], *, most_bytes: int) -> Iterator[Batch]:
        """Yield the copies at these places again, where their UIDVALIDITY still holds."""
        self._connection.ready()
        by_folder = groupby(sorted(places, key=_folder), key=_folder)
        for (folder, uidvalidity), group in by_folder:
            asker = self._examined(folder)
            if asker.opened.uidvalidity == uidvalidity:
                reader = self._reader(asker, most_bytes)
                for batch in picked(reader, [place.uid for place in group]):
                    yield batch
                    self._spool.empty()

    def _examined(self, folder: str) -> Asker:
        opened = self._connection.select(folder, read_only=True)
        return Asker(self._connection, replace(opened, uidvalidity=self._generation(opened)), read_only=True)

    def _generation(self, opened: Opened) -> int:
        """Return the UIDVALIDITY whose UIDs can be trusted now; after a rollback there is none."""
        if self._memory is None:
            return opened.uidvalidity
        now = generation(self._memory, opened.folder, opened.uidvalidity)
        if opened.uid_next is None:
            return now
        highest = Cursor(opened.folder, now, last_uid=0, since=None, since_until_uid=opened.uid_next - 1)
        return now + GENERATION if was_rolled_back(self._memory, highest) else now

    def with_memory(self, memory: Memory) -> ImapSource:
        """Return the source itself, which asks `memory` before it settles what an earlier poll took."""
        self._memory = memory
        return self

    def until(self, deadline: Deadline) -> ImapSource:
        """Return the source itself; once `deadline` is over, it yields what is whole and asks no more."""
        self._connection.time.deadline = deadline
        return self

    @property
    def host(self) -> str:
        """Return the mail server's name."""
        return self._settings.host

    def rest(self) -> Rest:
        """Go into IDLE in the first folder, where the server knows IDLE; the next poll leaves it.

        Raises SourceUnavailable.
        """
        self._spool.empty()
        if not self._settings.idle or not self._connection.can("IDLE"):
            return Rest(is_idle=False, mail_arrived=False)
        first, missed = self._settings.folders[0], False
        if self._connection.unchanged(first) is None:
            opened = self._connection.select(first, read_only=True)
            # Between the poll and now the server may have told of mail where nobody listened.
            missed = self._uid_next is not None and opened.uid_next not in {None, self._uid_next}
        return Rest(is_idle=True, mail_arrived=self._connection.begin_idle() or missed)

    def fileno(self) -> int:
        """Return the descriptor that can be read once the server says something in IDLE."""
        return self._connection.fileno()

    def mail_arrived(self) -> bool:
        """Return whether the server told of mail since the source rests; never waits.

        Raises SourceUnavailable.
        """
        return self._connection.mail_arrived()

    def hang_up(self) -> None:
        """Close the connection without waiting for the server; safe to repeat, never raises."""
        self._connection.hang_up()

    def close(self) -> None:
        """Log out and remove what is spooled; safe to repeat, never raises."""
        self._connection.close()
        self._spool.empty()

    # --- one folder ------------------------------------------------------------------------------

    @property
    def _read_only(self) -> bool:
        return self._dry or self._settings.after.action is Action.KEEP

    def _bound(self, since: datetime | None) -> datetime | None:
        if since is not None or self._settings.since_seconds is None:
            return since
        return self._now() - timedelta(seconds=self._settings.since_seconds)

    def _folder(
        self, folder: str, memory: Memory, limit: int, since: datetime | None, trouble: Trouble
    ) -> Iterator[Batch]:
        if limit <= 0:
            return
        still = self._connection.unchanged(folder)
        if still and all_is_done(memory, still):
            return
        opened = self._connection.select(folder, read_only=self._read_only)
        if folder == self._settings.folders[0]:
            self._uid_next = opened.uid_next
        highest = highest_uid(self._connection, opened)
        reading = begin(
            memory,
            Cursor(folder, opened.uidvalidity, last_uid=0, since=since, since_until_uid=highest),
            remember=not self._dry,
            next_is_told=opened.uid_next is not None,
        )
        opened = replace(opened, uidvalidity=reading.cursor.uidvalidity)
        after = self._settings.after
        removes = after.action in {Action.MOVE, Action.DELETE} or bool(
            after.failed or after.delete_after_seconds
        )
        asker = Asker(self._connection, opened, read_only=self._read_only)
        reader = self._reader(asker, self._limits.message_bytes)
        budget = budget_of_today(self._settings.bytes_per_day, memory, self._now())
        folder_pass = FolderPass(reader, memory, reading, trouble, limit, not removes, budget)
        yield from folder_pass.batches()

    def _reader(self, asker: Asker, message_bytes: int) -> BodyReader:
        return BodyReader(asker, self._spool, self.name, message_bytes, self._now)


def _folder(place: Place) -> tuple[str, int]:
    return place.folder, place.uidvalidity
