"""Which UIDs a folder holds: by SEARCH, and by FETCH at servers that answer a good SEARCH with NO or BAD."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from postroom.errors import ServerFault, SessionRefused
from postroom.fetcher.batching import in_chunks
from postroom.fetcher.imap_commands import fetch, search, uids_of
from postroom.fetcher.imap_connection import Connection
from postroom.fetcher.imap_opened import Opened

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.fetcher")
_SEARCHED_AT_ONCE = 20_000  # mails; an answer of more than a million bytes is refused by Python's imaplib
_FETCHED_AT_ONCE = 500  # a command that names so many is as long as servers take (RFC 7162 4)


def uids_from(
    connection: Connection, opened: Opened, first: int, last: int | None = None, since: datetime | None = None
) -> set[int]:
    """Return the UIDs from `first` up to `last`, or to the end.

    `since` leaves out mails that the server knows to be too old.  SINCE goes by whole days in the server's
    zone, so it is asked a day generously; the exact bound is for whoever knows the INTERNALDATE, and so is
    all of it where SEARCH is refused.  Raises ServerFault.
    """
    criteria: list[object] = ["UID", f"{first}:{last or '*'}"]
    if since is not None:
        criteria += ["SINCE", (since.astimezone(UTC) - timedelta(days=1)).date()]
    try:
        found = _search(connection, opened, criteria)
    except ServerFault as error:
        _require_refusal(connection, error)
        found = _by_number(connection, opened, first)
    # `n:*` names the last mail also when its UID is below n (RFC 9051 6.4.9).
    return {uid for uid in found if uid >= first and (last is None or uid <= last)}


def still_there(connection: Connection, uids: Sequence[int], *, undeleted: bool = False) -> set[int]:
    """Return those of `uids` (a few hundred at most) that the open folder holds.

    With `undeleted`, only those that nobody marked as deleted.  Raises ServerFault.
    """
    which = ["UNDELETED"] if undeleted else []
    try:
        return search(connection, ["UID", ",".join(map(str, uids)), *which]) & set(uids)
    except ServerFault as error:
        _require_refusal(connection, error)
        told = fetch(connection, uids, ["UID", "FLAGS"] if undeleted else ["UID"])
        return {uid for uid in uids if uid in told and b"\\Deleted" not in told[uid].get(b"FLAGS", ())}


def every_uid(connection: Connection, opened: Opened) -> Iterator[list[int]]:
    """Yield the UIDs of the folder, ascending within each piece; memory for one piece is enough.

    What is expunged meanwhile may be met twice, and is never missed.  Raises ServerFault.
    """
    for last in range(opened.exists, 0, -_SEARCHED_AT_ONCE):
        first = max(1, last - _SEARCHED_AT_ONCE + 1)
        try:
            found = search(connection, [f"{first}:{last}"])
        except ServerFault as error:
            _require_refusal(connection, error)
            numbered = in_chunks(range(first, last + 1), _FETCHED_AT_ONCE)
            found = set().union(*(uids_of(connection, numbers) for numbers in numbered))
        yield sorted(found)


def newest_uids(connection: Connection, opened: Opened, most: int) -> list[int]:
    """Return the UIDs of the newest mails of the folder, ascending.  Raises ServerFault."""
    first = max(1, opened.exists - most + 1)
    return sorted(uids_of(connection, range(first, opened.exists + 1))) if opened.exists else []


def _search(connection: Connection, opened: Opened, criteria: Sequence[object]) -> set[int]:
    """Search in ranges of mail numbers, from the newest down.

    When mails are expunged meanwhile, the rest moves to lower numbers: downwards that is met twice,
    upwards it would be missed.
    """
    found: set[int] = set()
    for last in range(opened.exists, 0, -_SEARCHED_AT_ONCE):
        numbers = (
            [f"{max(1, last - _SEARCHED_AT_ONCE + 1)}:{last}"] if opened.exists > _SEARCHED_AT_ONCE else []
        )
        found |= search(connection, [*numbers, *criteria])
    return found


def _by_number(connection: Connection, opened: Opened, first: int) -> set[int]:
    """Return the UIDs from `first` up, and perhaps some below: each mail's is asked, the newest first."""
    found: set[int] = set()
    for numbers in in_chunks(range(opened.exists, 0, -1), _FETCHED_AT_ONCE):
        found |= uids_of(connection, sorted(numbers))
        if found and min(found) < first:  # UIDs ascend with the numbers
            break
    return found


def _require_refusal(connection: Connection, error: ServerFault) -> None:
    """Return where the server only refused what was asked; else raise `error`."""
    if isinstance(error, SessionRefused) or not connection.is_open:
        raise error
    _log.info("search refused", error=str(error))
