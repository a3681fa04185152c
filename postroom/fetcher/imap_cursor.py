"""Where the reading of a folder begins: at its cursor, at a first connect, or after a new UIDVALIDITY."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from postroom.core.places import GENERATION, Cursor
from postroom.fetcher.imap_opened import Opened
from postroom.fetcher.source import Memory

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.fetcher")


@dataclass(frozen=True, slots=True)
class Reading:
    """One pass over a folder.

    `highest` is the highest UID it had when it was opened.  `rescan` is True while mails that were there
    when the UIDVALIDITY changed are met again under new UIDs: up to the cursor's `since_until_uid`.
    """

    cursor: Cursor
    highest: int
    rescan: bool

    def declines(self, uid: int, internal_date: datetime | None) -> bool:
        """Return whether this mail was left out on purpose: older than `since` at the first connect."""
        since = self.cursor.since
        if since is None or uid > self.cursor.since_until_uid or internal_date is None:
            return False
        return internal_date < since

    def may_be_known(self, uid: int) -> bool:
        return self.rescan and uid <= self.cursor.since_until_uid

    def taken_up_to(self, uid: int) -> Cursor:
        """Return the cursor once everything up to `uid` is accounted for; it never moves back."""
        return replace(self.cursor, last_uid=max(uid, self.cursor.last_uid))


def begin(memory: Memory, fresh: Cursor, *, remember: bool, next_is_told: bool = True) -> Reading:
    """Return how to read the folder of which `fresh` is the cursor of a first connect made now.

    Where the folder was rolled back, reading starts over in a new generation; where the server tells no
    UIDNEXT (`next_is_told` False), nobody can know.
    After a UIDVALIDITY change the `since` of the first connect stands: what was declined stays declined.
    Where no cursor is known yet, it is remembered before any mail is taken, so that a crash on the way moves
    neither the bound nor the UID up to which it holds (`remember` False: a dry run).
    """
    fresh = replace(fresh, uidvalidity=generation(memory, fresh.folder, fresh.uidvalidity))
    if next_is_told and was_rolled_back(memory, fresh):
        _log.warning("rolled back", folder=fresh.folder, uid_next=fresh.since_until_uid + 1)
        fresh = replace(fresh, uidvalidity=fresh.uidvalidity + GENERATION)
    first = memory.first_bound(fresh.folder)
    rescan = first is not None and first.uidvalidity != fresh.uidvalidity
    cursor = memory.cursor(fresh.folder, fresh.uidvalidity)
    if cursor is None:
        cursor = fresh if first is None else replace(fresh, since=first.since)
        if remember:
            memory.remember(cursor)
    return Reading(cursor, highest=fresh.since_until_uid, rescan=rescan)


def generation(memory: Memory, folder: str, uidvalidity: int) -> int:
    """Return `uidvalidity`, the server's own, with the generation that the folder is in under it."""
    while memory.cursor(folder, uidvalidity + GENERATION) is not None:
        uidvalidity += GENERATION
    return uidvalidity


def all_is_done(memory: Memory, opened: Opened) -> bool:
    """Return whether nothing is left to do in a folder that is as it was when it was `opened`."""
    if opened.uid_next is None:
        return False
    return memory.done_up_to(opened.folder, opened.uidvalidity) == opened.uid_next - 1


def was_rolled_back(memory: Memory, now: Cursor) -> bool:
    """Return whether the folder's highest UID, `now.since_until_uid`, is below one that was there before.

    UIDs only grow (RFC 9051 2.3.1.1).  A server that was put back to a backup gives UIDs out a second time.
    """
    known = memory.cursor(now.folder, now.uidvalidity)
    return known is not None and now.since_until_uid < known.last_uid
