"""An IMAP mailbox as a source: UIDs after a cursor, bodies by PEEK, the after-action by UID."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from postroom.config.settings import Action, Mailbox
from postroom.core.limits import Limits
from postroom.core.places import Cursor, Fingerprint, Place
from postroom.errors import FolderRefused
from postroom.fetcher.batching import in_batches, in_chunks
from postroom.fetcher.imap_bodies import BodyReader
from postroom.fetcher.imap_connection import Connection, Opened
from postroom.fetcher.imap_cursor import Reading, begin
from postroom.fetcher.imap_listing import LISTED_AT_ONCE, Listed, highest_uid, list_mails, new_uids
from postroom.fetcher.imap_settle import settle
from postroom.fetcher.source import Batch, KnownCopy, Memory
from postroom.fetcher.spool import Spool


def utc_now() -> datetime:
    """Return the time now, aware."""
    return datetime.now(tz=UTC)


class ImapSource:
    """The mails of one mailbox, folder after folder.

    `spool` is the folder for the files of one batch.  With `read_only` (a dry run) the folders are opened by
    EXAMINE, nothing is remembered, and `settle` settles nothing.  One thread uses it at a time.
    """

    def __init__(
        self,
        settings: Mailbox,
        spool: Path,
        limits: Limits,
        *,
        now: Callable[[], datetime] = utc_now,
        read_only: bool = False,
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._now = now
        self._dry = read_only
        self._connection = Connection(settings)
        self._spool = Spool(spool)

    @property
    def name(self) -> str:
        return self._settings.name

    def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
        """Yield what is new in every folder.

        Known copies, which cost no body, count neither towards `limit` nor to the size of a batch.

        A folder that is refused holds up no other: the rest is yielded, then FolderRefused says which it was.
        Also raises StoreUnavailable when the spool cannot be written.
        """
        refused: list[FolderRefused] = []
        self._connection.ready()
        try:
            for folder in self._settings.folders:
                try:
                    for batch in self._folder(folder, memory, limit, self._bound(since)):
                        limit -= len(batch.fetched)
                        yield batch
                        self._spool.empty()
                except FolderRefused as error:
                    refused.append(error)
        finally:
            self._spool.empty()
        if refused:
            raise refused[0]

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

    def _folder(self, folder: str, memory: Memory, limit: int, since: datetime | None) -> Iterator[Batch]:
        if limit <= 0:
            return
        opened = self._connection.select(folder, read_only=self._read_only)
        highest = highest_uid(self._connection, opened)
        reading = begin(
            memory,
            Cursor(folder, opened.uidvalidity, last_uid=0, since=since, since_until_uid=highest),
            remember=not self._dry,
        )
        for batch in self._left_alone(memory, opened, limit):
            limit -= len(batch.fetched)
            yield batch
        if highest > reading.cursor.last_uid:
            yield from self._new(memory, opened, reading, limit)

    def _left_alone(self, memory: Memory, opened: Opened, limit: int) -> Iterator[Batch]:
        """Yield the mails once left alone for want of an org; they do not move the cursor."""
        uids = sorted(place.uid for place in memory.left(opened.folder, opened.uidvalidity))[:limit]
        mails = self._list(opened, uids, message_ids=False)
        reader = self._reader(opened)
        for batch in in_batches(mails, reader.fetched_bytes):
            if fetched := reader.read(batch):
                yield Batch(fetched)

    def _new(self, memory: Memory, opened: Opened, reading: Reading, limit: int) -> Iterator[Batch]:
        """Yield the mails after the cursor; a batch's cursor stands before the first not yet yielded."""
        uids = new_uids(self._connection, opened, reading.cursor)
        reached = reading.cursor.last_uid
        for chunk in in_chunks(uids, LISTED_AT_ONCE):
            for batch in self._chunk(memory, opened, reading, chunk, limit):
                limit -= len(batch.fetched)
                if batch.cursor is not None:
                    reached = batch.cursor.last_uid
                yield batch
            if limit <= 0:
                return
        if reached < reading.highest:
            yield Batch((), cursor=reading.taken_up_to(reading.highest))

    def _chunk(
        self, memory: Memory, opened: Opened, reading: Reading, uids: Sequence[int], limit: int
    ) -> Iterator[Batch]:
        listed = self._list(opened, uids, message_ids=any(map(reading.may_be_known, uids)))
        wanted = [mail for mail in listed if not reading.declines(mail.uid, mail.internal_date)]
        known = self._known(memory, opened, reading, wanted)
        recognised = {copy.place.uid for copy in known}
        fresh = [mail for mail in wanted if mail.uid not in recognised]
        reader = self._reader(opened)
        if known:
            first_fresh = fresh[0].uid if fresh else uids[-1] + 1
            yield Batch((), known, reading.taken_up_to(first_fresh - 1))
        for batch in in_batches(fresh[:limit], reader.fetched_bytes):
            done = batch[-1].uid == fresh[-1].uid
            yield Batch(reader.read(batch), cursor=reading.taken_up_to(uids[-1] if done else batch[-1].uid))

    def _known(
        self, memory: Memory, opened: Opened, reading: Reading, mails: Sequence[Listed]
    ) -> tuple[KnownCopy, ...]:
        """Return the copies that need not be read again.

        Never where the after-action removes mails: none is deleted on the strength of a fingerprint.
        """
        if self._settings.after.action in {Action.MOVE, Action.DELETE}:
            return ()
        prints: dict[int, Fingerprint] = {}
        for mail in mails:
            fingerprint = mail.fingerprint(mail.message_id_sha256)
            if mail.message_id_sha256 and fingerprint and reading.may_be_known(mail.uid):
                prints[mail.uid] = fingerprint
        known = memory.known(opened.folder, set(prints.values())) if prints else set()
        return tuple(
            KnownCopy(Place(self.name, opened.folder, opened.uidvalidity, uid), fingerprint)
            for uid, fingerprint in prints.items()
            if fingerprint in known
        )

    def _list(self, opened: Opened, uids: Sequence[int], *, message_ids: bool) -> list[Listed]:
        found = list_mails(self._connection, opened, uids, message_ids=message_ids, read_only=self._read_only)
        return [found[uid] for uid in uids if uid in found]

    def _reader(self, opened: Opened) -> BodyReader:
        return BodyReader(
            connection=self._connection,
            opened=opened,
            spool=self._spool,
            source=self.name,
            message_bytes=self._limits.message_bytes,
            read_only=self._read_only,
            now=self._now,
        )
