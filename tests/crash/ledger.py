"""What was sent, written down outside of postroom, and the check of what became of it."""

from __future__ import annotations

import base64
import hashlib
import random
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

ORGS = ("acme", "beta", "gamma")


class Rows(Protocol):
    def __call__(self, query: str, *values: object) -> list[Any]: ...


@dataclass(frozen=True, slots=True)
class Sent:
    """One mail: whose it is, its Message-ID, and the digests of the files in it."""

    org: str
    message_id: str
    documents: tuple[str, ...]
    raw: bytes


@dataclass(slots=True)
class Count:
    """What the check found; all but `sent` and `kills` should be zero."""

    sent: int
    kills: int = 0
    lost: int = 0
    doubled: int = 0
    lost_documents: int = 0
    doubled_documents: int = 0
    cross_org: int = 0
    stuck: int = 0
    hash_mismatches: int = 0
    unannounced: int = 0
    unsettled: int = 0
    strangers: int = 0

    def faults(self) -> dict[str, int]:
        """Return every figure that should be zero and is not."""
        named = {name: getattr(self, name) for name in self.__slots__ if name not in {"sent", "kills"}}
        return {name: figure for name, figure in named.items() if figure}


@dataclass(slots=True)
class Post:
    """Writes mails from a seed, so that a campaign can be run again."""

    seed: int
    largest_bytes: int = 40_000  # of one attachment
    most_files: int = 3
    chance: random.Random = field(init=False)
    written: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311  (a seed repeats a campaign)

    def write(self) -> Sent:
        """Return the next mail: some attachments for one of the orgs."""
        self.written += 1
        org = self.chance.choice(ORGS)
        message_id = f"<{self.written}.{self.seed}@sender.test>"
        files = [
            self.chance.randbytes(self.chance.randrange(1, self.largest_bytes))
            for _ in range(self.chance.randint(1, self.most_files))
        ]
        digests = tuple(hashlib.sha256(content).hexdigest() for content in files)
        return Sent(org, message_id, digests, _mail(org, message_id, files))


def check(state_dir: Path, sent: list[Sent]) -> Count:
    """Compare the ledger with SQLite's rows and the archive, read without any code of postroom's."""
    with sqlite3.connect(f"file:{state_dir / 'postroom.db'}?mode=ro", uri=True) as database:
        count = check_rows(
            lambda query, *values: database.execute(query, values).fetchall(), state_dir / "archive", sent
        )
    database.close()
    return count


def check_rows(rows: Rows, archive: Path, sent: list[Sent]) -> Count:
    """Compare the ledger with what `rows` answers to a query, whose placeholders are question marks."""
    count = Count(sent=len(sent))
    for mail in sent:
        _check_mail(count, rows, archive, mail)
    total = _number(rows, "SELECT count(*) FROM inbound_message")
    count.strangers = total - len(sent) + count.lost - count.doubled
    count.unsettled = _number(rows, "SELECT count(*) FROM sighting WHERE settled_at IS NULL")
    announced = _number(rows, "SELECT count(*) FROM outbox WHERE announced_at IS NOT NULL")
    count.unannounced = _number(rows, "SELECT count(*) FROM document") - announced
    return count


def _number(rows: Rows, query: str) -> int:
    return int(rows(query)[0][0])


def _check_mail(count: Count, rows: Rows, archive: Path, mail: Sent) -> None:
    found = rows(
        "SELECT m.id, o.slug, m.status, m.raw_key FROM inbound_message m JOIN org o ON o.id = m.org_id"
        " WHERE m.source_message_id = ? OR m.source_message_id LIKE ?",
        mail.message_id,
        f"{mail.message_id}#%",
    )
    count.lost += not found
    count.doubled += max(len(found) - 1, 0)
    for row_id, slug, status, raw_key in found:
        count.cross_org += slug != mail.org
        count.stuck += status != "parsed"
        count.hash_mismatches += raw_key is None or (archive / raw_key).read_bytes() != mail.raw
        _check_documents(count, rows, archive, row_id, mail)


def _check_documents(count: Count, rows: Rows, archive: Path, row_id: object, mail: Sent) -> None:
    found = rows("SELECT sha256, object_key FROM document WHERE message_id = ?", row_id)
    there, wanted = Counter(digest for digest, _ in found), Counter(mail.documents)
    count.lost_documents += (wanted - there).total()
    count.doubled_documents += (there - wanted).total()
    for digest, key in found:
        count.hash_mismatches += hashlib.sha256((archive / key).read_bytes()).hexdigest() != digest


def _mail(org: str, message_id: str, files: list[bytes]) -> bytes:
    parts = b"".join(
        b'--cut\r\nContent-Type: application/pdf; name="%d.pdf"\r\nContent-Disposition: attachment\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n%s\r\n"
        % (number, base64.encodebytes(content).replace(b"\n", b"\r\n"))
        for number, content in enumerate(files)
    )
    head = (
        f"Delivered-To: orders+{org}@in.test\r\nReceived: from a by b; Mon, 02 Nov 2026 08:00:00 +0000\r\n"
        f"From: buyer@sender.test\r\nSubject: order\r\nMessage-ID: {message_id}\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="cut"\r\n\r\n'
    )
    return head.encode() + parts + b"--cut--\r\n"
