"""The check of what became of the mails that were sent: read without any code of postroom's."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from tests.crash.ledger import HELD, Sent
from tests.servers.s3 import S3Service

_BEGIN = b'{"timestamp": '


class Rows(Protocol):
    """Answers a query, whose placeholders are question marks."""

    def __call__(self, query: str, *values: object) -> list[Any]: ...


class Objects(Protocol):
    """What lies in an archive."""

    def keys(self) -> set[str]:
        """Return the keys of all objects; drafts are none."""
        ...

    def read(self, key: str) -> bytes | None:
        """Return the bytes under a key, None where there are none."""
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    root: Path

    def keys(self) -> set[str]:
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {key for path in files if not (key := str(path.relative_to(self.root))).startswith("_drafts/")}

    def read(self, key: str) -> bytes | None:
        path = self.root / key
        return path.read_bytes() if path.is_file() else None


@dataclass(frozen=True, slots=True)
class InBucket:
    """The client is made once: that takes longer than many reads."""

    service: S3Service
    bucket: str
    _client: list[Any] = field(default_factory=list)

    def keys(self) -> set[str]:
        return set(self.service.keys(self.bucket))

    def read(self, key: str) -> bytes | None:
        if not self._client:
            self._client.append(self.service.client())
        (client,) = self._client
        try:
            content: bytes = client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except client.exceptions.NoSuchKey:
            return None
        return content


@dataclass(slots=True)
class Count:
    """What the check found; all but `sent`, `kills`, `orphans` and `doubled_announcements` should be zero.

    An announcement is made at least once, so that one may come twice; it is counted and is no fault.  Nor is
    an orphan that carries a mail for its own org: of two copies with other trace fields, the row names the
    one that was committed first.  Any other object that no row names is a stranger.
    """

    sent: int
    kills: int = 0
    lost: int = 0
    doubled: int = 0
    lost_documents: int = 0
    doubled_documents: int = 0
    cross_org: int = 0
    stuck: int = 0
    failed: int = 0
    hash_mismatches: int = 0
    orphans: int = 0
    unannounced: int = 0
    doubled_announcements: int = 0
    unsettled: int = 0
    strangers: int = 0

    def faults(self) -> dict[str, int]:
        """Return every figure that should be zero and is not."""
        named = {name: getattr(self, name) for name in self.__slots__ if name not in _NO_FAULTS}
        return {name: figure for name, figure in named.items() if figure}

    def __add__(self, other: Count) -> Count:
        return Count(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


_NO_FAULTS = {"sent", "kills", "orphans", "doubled_announcements"}


def check(state_dir: Path, sent: list[Sent]) -> Count:
    """Compare the ledger with SQLite's rows and the archive below a state_dir."""
    with sqlite3.connect(f"file:{state_dir / 'postroom.db'}?mode=ro", uri=True) as database:
        rows: Rows = lambda query, *values: database.execute(query, values).fetchall()  # noqa: E731
        count = check_rows(rows, Folder(state_dir / "archive"), sent)
    database.close()
    return count


def check_rows(rows: Rows, archive: Objects, sent: list[Sent], logs: Iterable[Path] = ()) -> Count:
    """Compare the ledger with the rows and the archive; with `logs`, also with what was announced there."""
    count = Count(sent=len(sent))
    keys = archive.keys()
    keys -= set(_check_messages(count, rows, archive, sent))
    keys -= _check_quarantine(count, rows, archive, sent)
    _check_orphans(count, rows, archive, sent, keys)
    count.unsettled = _number(rows, "SELECT count(*) FROM sighting WHERE settled_at IS NULL")
    count.stuck += _number(rows, "SELECT count(*) FROM work")
    owed = {str(UUID(str(event))) for (event,) in rows("SELECT id FROM outbox")}
    struck = _number(rows, "SELECT count(*) FROM outbox WHERE announced_at IS NOT NULL")
    told = Counter(announced(logs)) if logs else Counter(owed)
    count.unannounced = len(owed - told.keys()) + len(owed) - struck
    count.unannounced += _number(rows, "SELECT count(*) FROM document") - len(owed)
    count.doubled_announcements = told.total() - len(told)
    return count


def announced(logs: Iterable[Path]) -> Iterator[str]:
    """Yield the event id of every announcement that the logs tell of; a line cut off by a kill is none.

    The next process goes on writing where the last one was cut off, in the same line.
    """
    for log in logs:
        for line in log.read_bytes().splitlines():
            whole = line[line.rindex(_BEGIN) :] if _BEGIN in line else b""
            if b'"event": "announced"' in whole and whole.endswith(b"}"):
                yield str(json.loads(whole)["event_id"])


def _number(rows: Rows, query: str) -> int:
    return int(rows(query)[0][0])


def _check_messages(count: Count, rows: Rows, archive: Objects, sent: list[Sent]) -> Iterator[str]:
    """Count what is wrong with messages and documents; yield the keys that they name."""
    ledger = defaultdict[str, list[Sent]](list)
    for mail in sent:
        if mail.org != HELD:
            ledger[mail.message_id].append(mail)
    documents = defaultdict[object, list[tuple[str, str]]](list)
    for message_id, digest, key in rows("SELECT message_id, sha256, object_key FROM document"):
        documents[message_id].append((digest, key))
    query = (
        "SELECT m.id, o.id, o.slug, m.status, m.raw_key, m.raw_sha256, m.source_message_id"
        " FROM inbound_message m JOIN org o ON o.id = m.org_id"
    )
    met = Counter[bytes]()
    for row_id, org_id, slug, status, raw_key, raw_sha256, message_id in rows(query):
        content = archive.read(raw_key) if raw_key else None
        count.stuck += status not in {"parsed", "failed"}
        count.failed += status == "failed"
        count.hash_mismatches += content is None or hashlib.sha256(content).hexdigest() != raw_sha256
        mails = ledger.get(message_id.partition("#")[0], [])
        mine = next((each for each in mails if _carries(content, each)), None)
        keys = [raw_key, *(key for _, key in documents[row_id])]
        yield from keys
        if mine is None:
            count.strangers += 1
            continue
        met[mine.raw] += 1
        count.cross_org += slug != mine.org or any(
            not str(key).startswith(f"{UUID(str(org_id))}/") for key in keys
        )
        _check_documents(count, archive, documents[row_id], mine)
    wanted = {mail.raw for mail in sent if mail.org != HELD}
    count.lost += len(wanted - met.keys())
    count.doubled += met.total() - len(met)


def _check_documents(count: Count, archive: Objects, found: list[tuple[str, str]], mail: Sent) -> None:
    there, wanted = Counter(digest for digest, _ in found), Counter(mail.documents)
    count.lost_documents += (wanted - there).total()
    count.doubled_documents += (there - wanted).total()
    for digest, key in found:
        content = archive.read(key)
        count.hash_mismatches += content is None or hashlib.sha256(content).hexdigest() != digest


def _check_quarantine(count: Count, rows: Rows, archive: Objects, sent: list[Sent]) -> set[str]:
    """Count what is wrong with the mails that no org should get; return the keys of the quarantine."""
    held = {mail.raw: mail for mail in sent if mail.org == HELD}
    keys = {key for (key,) in rows("SELECT raw_key FROM quarantine")}
    met = Counter[bytes]()
    for key in keys:
        content = archive.read(key)
        raw = next((raw for raw, mail in held.items() if _carries(content, mail)), None)
        count.strangers += raw is None
        if raw is not None:
            met[raw] += 1
    count.lost += len(held.keys() - met.keys())
    return keys


def _check_orphans(count: Count, rows: Rows, archive: Objects, sent: list[Sent], keys: set[str]) -> None:
    """Count the objects that no row names, and which of them are no copy of a mail for their own org."""
    rooms = {slug: f"{UUID(str(org_id))}/raw/" for org_id, slug in rows("SELECT id, slug FROM org")}
    for key in keys:
        content = archive.read(key)
        mails = [mail for mail in sent if key.startswith(rooms.get(mail.org, "no room"))]
        count.orphans += 1
        count.strangers += not any(_carries(content, mail) for mail in mails)


def _carries(content: bytes | None, mail: Sent) -> bool:
    """Return whether these are the mail's bytes, maybe below the trace fields of our own relay."""
    return content is not None and content.endswith(mail.raw.partition(b"\r\n")[2])
