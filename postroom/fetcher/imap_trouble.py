"""The mails of one poll that could not be read, and what is said of them at its end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from postroom.errors import MailUnreadable
from postroom.fetcher.source import UnreadableCopy

_NAMED = 20


class Trouble:
    """Collects what cannot be read; a mail that was not tried in this poll counts by what it was before."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, int], str] = {}

    def add(self, copies: Sequence[UnreadableCopy]) -> None:
        """Note copies that were met in this poll."""
        self._said |= {(copy.place.folder, copy.place.uid): copy.reason for copy in copies}

    def pass_over(self, folder: str, uid: int) -> None:
        """Note a mail that could not be read earlier and that this poll did not try."""
        self._said.setdefault((folder, uid), "")

    def knows(self, folder: str, uid: int) -> bool:
        """Return whether this mail was noted in this poll."""
        return (folder, uid) in self._said

    def tell(self) -> None:
        """Raise MailUnreadable where there is anything to tell."""
        if not self._said:
            return
        named = sorted(self._said)[:_NAMED]
        words = "; ".join(
            f"{', '.join(f'UID {uid}' for _folder, uid in some)} in {folder!r}"
            for folder, some in groupby(named, key=lambda place: place[0])
        )
        more = f" and {len(self._said) - len(named)} more" if len(self._said) > len(named) else ""
        reason = next(filter(None, self._said.values()), "not tried in this poll")
        raise MailUnreadable(
            f"{words}{more} cannot be read, all else was taken: {reason}",
            fix="look at them with another mail program and in the server's log; each poll tries them again",
        )
