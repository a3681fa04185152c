"""Where the reading of a folder begins: at its cursor, at a first connect, or after a new UIDVALIDITY."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from postroom.core.places import Cursor
from postroom.fetcher.source import Memory


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


def begin(memory: Memory, fresh: Cursor, *, remember: bool) -> Reading:
    """Return how to read the folder of which `fresh` is the cursor of a first connect made now.

    After a UIDVALIDITY change the `since` of the first connect stands: what was declined stays declined.
    Where no cursor is known yet, it is remembered before any mail is taken, so that a crash on the way moves
    neither the bound nor the UID up to which it holds (`remember` False: a dry run).
    """
    first = memory.first_bound(fresh.folder)
    rescan = first is not None and first.uidvalidity != fresh.uidvalidity
    cursor = memory.cursor(fresh.folder, fresh.uidvalidity)
    if cursor is None:
        cursor = fresh if first is None else replace(fresh, since=first.since)
        if remember:
            memory.remember(cursor)
    return Reading(cursor, highest=fresh.since_until_uid, rescan=rescan)
