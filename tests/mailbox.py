"""A mailbox in RAM that behaves as an IMAP mailbox does, and the mails to put into it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from postroom.core.places import Cursor, Fingerprint, Place
from postroom.errors import ConnectFailed, ServerFault, SettleFailed
from postroom.fetcher.source import Batch, Fetched, Holding, Memory

ARRIVED = datetime(2025, 3, 4, 8, 30, tzinfo=UTC)


def mail(
    message_id: str = "<1@customer.example>",
    *,
    to: str = "orders+acme@in.example",
    sender: str = "anna@customer.example",
    text: str = "Please send two.",
    received: str = "by mx.in.example",
    documents: Mapping[str, bytes] = MappingProxyType({}),
    **more_documents: bytes,
) -> bytes:
    """Return a mail with a text and PDF documents by name, as Postfix delivers it."""
    head = (
        f"X-Original-To: {to}\r\nReceived: {received}\r\nFrom: {sender}\r\nTo: {to}\r\n"
        f"Date: Tue, 4 Mar 2025 09:00:00 +0000\r\nMessage-ID: {message_id}\r\nSubject: an order\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n"
    )
    parts = [
        f'--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="{name}.pdf"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{base64.b64encode(content).decode()}\r\n"
        for name, content in {**documents, **more_documents}.items()
    ]
    return (head + "".join(parts) + "--b--\r\n").encode()


class MailboxInRam:
    """One INBOX; `settled` is what it was told to forget, in order.

    `is_away` refuses connections, `refuses` the after-action; `breaks_while_settling` loses the connection
    once the after-action is done, before it is confirmed.
    """

    def __init__(self, name: str, spool: Path) -> None:
        self.name = name
        self.uidvalidity = 7
        self.mails: dict[int, bytes] = {}
        self.too_large: set[int] = set()
        self.settled: list[int] = []
        self.settled_as_held: list[int] = []
        self.is_away = self.refuses = self.breaks_while_settling = False
        self.batch_size = 50
        self.read: list[int] = []
        self._spool = spool

    def put(self, raw: bytes) -> int:
        """Add a mail and return its UID."""
        uid = max(self.mails, default=0) + 1
        self.mails[uid] = raw
        return uid

    def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
        if self.is_away:
            raise ConnectFailed("nobody answers")
        for place in memory.left("INBOX", self.uidvalidity)[:limit]:
            yield Batch((self.fetch(place.uid),))
        cursor = memory.cursor("INBOX", self.uidvalidity)
        after = cursor.last_uid if cursor else 0
        uids = sorted(uid for uid in self.mails if uid > after)[:limit]
        for start in range(0, len(uids), self.batch_size):
            chunk = uids[start : start + self.batch_size]
            yield Batch(tuple(map(self.fetch, chunk)), cursor=self.cursor(chunk[-1]))

    def fetch(self, uid: int) -> Fetched:
        """Return a copy spooled to a file of its own, its header only where it is too large."""
        self.read.append(uid)
        raw = self.mails[uid]
        whole = uid not in self.too_large
        kept = raw if whole else raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        self._spool.mkdir(exist_ok=True)
        path = self._spool / f"{uid}-{len(self.read)}"
        path.write_bytes(kept)
        digest = hashlib.sha256(kept).hexdigest()
        return Fetched(self.place(uid), path, digest, len(raw), ARRIVED, self.fingerprint(uid), whole)

    def place(self, uid: int) -> Place:
        return Place(self.name, "INBOX", self.uidvalidity, uid)

    def cursor(self, uid: int) -> Cursor:
        return Cursor("INBOX", self.uidvalidity, uid)

    def fingerprint(self, uid: int) -> Fingerprint:
        written = self.mails[uid].partition(b"Message-ID: ")[2].partition(b"\r\n")[0]
        return Fingerprint(hashlib.sha256(written).hexdigest(), ARRIVED, len(self.mails[uid]))

    def settle(self, places: Sequence[Place], *, held: bool = False) -> Sequence[Place]:
        if self.refuses:
            raise SettleFailed("no such folder")
        self.settled += [place.uid for place in places]
        self.settled_as_held += [place.uid for place in places if held]
        if self.breaks_while_settling:
            raise ServerFault("connection lost")
        return places

    def remove(self, places: Sequence[Place]) -> None:
        if self.refuses:
            raise SettleFailed("no right to expunge")
        for place in places:
            self.mails.pop(place.uid, None)

    def holdings(self, memory: Memory) -> Iterator[Holding]:
        cursor = memory.cursor("INBOX", self.uidvalidity)
        taken = [self.place(uid) for uid in self.mails if cursor and uid <= cursor.last_uid]
        strays = tuple(memory.unrecorded(taken))
        yield Holding(len(self.mails), waiting=len(self.mails) - len(taken), strays=strays)

    def picked(self, places: Sequence[Place], *, most_bytes: int) -> Iterator[Batch]:
        there = [place for place in places if place.uid in self.mails]
        self.too_large -= {place.uid for place in there if len(self.mails[place.uid]) <= most_bytes}
        for place in there:
            yield Batch((self.fetch(place.uid),))

    def close(self) -> None:
        """Nothing is held open."""
