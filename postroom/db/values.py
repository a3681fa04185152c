"""What passes between the pipeline and the database: plain values, no SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from postroom.core.announcement import Announcement
from postroom.core.lifecycle import Status
from postroom.core.places import Cursor, Place

EMAIL = "EMAIL"
UPLOAD = "UPLOAD"


class Verdict(StrEnum):
    """What was decided about one copy."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"  # accepted too, but another mail already has its Message-ID
    QUARANTINED = "quarantined"
    LEFT = "left"  # no such org, and the source is told to leave such mail alone
    KNOWN = "known"  # recognised by its fingerprint, body not read
    UNREADABLE = "unreadable"  # the server lists it, but cannot give it


STAYING = (Verdict.LEFT.value, Verdict.UNREADABLE.value)  # at their source, never settled, met again


class WorkState(StrEnum):
    """What a message waits for; the words of the first two are those of its status."""

    RECEIVED = "received"  # for its bytes to be archived
    STORED = "stored"  # for its documents to be taken out
    OWED = "owed"  # for the next system to be told


class Key(NamedTuple):
    """What makes a message one message."""

    org_id: UUID
    source: str
    source_message_id: str


@dataclass(frozen=True, slots=True)
class Org:
    """One org as routing needs it."""

    id: UUID
    slug: str
    allow_from: tuple[str, ...] = ()
    suspended: bool = False


class Standing(NamedTuple):
    """What a standing rule says of a recipient: the org that gets the mail, and the rule's number."""

    rule_id: int
    org: Org


@dataclass(frozen=True, slots=True)
class Existing:
    """A message that has a row; `archived` says that its raw bytes are durable."""

    id: UUID
    status: Status
    content_sha256: str
    raw_sha256: str
    archived: bool


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A row to be written; `raw_key` is where its bytes are archived, None while they are not."""

    key: Key
    raw_sha256: str
    content_sha256: str
    size_bytes: int
    received_at: datetime
    recipient: str
    raw_key: str | None
    from_address: str | None = None
    to_address: str | None = None
    subject: str | None = None
    sent_at: datetime | None = None
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A mail for the quarantine; `code` is for machines, `reason` for people."""

    source_name: str
    raw_sha256: str
    raw_key: str | None
    code: str
    reason: str
    recipient: str
    from_address: str | None
    subject: str | None
    size_bytes: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """One copy and its verdict; `key` where an org got it, `held` where the quarantine did."""

    place: Place
    verdict: Verdict
    internal_date: datetime
    size_bytes: int
    raw_sha256: str = ""
    message_id_sha256: str = ""
    decided_by: str = ""
    key: Key | None = None
    held: Held | None = None
    settled: bool = False
    why: str = ""  # for the log, where the verdict alone does not say it


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object that a row says there is; `row` is the row's id, `message_id` None in the quarantine."""

    key: str
    sha256: str
    size_bytes: int
    row: UUID | int
    message_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Fence:
    """A lease's name and the token it was given under; a commit under an older token is refused."""

    name: str
    token: int


@dataclass(frozen=True, slots=True)
class Intake:
    """Everything one batch changes, written in one transaction or not at all."""

    messages: Sequence[NewMessage] = ()
    resumed: Sequence[NewMessage] = ()  # rows in RECEIVED whose bytes are archived now
    seen: Sequence[Seen] = ()
    cursor: Cursor | None = None
    source_name: str = ""
    fence: Fence | None = None


class Raced(Exception):
    """Another worker wrote one of the same keys first: look the keys up again and decide anew."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A STORED message that this worker may extract until its lease ends.

    `deaths` counts the claims of it that nobody ended: those of processes that died or stood still.
    """

    message_id: UUID
    org_id: UUID
    org: str
    source_message_id: str
    raw_key: str
    raw_sha256: str
    size_bytes: int
    attempts: int
    token: int
    deaths: int = 0


@dataclass(frozen=True, slots=True)
class Owed:
    """A message with announcements that this worker may make until its lease ends, oldest first."""

    message_id: UUID
    org_id: UUID
    token: int
    announcements: tuple[Announcement, ...]


@dataclass(frozen=True, slots=True)
class Untold:
    """An announcement that failed: why, and when it is tried again."""

    event_id: UUID
    error: Mapping[str, Any]
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerPart:
    """One line of the part ledger; `object_key` is set where the part became a document."""

    path: str
    content_type: str
    sniffed: str | None
    filename: str | None
    filename_original: str | None
    disposition: str | None
    content_id: str | None
    transfer_encoding: str
    size_bytes: int
    sha256: str | None
    kept: bool
    reason: str
    decode_status: str
    defects: tuple[str, ...] = ()
    object_key: str | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a poll took its source: all that came before `until` was taken; `is_behind`: more may wait.

    `until` is None where nothing is known but what was known before.
    """

    until: datetime | None
    is_behind: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """How a source failed when it was last tried, `at` then, for the `failures`-th time in a row."""

    code: str
    message: str
    failures: int
    at: datetime
