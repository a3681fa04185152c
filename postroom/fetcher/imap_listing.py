"""What a folder holds: the UIDs to look at, and of each its size and date, before any body is read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from postroom.core.places import Cursor, Fingerprint
from postroom.fetcher.imap_asking import Answers, Asker
from postroom.fetcher.imap_connection import Connection
from postroom.fetcher.imap_opened import Opened
from postroom.fetcher.imap_search import uids_from

LISTED_AT_ONCE = 500  # UIDs of ten digits make a command of 5,500 bytes; servers take 8,000 (RFC 7162 4)

_MESSAGE_ID_ONLY = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"
_MESSAGE_ID = re.compile(
    rb"^message-id[ \t]*:((?:[^\r\n]*)(?:\r?\n[ \t][^\r\n]*)*)", re.IGNORECASE | re.MULTILINE
)
_END_OF_HEADER = re.compile(rb"(?:\A|\r?\n)\r?\n")


@dataclass(frozen=True, slots=True)
class Listed:
    """One mail as the server lists it; `internal_date` is None where it gave none that can be read."""

    uid: int
    size_bytes: int
    internal_date: datetime | None
    message_id_sha256: str = ""

    def fingerprint(self, message_id_sha256: str) -> Fingerprint | None:
        if self.internal_date is None:
            return None
        return Fingerprint(message_id_sha256, self.internal_date, self.size_bytes)


def highest_uid(connection: Connection, opened: Opened) -> int:
    """Return the highest UID given out so far.  Raises ServerFault."""
    if opened.uid_next is not None:
        return opened.uid_next - 1
    return max(uids_from(connection, opened, 1), default=0)  # RFC 3501 made UIDNEXT optional


def new_uids(connection: Connection, opened: Opened, cursor: Cursor) -> list[int]:
    """Return the UIDs after the cursor, ascending, without those the server knows to be too old.

    Raises ServerFault.
    """
    first = cursor.last_uid + 1
    found: set[int] = set()
    if cursor.since is not None and first <= cursor.since_until_uid:
        found = uids_from(connection, opened, first, cursor.since_until_uid, cursor.since)
        first = cursor.since_until_uid + 1
    return sorted(found | uids_from(connection, opened, first))


def list_mails(asker: Asker, uids: Sequence[int], *, message_ids: bool, most_refused: int) -> Answers[Listed]:
    """Return size and date of each of `uids` (LISTED_AT_ONCE at most), and its Message-ID's digest if asked.

    Raises SourceUnavailable.
    """
    wanted = ["INTERNALDATE", *([_MESSAGE_ID_ONLY] if message_ids else []), "RFC822.SIZE"]
    return asker.ask(uids, wanted, _described, most_refused=most_refused)


def date_alone(asker: Asker, uid: int) -> datetime | None:
    """Return the date of a mail whose size the server cannot give, if it has at least that.

    Raises SourceUnavailable.
    """
    dated = asker.ask([uid], ["INTERNALDATE"], lambda _uid, fields: _moment(fields.get(b"INTERNALDATE")))
    return dated.given.get(uid)


def message_id_sha256(header: bytes) -> str:
    """Return the digest of the first Message-ID in a header block or mail, unfolded; "" for none."""
    end = _END_OF_HEADER.search(header)
    field = _MESSAGE_ID.search(header, 0, end.start() + 1 if end else len(header))
    value = re.sub(rb"[\r\n]", b"", field.group(1)).strip(b" \t") if field else b""
    return hashlib.sha256(value).hexdigest() if value else ""


def _described(uid: int, fields: Mapping[bytes, Any]) -> Listed | None:
    size = fields.get(b"RFC822.SIZE")
    if not isinstance(size, int):
        return None
    return Listed(uid, size, _moment(fields.get(b"INTERNALDATE")), _listed_message_id(fields))


def _listed_message_id(fields: Mapping[bytes, Any]) -> str:
    for key, value in fields.items():
        if key.startswith(b"BODY[HEADER.FIELDS") and isinstance(value, bytes):
            return message_id_sha256(value)
    return ""


def _moment(value: datetime | None) -> datetime | None:
    try:
        return value and (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    except (OverflowError, ValueError):
        return None
