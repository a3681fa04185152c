"""What a folder holds beside what is remembered of it, and reading some of it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from postroom.core.places import Cursor, Place
from postroom.fetcher.batching import in_batches, in_chunks
from postroom.fetcher.imap_asking import Asker
from postroom.fetcher.imap_bodies import BodyReader
from postroom.fetcher.imap_cursor import Reading
from postroom.fetcher.imap_listing import LISTED_AT_ONCE, list_mails
from postroom.fetcher.imap_search import every_uid
from postroom.fetcher.source import Batch, Holding, Memory


def holdings(asker: Asker, memory: Memory, source: str) -> Iterator[Holding]:
    """Yield what the open folder holds.

    The server is asked before the memory: a mail that is taken meanwhile is behind the cursor and recorded.
    Raises SourceUnavailable.
    """
    opened = asker.opened
    for piece in every_uid(asker.connection, opened):
        for uids in in_chunks(piece, LISTED_AT_ONCE):
            cursor = memory.cursor(opened.folder, opened.uidvalidity)
            taken = [uid for uid in uids if cursor is not None and uid <= cursor.last_uid]
            places = [Place(source, opened.folder, opened.uidvalidity, uid) for uid in taken]
            unmet = [place.uid for place in memory.unrecorded(places)]
            strays = _not_declined(asker, cursor, unmet) if cursor and unmet else []
            yield Holding(
                copies=len(uids),
                waiting=len(uids) - len(taken),
                strays=tuple(place for place in places if place.uid in strays),
            )


def picked(reader: BodyReader, uids: Sequence[int]) -> Iterator[Batch]:
    """Yield the mails with these UIDs, whatever a cursor says.  Raises SourceUnavailable."""
    for chunk in in_chunks(sorted(uids), LISTED_AT_ONCE):
        listing = list_mails(reader.asker, chunk, message_ids=False, most_refused=len(chunk))
        listed = [mail for _uid, mail in sorted(listing.given.items())]
        for mails in in_batches(listed, reader.fetched_bytes):
            read = reader.read(mails)
            yield Batch(read.fetched, unreadable=read.unreadable)


def _not_declined(asker: Asker, cursor: Cursor, uids: Sequence[int]) -> set[int]:
    """Return those of the UIDs, none of them met, that the first connect did not leave out on purpose."""
    reading = Reading(cursor, highest=cursor.last_uid, rescan=False)
    listing = list_mails(asker, uids, message_ids=False, most_refused=len(uids))
    wanted = {uid for uid, mail in listing.given.items() if not reading.declines(uid, mail.internal_date)}
    return wanted | listing.refused.keys()
