"""What a mailbox and its server are like, learned by looking: nothing is changed there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from postroom.core.carried import Carried, carried
from postroom.core.headers import HeaderBlock, read_header_block
from postroom.core.routing import AddressPattern
from postroom.fetcher.imap_commands import fetch
from postroom.fetcher.imap_connection import Connection
from postroom.fetcher.imap_opened import Opened
from postroom.fetcher.imap_search import newest_uids

CAPABILITIES: Final = ("MOVE", "UIDPLUS", "IDLE", "CONDSTORE", "QRESYNC", "UTF8=ACCEPT")
_MAILS: Final = 10
_HEADER: Final = "BODY.PEEK[HEADER]<0.65536>"


@dataclass(frozen=True, slots=True)
class Learned:
    """What was seen; `mails` says of how many mails the header was read.

    `clock_ahead_seconds` is how far in the future the newest mail is dated by the server, 0 where it is not:
    so much is its clock ahead at least.  A clock that is behind cannot be told from a mail that is old.
    """

    mails: int
    headers: tuple[Carried, ...]
    capabilities: tuple[str, ...]
    clock_ahead_seconds: int

    def can(self, capability: str) -> bool:
        """Return whether the server says it can do that."""
        return capability in self.capabilities


def learn(
    connection: Connection, folder: str, address: AddressPattern, now: Callable[[], datetime]
) -> Learned:
    """Return what the server says it can, and what the newest mails of `folder` show.

    `address` is how a slug is read from a recipient.  Raises SourceUnavailable.
    """
    opened = connection.select(folder, read_only=True)
    capabilities = tuple(name for name in CAPABILITIES if connection.can(name))
    blocks, dates = _newest(connection, opened)
    ahead = (max(dates) - now()).total_seconds() if dates else 0.0
    return Learned(len(blocks), carried(blocks, address), capabilities, max(0, int(ahead)))


def _newest(connection: Connection, opened: Opened) -> tuple[list[HeaderBlock], list[datetime]]:
    """Return the headers and the INTERNALDATEs of the newest mails."""
    uids = newest_uids(connection, opened, _MAILS)
    answer = fetch(connection, uids, ["INTERNALDATE", _HEADER]) if uids else {}
    headers = [header for fields in answer.values() if (header := _header(fields))]
    given = [fields.get(b"INTERNALDATE") for fields in answer.values()]
    dates = [date.astimezone(UTC) for date in given if isinstance(date, datetime) and date.tzinfo]
    return [read_header_block(header) for header in headers], dates


def _header(fields: Mapping[bytes, Any]) -> bytes:
    found = next((value for key, value in fields.items() if key.startswith(b"BODY[HEADER]")), b"")
    return found if isinstance(found, bytes) else b""
