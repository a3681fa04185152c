"""From listed mails to spool files: small ones many at once, big ones in pieces, of huge ones the header."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from postroom.core.limits import KIB, MIB
from postroom.core.places import Place
from postroom.errors import ServerFault
from postroom.fetcher.batching import in_batches
from postroom.fetcher.imap_connection import Connection, Opened
from postroom.fetcher.imap_listing import Listed, message_id_sha256, still_there
from postroom.fetcher.source import Fetched
from postroom.fetcher.spool import Spool, Spooled

SMALL_BYTES = 4 * MIB
PIECE_BYTES = 1 * MIB
_AT_ONCE_BYTES = 8 * MIB  # in one answer: the library holds it several times over
_HEADER_BYTES = 64 * KIB  # enough to find the Message-ID
_WHOLE = "BODY.PEEK[]"  # never RFC822: that sets \Seen


@dataclass(frozen=True, slots=True)
class BodyReader:
    """Reads the bodies of one folder; nothing it asks changes the mailbox.

    A mail that is gone by the time it is asked for is left out.  One that the server lists and will not give
    is ServerFault: passing over it would lose it.
    """

    connection: Connection
    opened: Opened
    spool: Spool
    source: str
    message_bytes: int
    read_only: bool
    now: Callable[[], datetime]

    def read(self, listed: Sequence[Listed]) -> tuple[Fetched, ...]:
        """Return the copies in the order of `listed`.  Raises SourceUnavailable, StoreUnavailable."""
        small = [mail for mail in listed if mail.size_bytes <= min(SMALL_BYTES, self.message_bytes)]
        fetched: dict[int, Fetched | None] = {}
        for group in in_batches(small, lambda mail: mail.size_bytes, most_bytes=_AT_ONCE_BYTES):
            fetched |= self._read_small(group)
        for mail in listed:
            if mail.size_bytes > self.message_bytes:
                fetched[mail.uid] = self._read_header(mail)
            elif mail.size_bytes > SMALL_BYTES:
                fetched[mail.uid] = self._read_big(mail)
        return tuple(copy for mail in listed if (copy := fetched[mail.uid]) is not None)

    def fetched_bytes(self, mail: Listed) -> int:
        """Return how much reading this mail will bring, for the size of a batch."""
        return mail.size_bytes if mail.size_bytes <= self.message_bytes else _HEADER_BYTES

    # --- the three ways --------------------------------------------------------------------------

    def _read_small(self, group: Sequence[Listed]) -> dict[int, Fetched | None]:
        bodies = self._fetch([mail.uid for mail in group], _WHOLE)
        copies: dict[int, Fetched | None] = {}
        for mail in group:
            body = bodies.pop(mail.uid, None)
            copies[mail.uid] = self._keep(mail, self._alone(mail, _WHOLE) if body is None else body)
        return copies

    def _keep(self, mail: Listed, body: bytes | None) -> Fetched | None:
        if body is None:
            return None
        if len(body) > self.message_bytes:  # RFC822.SIZE was too low
            return self._read_header(mail)
        return self._copy(mail, message_id_sha256(body[:_HEADER_BYTES]), self.spool.write([body]))

    def _read_big(self, mail: Listed) -> Fetched | None:
        first = self._piece(mail, 0)
        if first is None:
            return None
        try:
            spooled = self.spool.write(self._pieces(mail, first))
        except _GoneMeanwhile:
            return None
        if spooled.size_bytes > self.message_bytes:  # RFC822.SIZE was too low
            return self._read_header(mail)
        return self._copy(mail, message_id_sha256(first[:_HEADER_BYTES]), spooled)

    def _read_header(self, mail: Listed) -> Fetched | None:
        header = self._alone(mail, "BODY.PEEK[HEADER]")
        if header is None:
            return None
        return self._copy(mail, message_id_sha256(header), self.spool.write([header]), whole=False)

    # --- asking ----------------------------------------------------------------------------------

    def _pieces(self, mail: Listed, first: bytes) -> Iterator[bytes]:
        """Yield the body until a piece falls short, or it is over the limit."""
        offset, piece = 0, first
        while True:
            yield piece
            offset += len(piece)
            if len(piece) < PIECE_BYTES or offset > self.message_bytes:
                return
            following = self._piece(mail, offset)
            if following is None and offset < mail.size_bytes:
                raise _GoneMeanwhile
            piece = following or b""

    def _piece(self, mail: Listed, offset: int) -> bytes | None:
        section = f"{_WHOLE}<{offset}.{PIECE_BYTES}>"
        piece = self._fetch([mail.uid], section).get(mail.uid)
        if piece is None and offset < mail.size_bytes:
            piece = self._alone(mail, section)
        if piece is not None and len(piece) > PIECE_BYTES:
            raise ServerFault(f"the server answers {section} of UID {mail.uid} with {len(piece)} bytes")
        return piece

    def _alone(self, mail: Listed, section: str) -> bytes | None:
        """Ask for one mail that an answer left out; None when it is gone, ServerFault when it is not."""
        body = self._fetch([mail.uid], section).get(mail.uid)
        if body is None and still_there(self.connection, [mail.uid]):
            raise ServerFault(
                f"the server lists UID {mail.uid} in {self.opened.folder!r}, but gives no {section} of it"
            )
        return body

    def _fetch(self, uids: list[int], section: str) -> dict[int, bytes]:
        self.connection.stay_in(self.opened, read_only=self.read_only)
        bodies = {uid: _body(fields) for uid, fields in self.connection.fetch(uids, [section]).items()}
        return {uid: body for uid, body in bodies.items() if body is not None}

    def _copy(self, mail: Listed, message_id: str, spooled: Spooled, *, whole: bool = True) -> Fetched:
        return Fetched(
            place=Place(self.source, self.opened.folder, self.opened.uidvalidity, mail.uid),
            path=spooled.path,
            sha256=spooled.sha256,
            size_bytes=spooled.size_bytes,
            internal_date=mail.internal_date or self.now(),
            fingerprint=mail.fingerprint(message_id),
            whole=whole,
        )


class _GoneMeanwhile(Exception):
    """The mail was deleted between two pieces of it."""


def _body(fields: Mapping[bytes, Any]) -> bytes | None:
    for key, value in fields.items():
        if key.startswith(b"BODY["):
            return str(value).encode() if isinstance(value, int) else value
    return None
