"""Asking for many mails at once, so that one which the server cannot give costs no other anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from postroom.errors import BudgetSpent, ServerFault
from postroom.fetcher.batching import BATCH_BYTES
from postroom.fetcher.imap_commands import Fields, fetch
from postroom.fetcher.imap_connection import Connection
from postroom.fetcher.imap_literals import Overlong, Sections
from postroom.fetcher.imap_opened import Opened
from postroom.fetcher.imap_search import still_there

MOST_REFUSED = 20  # in one poll: many servers hang up at such a mail, so that each may cost a login
_STREAM_SECONDS = 120.0
_STREAM_BYTES_A_SECOND = 16_384  # slower than that, and a mail would hold up its mailbox for hours

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """What was asked for, by UID; what is in neither is gone.  No UID above `reached` was decided on."""

    given: dict[int, T]
    refused: dict[int, str]
    reached: int


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks one folder; nothing it asks changes the mailbox.

    `suspect` says that these mails failed before: then one more failure is enough.
    """

    connection: Connection
    opened: Opened
    read_only: bool
    suspect: bool = False

    def ask(
        self,
        uids: Sequence[int],
        fields: Sequence[str],
        understood: Callable[[int, Fields], T | None],
        *,
        most_refused: int | None = None,
    ) -> Answers[T]:
        """Return what `understood` makes of the server's word on each of `uids`, which ascend.

        Once `most_refused` mails are refused, the rest is not asked for.  Raises SourceUnavailable when the
        server is away.
        """
        once = partial(self._once, fields=fields, understood=understood)
        return self._in_parts(uids, once, fields[-1], most_refused)

    def stream(
        self, uids: Sequence[int], section: str, receive: Callable[[Iterator[bytes]], T], *, most_bytes: int
    ) -> Answers[T | Overlong]:
        """Return what `receive` makes of the pieces of one section of each of `uids`, which ascend.

        What is longer than `most_bytes` is Overlong.  Raises SourceUnavailable when the server is away, and
        what `receive` raises.
        """

        def once(asked: Sequence[int]) -> tuple[dict[int, T | Overlong], str]:
            return self._streamed(asked, section, receive, most_bytes)

        return self._in_parts(uids, once, section, None, in_order=True)

    def still_there(self, uids: Sequence[int]) -> list[int]:
        """Return those of `uids` (a few hundred at most) that the folder holds, in their order."""
        if not uids:
            return []
        self.connection.stay_in(self.opened, read_only=self.read_only)
        found = still_there(self.connection, uids)
        return [uid for uid in uids if uid in found]

    def _in_parts(
        self,
        uids: Sequence[int],
        once: Callable[[Sequence[int]], tuple[dict[int, T], str]],
        wanted: str,
        most_refused: int | None,
        *,
        in_order: bool = False,
    ) -> Answers[T]:
        """Ask `once` for all, and again in halves where a command fails or is silent on a mail that is there.

        Where mails come `in_order` and the connection broke, the first that is missing is asked alone.  A
        mail that fails alone and again, while the server answers a search, is refused.  Where the time is
        over, nothing is decided on what was not given until then.
        """
        answers: Answers[T] = Answers({}, {}, uids[-1] if uids else 0)
        waiting = [(list(uids), self.suspect)] if uids else []
        while waiting:
            group, failed_before = waiting.pop()
            if most_refused is not None and len(answers.refused) >= most_refused:
                return _before(group[0], answers)
            try:
                given, fault = once(group)
                answers.given.update(given)
                is_cut = in_order and not self.connection.is_open and bool(given or not failed_before)
                missing = self.still_there([uid for uid in group if uid not in given])
            except BudgetSpent:
                return _before(next(uid for uid in group if uid not in answers.given), answers)
            if len(missing) == 1 and failed_before:
                answers.refused[missing[0]] = fault or f"the server gives no {wanted} of it"
            elif missing:
                some = (missing[:1], missing[1:]) if is_cut else _halves(missing)
                waiting += [(part, True) for part in reversed(some) if part]
        return answers

    def _once(
        self, uids: Sequence[int], fields: Sequence[str], understood: Callable[[int, Fields], T | None]
    ) -> tuple[dict[int, T], str]:
        # Outside the try: a folder that cannot be opened is no fault of a mail.
        self.connection.stay_in(self.opened, read_only=self.read_only)
        try:
            answer = fetch(self.connection, uids, fields)
        except ServerFault as error:
            return {}, str(error)
        heard = {uid: understood(uid, answer[uid]) for uid in uids if uid in answer}
        return {uid: value for uid, value in heard.items() if value is not None}, ""

    def _streamed(
        self, uids: Sequence[int], section: str, receive: Callable[[Iterator[bytes]], T], most_bytes: int
    ) -> tuple[dict[int, T | Overlong], str]:
        self.connection.stay_in(self.opened, read_only=self.read_only)  # outside the try, as above
        given: dict[int, T | Overlong] = {}
        most_seconds = _STREAM_SECONDS + max(most_bytes, BATCH_BYTES) / _STREAM_BYTES_A_SECOND
        try:
            self.connection.stream(
                lambda wire: Sections(wire, section, most_bytes, receive, given).ask(uids),
                seconds=most_seconds,
            )
        except (ServerFault, BudgetSpent) as error:
            return given, str(error)
        return given, ""


def _before(uid: int, answers: Answers[T]) -> Answers[T]:
    """Return what was decided on the mails below `uid`."""
    given = {each: value for each, value in answers.given.items() if each < uid}
    return Answers(given, answers.refused, uid - 1)


def _halves(uids: list[int]) -> tuple[list[int], list[int]]:
    """Return both halves; the first of a single mail is empty."""
    middle = len(uids) // 2
    return uids[:middle], uids[middle:]
