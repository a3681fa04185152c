"""One pass over one folder: what was left alone, what is new, and what could not be read before."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from postroom.core.places import Cursor, Fingerprint
from postroom.failpoints import reach
from postroom.fetcher.batching import in_batches, in_chunks
from postroom.fetcher.imap_asking import MOST_REFUSED, Answers
from postroom.fetcher.imap_bodies import BodyReader
from postroom.fetcher.imap_budget import ByteBudget
from postroom.fetcher.imap_cursor import Reading
from postroom.fetcher.imap_listing import LISTED_AT_ONCE, Listed, date_alone, list_mails, new_uids
from postroom.fetcher.imap_opened import Opened
from postroom.fetcher.imap_trouble import Trouble
from postroom.fetcher.source import Batch, KnownCopy, Memory, UnreadableCopy, Waiting


@dataclass(slots=True)
class FolderPass:
    """Yields the batches of one folder; `limit` is how many copies may still come, `failed` how many did not.

    `recognises` is False where the after-action removes mails: none is deleted on the strength of a
    fingerprint.
    """

    reader: BodyReader
    memory: Memory
    reading: Reading
    trouble: Trouble
    limit: int
    recognises: bool
    budget: ByteBudget
    failed: int = 0

    def batches(self) -> Iterator[Batch]:
        """Yield what the folder has for us.  Raises SourceUnavailable, StoreUnavailable."""
        yield from self._left_alone()
        if self.reading.highest > self.reading.cursor.last_uid:
            yield from self._new()
        yield from self._tried_again()

    @property
    def _opened(self) -> Opened:
        return self.reader.asker.opened

    @property
    def _is_late(self) -> bool:
        return self.reader.asker.connection.is_late

    # --- what was met before ---------------------------------------------------------------------

    def _left_alone(self) -> Iterator[Batch]:
        """Yield the mails once left alone for want of an org; they do not move the cursor."""
        places = self.memory.left(self._opened.folder, self._opened.uidvalidity)
        for chunk in in_chunks(sorted(place.uid for place in places)[: self.limit], LISTED_AT_ONCE):
            listing = self._list(self.reader, chunk)
            if listing.refused:
                yield Batch((), unreadable=_unreadable(self.reader, listing))
            for mails in in_batches(_in_order(listing), self.reader.fetched_bytes):
                batch, _reached = self._read(self.reader, mails)
                if batch.fetched or batch.unreadable:
                    yield batch

    def _tried_again(self) -> Iterator[Batch]:
        """Yield the mails that could not be read before, each alone; they do not move the cursor."""
        reader = replace(self.reader, asker=replace(self.reader.asker, suspect=True))
        places = self.memory.unreadable(self._opened.folder, self._opened.uidvalidity)
        self.failed = 0
        for chunk in in_chunks([place.uid for place in places], LISTED_AT_ONCE):
            for uid in reader.asker.still_there(chunk):
                if self.trouble.knows(self._opened.folder, uid):  # met in this poll
                    continue
                if self.limit <= 0 or self.failed >= MOST_REFUSED:
                    self.trouble.pass_over(self._opened.folder, uid)
                    continue
                listing = self._list(reader, [uid])
                batch, _reached = self._read(reader, _in_order(listing), _unreadable(reader, listing))
                if batch.fetched or batch.unreadable:
                    yield batch

    # --- what is new -----------------------------------------------------------------------------

    def _new(self) -> Iterator[Batch]:
        """Yield the mails after the cursor; a batch's cursor stands before the first still to come."""
        uids = new_uids(self.reader.asker.connection, self._opened, self.reading.cursor)
        for chunk in in_chunks(uids, LISTED_AT_ONCE):
            if not (yield from self._chunk(chunk, is_last=chunk[-1] == uids[-1])):
                return
        if self.reading.cursor.last_uid < self.reading.highest:
            yield Batch((), cursor=self._up_to(self.reading.highest))

    def _chunk(self, uids: Sequence[int], *, is_last: bool) -> Generator[Batch, None, bool]:
        """Yield what `uids` hold; return whether all of them are accounted for, and more may come."""
        message_ids = any(map(self.reading.may_be_known, uids))
        listing = self._list(self.reader, uids, message_ids=message_ids)
        reach("imap.listed")
        wanted = [mail for mail in _in_order(listing) if not self._declines(mail)]
        known = self._known(wanted)
        recognised = {copy.place.uid for copy in known}
        fresh = [mail for mail in wanted if mail.uid not in recognised]
        if known or listing.refused:
            unreadable = [copy for copy in _unreadable(self.reader, listing) if not self._declines(copy)]
            first_fresh = fresh[0].uid if fresh else listing.reached + 1
            waiting = _waiting(fresh, first_fresh - 1, is_last=is_last)
            yield Batch((), known, self._up_to(first_fresh - 1), (), tuple(unreadable), waiting)
        done = not fresh
        affordable = self.budget.affordable(fresh[: self.limit], self.reader.fetched_bytes)
        for mails in in_batches(affordable, self.reader.fetched_bytes):
            batch, reached = self._read(self.reader, mails)
            done = reached == fresh[-1].uid
            if batch.fetched or batch.unreadable or reached == mails[-1].uid:
                cursor = self._up_to(listing.reached if done else reached)
                yield replace(batch, cursor=cursor, waiting=_waiting(fresh, reached, is_last=is_last))
            if self.failed >= MOST_REFUSED or reached < mails[-1].uid:
                return False
        return done and self.limit > 0 and self.failed < MOST_REFUSED and not self._is_late

    def _up_to(self, uid: int) -> Cursor:
        self.reading = replace(self.reading, cursor=self.reading.taken_up_to(uid))
        return self.reading.cursor

    def _declines(self, mail: Listed | UnreadableCopy) -> bool:
        uid = mail.uid if isinstance(mail, Listed) else mail.place.uid
        return self.reading.declines(uid, mail.internal_date)

    def _known(self, mails: Sequence[Listed]) -> tuple[KnownCopy, ...]:
        """Return the copies that need not be read again."""
        prints: dict[int, Fingerprint] = {}
        for mail in mails if self.recognises else ():
            fingerprint = mail.fingerprint(mail.message_id_sha256)
            if mail.message_id_sha256 and fingerprint and self.reading.may_be_known(mail.uid):
                prints[mail.uid] = fingerprint
        known = self.memory.known(self._opened.folder, set(prints.values())) if prints else set()
        return tuple(
            KnownCopy(self.reader.place(uid), fingerprint)
            for uid, fingerprint in prints.items()
            if fingerprint in known
        )

    # --- asking ----------------------------------------------------------------------------------

    def _list(self, reader: BodyReader, uids: Sequence[int], *, message_ids: bool = False) -> Answers[Listed]:
        listing = list_mails(reader.asker, uids, message_ids=message_ids, most_refused=MOST_REFUSED)
        self.failed += len(listing.refused)
        return listing

    def _read(
        self, reader: BodyReader, mails: Sequence[Listed], unreadable: tuple[UnreadableCopy, ...] = ()
    ) -> tuple[Batch, int]:
        """Return the batch of these mails, and the UID up to which it is decided what becomes of them."""
        read = reader.read(mails)
        self.budget.spend(sum(copy.size_bytes for copy in read.fetched))
        self.limit -= len(read.fetched)
        self.failed += len(read.unreadable)
        return Batch(read.fetched, unreadable=unreadable + read.unreadable), read.reached


def _waiting(fresh: Sequence[Listed], reached: int, *, is_last: bool) -> Waiting | None:
    """Return what waits behind the UID `reached`: of the next chunk no date is known but this one's last."""
    after = next((mail for mail in fresh if mail.uid > reached), None)
    if after is not None:
        return Waiting(after.internal_date)
    if is_last:
        return None
    return Waiting(fresh[-1].internal_date if fresh else None)


def _in_order(listing: Answers[Listed]) -> list[Listed]:
    return [mail for _uid, mail in sorted(listing.given.items())]


def _unreadable(reader: BodyReader, listing: Answers[Listed]) -> tuple[UnreadableCopy, ...]:
    return tuple(
        reader.unreadable(uid, reason, date_alone(reader.asker, uid))
        for uid, reason in sorted(listing.refused.items())
    )
