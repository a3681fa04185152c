"""An IMAP mailbox as a source: UIDs after a cursor, bodies by PEEK, the after-action by UID."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from postroom.config.settings import Action, Mailbox
from postroom.core.limits import Limits
from postroom.core.places import Cursor, Place
from postroom.errors import FolderRefused
from postroom.fetcher.bearer import Bearer
from postroom.fetcher.imap_asking import Asker
from postroom.fetcher.imap_bodies import BodyReader
from postroom.fetcher.imap_connection import Connection, Opened
from postroom.fetcher.imap_cursor import begin
from postroom.fetcher.imap_folder import FolderPass
from postroom.fetcher.imap_listing import highest_uid
from postroom.fetcher.imap_settle import settle
from postroom.fetcher.imap_trouble import Trouble
from postroom.fetcher.source import Batch, Memory
from postroom.fetcher.spool import Spool


def utc_now() -> datetime:
    """Return the time now, aware."""
    return datetime.now(tz=UTC)


class ImapSource:
    """The mails of one mailbox, folder after folder.

    `spool` is the folder for the files of one batch.  With `read_only` (a dry run) the folders are opened by
    EXAMINE, nothing is remembered, and `settle` settles nothing.  `bearer` has the token of a mailbox that is
    opened by OAuth 2.0.  One thread uses it at a time.
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
        self._connection = Connection(settings, bearer)
        self._spool = Spool(spool)

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
        refused: list[FolderRefused] = []
        trouble = Trouble()
        self._connection.ready()
        try:
            for folder in self._settings.folders:
                try:
                    for batch in self._folder(folder, memory, limit, self._bound(since), trouble):
                        limit -= len(batch.fetched)
                        trouble.add(batch.unreadable)
                        yield batch
                        self._spool.empty()
                except FolderRefused as error:
                    refused.append(error)
        finally:
            self._spool.empty()
        if refused:
            raise refused[0]
        trouble.tell()

    def settle(self, places: Sequence[Place]) -> Sequence[Place]:
        """Apply the after-action by UID; see imap_settle for the ways of servers without MOVE or UIDPLUS."""
        if self._dry or not places:
            return ()
        if self._settings.after.action is not Action.KEEP:
            self._connection.ready()
        return settle(self._connection, self._settings.after, places)

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
        opened = self._connection.select(folder, read_only=self._read_only)
        highest = highest_uid(self._connection, opened)
        reading = begin(
            memory,
            Cursor(folder, opened.uidvalidity, last_uid=0, since=since, since_until_uid=highest),
            remember=not self._dry,
        )
        removes = self._settings.after.action in {Action.MOVE, Action.DELETE}
        reader = self._reader(opened)
        yield from FolderPass(reader, memory, reading, trouble, limit, recognises=not removes).batches()

    def _reader(self, opened: Opened) -> BodyReader:
        return BodyReader(
            asker=Asker(self._connection, opened, read_only=self._read_only),
            spool=self._spool,
            source=self.name,
            message_bytes=self._limits.message_bytes,
            now=self._now,
        )
