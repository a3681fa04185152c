"""Asking for many mails at once, so that one which the server cannot give costs no other anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from postroom.errors import ServerFault
from postroom.fetcher.imap_connection import Connection, Opened

MOST_REFUSED = 20  # in one poll: many servers hang up at such a mail, so that each may cost a login

T = TypeVar("T")
Fields = Mapping[bytes, Any]


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

        Where a command fails, or is silent on a mail that is there, it is asked again in halves, down to the
        single mail.  A mail that fails alone and again, while the server answers a search, is refused; once
        `most_refused` are, the rest is not asked for.  Raises SourceUnavailable when the server is away.
        """
        answers: Answers[T] = Answers({}, {}, uids[-1] if uids else 0)
        waiting = [(list(uids), self.suspect)] if uids else []
        while waiting:
            group, failed_before = waiting.pop()
            if most_refused is not None and len(answers.refused) >= most_refused:
                decided = {uid: value for uid, value in answers.given.items() if uid < group[0]}
                return Answers(decided, answers.refused, group[0] - 1)
            given, fault = self._once(group, fields, understood)
            answers.given.update(given)
            missing = self.still_there([uid for uid in group if uid not in given])
            if len(missing) == 1 and failed_before:
                answers.refused[missing[0]] = fault or f"the server gives no {fields[-1]} of it"
            elif missing:
                waiting += [(half, True) for half in reversed(_halves(missing)) if half]
        return answers

    def still_there(self, uids: Sequence[int]) -> list[int]:
        """Return those of `uids` (a few hundred at most) that the folder holds, in their order."""
        if not uids:
            return []
        self.connection.stay_in(self.opened, read_only=self.read_only)
        found = self.connection.search(["UID", ",".join(map(str, uids))])
        return [uid for uid in uids if uid in found]

    def now(self, uid: int, field: str, understood: Callable[[int, Fields], T | None]) -> T | None:
        """Return what the server says of one mail; None where it is silent.  Raises SourceUnavailable."""
        self.connection.stay_in(self.opened, read_only=self.read_only)
        return understood(uid, self.connection.fetch([uid], [field]).get(uid, {}))

    def _once(
        self, uids: Sequence[int], fields: Sequence[str], understood: Callable[[int, Fields], T | None]
    ) -> tuple[dict[int, T], str]:
        # Outside the try: a folder that cannot be opened is no fault of a mail.
        self.connection.stay_in(self.opened, read_only=self.read_only)
        try:
            answer = self.connection.fetch(uids, fields)
        except ServerFault as error:
            return {}, str(error)
        heard = {uid: understood(uid, answer[uid]) for uid in uids if uid in answer}
        return {uid: value for uid, value in heard.items() if value is not None}, ""


def _halves(uids: list[int]) -> tuple[list[int], list[int]]:
    """Return both halves; the first of a single mail is empty."""
    middle = len(uids) // 2
    return uids[:middle], uids[middle:]
