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
from postroom.fetcher.imap_asking import Asker
from postroom.fetcher.imap_listing import Listed, message_id_sha256
from postroom.fetcher.source import Fetched, UnreadableCopy
from postroom.fetcher.spool import Spool, Spooled

SMALL_BYTES = 4 * MIB
PIECE_BYTES = 1 * MIB
_AT_ONCE_BYTES = 8 * MIB  # in one answer: the library holds it several times over
_HEADER_BYTES = 64 * KIB  # enough to find the Message-ID
_WHOLE = "BODY.PEEK[]"  # never RFC822: that sets \Seen


@dataclass(frozen=True, slots=True)
class BodyReader:
    """Reads the bodies of one folder; nothing it asks changes the mailbox.

    A mail that is gone by the time it is asked for is left out.  One that the server lists and cannot give is
    named, and holds up no other.
    """

    asker: Asker
    spool: Spool
    source: str
    message_bytes: int
    now: Callable[[], datetime]

    def read(self, listed: Sequence[Listed]) -> tuple[tuple[Fetched, ...], tuple[UnreadableCopy, ...]]:
        """Return the copies in the order of `listed`.  Raises SourceUnavailable, StoreUnavailable."""
        small = [mail for mail in listed if mail.size_bytes <= min(SMALL_BYTES, self.message_bytes)]
        read: dict[int, Fetched | UnreadableCopy | None] = {}
        for group in in_batches(small, lambda mail: mail.size_bytes, most_bytes=_AT_ONCE_BYTES):
            read |= self._read_small(group)
        for mail in listed:
            if mail.size_bytes > min(SMALL_BYTES, self.message_bytes):
                read[mail.uid] = self._read_alone(mail, self._read_large)
        copies = [read[mail.uid] for mail in listed]
        return (
            tuple(copy for copy in copies if isinstance(copy, Fetched)),
            tuple(copy for copy in copies if isinstance(copy, UnreadableCopy)),
        )

    def unreadable(self, uid: int, reason: str, date: datetime | None, size_bytes: int = 0) -> UnreadableCopy:
        """Return what is to be remembered of a mail that the server cannot give."""
        return UnreadableCopy(self.place(uid), date or self.now(), size_bytes, reason)

    def fetched_bytes(self, mail: Listed) -> int:
        """Return how much reading this mail will bring, for the size of a batch."""
        return mail.size_bytes if mail.size_bytes <= self.message_bytes else _HEADER_BYTES

    # --- the three ways --------------------------------------------------------------------------

    def _read_small(self, group: Sequence[Listed]) -> dict[int, Fetched | UnreadableCopy | None]:
        answers = self.asker.ask([mail.uid for mail in group], [_WHOLE], _body)
        read: dict[int, Fetched | UnreadableCopy | None] = {}
        for mail in group:
            body = answers.given.pop(mail.uid, None)
            if body is not None:
                read[mail.uid] = self._keep(mail, body)
            elif mail.uid in answers.refused:
                read[mail.uid] = self._refused(mail, answers.refused[mail.uid])
            else:
                read[mail.uid] = None
        return read

    def _keep(self, mail: Listed, body: bytes) -> Fetched | UnreadableCopy | None:
        if len(body) > self.message_bytes:  # RFC822.SIZE was too low
            return self._read_alone(mail, self._read_header)
        return self._copy(mail, message_id_sha256(body[:_HEADER_BYTES]), self.spool.write([body]))

    def _read_alone(self, mail: Listed, read: Callable[[Listed], Fetched]) -> Fetched | UnreadableCopy | None:
        try:
            return read(mail)
        except _GoneMeanwhile:
            return None
        except _Refused as refused:
            return self._refused(mail, str(refused))

    def _read_large(self, mail: Listed) -> Fetched:
        return self._read_header(mail) if mail.size_bytes > self.message_bytes else self._read_big(mail)

    def _read_big(self, mail: Listed) -> Fetched:
        first = self._piece(mail, 0)
        spooled = self.spool.write(self._pieces(mail, first))
        if spooled.size_bytes > self.message_bytes:  # RFC822.SIZE was too low
            return self._read_header(mail)
        return self._copy(mail, message_id_sha256(first[:_HEADER_BYTES]), spooled)

    def _read_header(self, mail: Listed) -> Fetched:
        header = self._alone(mail, "BODY.PEEK[HEADER]")
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
            piece = self._piece(mail, offset)

    def _piece(self, mail: Listed, offset: int) -> bytes:
        section = f"{_WHOLE}<{offset}.{PIECE_BYTES}>"
        if offset < mail.size_bytes:
            piece = self._alone(mail, section)
        else:  # behind the end a server may say nothing at all
            piece = self._behind_the_end(mail.uid, section)
        if len(piece) > PIECE_BYTES:
            raise _Refused(f"the server answers {section} with {len(piece)} bytes")
        return piece

    def _behind_the_end(self, uid: int, section: str) -> bytes:
        try:
            return self.asker.now(uid, section, _body) or b""
        except ServerFault as error:
            raise _Refused(str(error)) from error

    def _alone(self, mail: Listed, section: str) -> bytes:
        answers = self.asker.ask([mail.uid], [section], _body)
        if mail.uid in answers.refused:
            raise _Refused(answers.refused[mail.uid])
        if mail.uid not in answers.given:
            raise _GoneMeanwhile
        return answers.given[mail.uid]

    def _refused(self, mail: Listed, reason: str) -> UnreadableCopy:
        return self.unreadable(mail.uid, reason, mail.internal_date, mail.size_bytes)

    def place(self, uid: int) -> Place:
        """Return where the copy with this UID lies."""
        return Place(self.source, self.asker.opened.folder, self.asker.opened.uidvalidity, uid)

    def _copy(self, mail: Listed, message_id: str, spooled: Spooled, *, whole: bool = True) -> Fetched:
        return Fetched(
            place=self.place(mail.uid),
            path=spooled.path,
            sha256=spooled.sha256,
            size_bytes=spooled.size_bytes,
            internal_date=mail.internal_date or self.now(),
            fingerprint=mail.fingerprint(message_id),
            whole=whole,
        )


class _GoneMeanwhile(Exception):
    """The mail was deleted since it was listed."""


class _Refused(Exception):
    """The server lists the mail, but cannot give it."""


def _body(_uid: int, fields: Mapping[bytes, Any]) -> bytes | None:
    for key, value in fields.items():
        if key.startswith(b"BODY["):
            return str(value).encode() if isinstance(value, int) else value
    return None
