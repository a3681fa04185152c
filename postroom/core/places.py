"""Where a copy of a message lies, and what tells two copies apart without reading them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

GENERATION: Final = 2**32
"""Added to a UIDVALIDITY, which has 32 bits, when its folder was rolled back: UIDs name other mails then."""


@dataclass(frozen=True, slots=True)
class Place:
    """One copy in one source: UIDVALIDITY and UID in a mailbox, or the unique file name in a Maildir.

    `folder` is the IMAP folder, or "" for a Maildir.  A Maildir has uidvalidity 0 and uid 0; a mailbox has
    file_name "".  `file_name` is the unique name without the ":2," flags: it stays when a file moves to cur.
    """

    source: str
    folder: str
    uidvalidity: int = 0
    uid: int = 0
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A Maildir file that was seen before; the name alone would not tell it from another put in its place.

    `internal_date` is the time of the file.
    """

    file_name: str
    size_bytes: int
    internal_date: datetime
    raw_sha256: str


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What an IMAP server says of a message before its body is read (RFC 9051 2.3.1 - 2.3.5).

    `message_id_sha256` is the hex digest of the Message-ID as the header has it, "" where there is none: a
    mail without one is never recognised by its fingerprint.
    """

    message_id_sha256: str
    internal_date: datetime
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a folder has been taken, low-water: every UID up to `last_uid` is accounted for.

    `since` is the bound of the first connect: up to `since_until_uid` (the highest UID at that moment), mail
    older than it was declined on purpose.  None means that all mail was wanted.
    """

    folder: str
    uidvalidity: int
    last_uid: int
    since: datetime | None = None
    since_until_uid: int = 0
