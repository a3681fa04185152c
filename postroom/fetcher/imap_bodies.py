"""From listed mails to spool files, piece by piece; of a mail over the limit the header."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from math import inf

from postroom.core.limits import KIB
from postroom.core.places import Place
from postroom.fetcher.imap_asking import Asker
from postroom.fetcher.imap_listing import Listed, message_id_sha256
from postroom.fetcher.imap_literals import Overlong
from postroom.fetcher.source import Fetched, UnreadableCopy
from postroom.fetcher.spool import Spool, Spooled

_HEADER_BYTES = 64 * KIB  # what a mail over the limit counts for in a batch
_WHOLE = "BODY.PEEK[]"  # never RFC822: that sets \Seen, and iCloud answers it with nothing
_HEADER = "BODY.PEEK[HEADER]"


@dataclass(frozen=True, slots=True)
class Bodies:
    """What reading some mails came to; on none above the UID `reached` was anything decided."""

    fetched: tuple[Fetched, ...]
    unreadable: tuple[UnreadableCopy, ...]
    reached: int


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

    def read(self, listed: Sequence[Listed]) -> Bodies:
        """Return the copies in the order of `listed`.  Raises SourceUnavailable, StoreUnavailable.

        A mail counts as over the limit by its listed size, and else by the size with which it comes.
        """
        fitting = [mail for mail in listed if mail.size_bytes <= self.message_bytes]
        read, overlong, reached = self._read(fitting, _WHOLE)
        large = [mail for mail in listed if mail.size_bytes > self.message_bytes or mail.uid in overlong]
        headers, endless, reached_too = self._read(large, _HEADER)
        read |= headers
        reached = int(min(reached, reached_too, max((mail.uid for mail in listed), default=0)))
        for mail in large:
            if mail.uid in endless:
                read[mail.uid] = self._refused(mail, "its header alone is over the limit")
        copies = [read[mail.uid] for mail in listed if mail.uid in read and mail.uid <= reached]
        return Bodies(
            tuple(copy for copy in copies if isinstance(copy, Fetched)),
            tuple(copy for copy in copies if isinstance(copy, UnreadableCopy)),
            reached,
        )

    def unreadable(self, uid: int, reason: str, date: datetime | None, size_bytes: int = 0) -> UnreadableCopy:
        """Return what is to be remembered of a mail that the server cannot give."""
        return UnreadableCopy(self.place(uid), date or self.now(), size_bytes, reason)

    def fetched_bytes(self, mail: Listed) -> int:
        """Return how much reading this mail will bring, for the size of a batch."""
        return mail.size_bytes if mail.size_bytes <= self.message_bytes else _HEADER_BYTES

    def place(self, uid: int) -> Place:
        """Return where the copy with this UID lies."""
        return Place(self.source, self.asker.opened.folder, self.asker.opened.uidvalidity, uid)

    def _read(
        self, mails: Sequence[Listed], section: str
    ) -> tuple[dict[int, Fetched | UnreadableCopy], set[int], float]:
        """Return the copies by UID, the UIDs whose section is over the limit, and how far it got."""
        uids = [mail.uid for mail in mails]
        answers = self.asker.stream(uids, section, self._received, most_bytes=self.message_bytes)
        read: dict[int, Fetched | UnreadableCopy] = {}
        overlong: set[int] = set()
        for mail in mails:
            given = answers.given.get(mail.uid)
            if isinstance(given, Overlong):
                overlong.add(mail.uid)
            elif given is not None:
                message_id, spooled = given
                read[mail.uid] = self._copy(mail, message_id, spooled, whole=section == _WHOLE)
            elif mail.uid in answers.refused:
                read[mail.uid] = self._refused(mail, answers.refused[mail.uid])
        return read, overlong, answers.reached if uids and answers.reached < uids[-1] else inf

    def _received(self, pieces: Iterator[bytes]) -> tuple[str, Spooled]:
        """Return the digest of the Message-ID, which the first piece holds, and the file of all pieces."""
        first = next(pieces, b"")
        return message_id_sha256(first), self.spool.write(chain([first], pieces))

    def _refused(self, mail: Listed, reason: str) -> UnreadableCopy:
        return self.unreadable(mail.uid, reason, mail.internal_date, mail.size_bytes)

    def _copy(self, mail: Listed, message_id: str, spooled: Spooled, *, whole: bool) -> Fetched:
        return Fetched(
            place=self.place(mail.uid),
            path=spooled.path,
            sha256=spooled.sha256,
            size_bytes=spooled.size_bytes,
            internal_date=mail.internal_date or self.now(),
            fingerprint=mail.fingerprint(message_id),
            whole=whole,
            own=True,
        )
