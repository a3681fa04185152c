"""What of a mailbox may still be fetched today: Gmail, for one, shuts an account that fetches too much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog

from postroom.fetcher.source import Memory

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.fetcher")

T = TypeVar("T")


@dataclass(slots=True)
class ByteBudget:
    """What is left of the bytes of a day; `left` None for no bound.

    `is_fresh` says that nothing was fetched today: then one mail may be larger than all of it, or it would
    never come.
    """

    left: int | None
    is_fresh: bool = True

    def affordable(self, mails: Sequence[T], size_bytes: Callable[[T], int]) -> Sequence[T]:
        """Return as many of `mails`, from the first on, as may be fetched today."""
        if self.left is None:
            return mails
        total = 0
        for number, mail in enumerate(mails):
            total += size_bytes(mail)
            if total > self.left and (number > 0 or not self.is_fresh):
                _log.warning("byte budget spent", mails_waiting=len(mails) - number)
                return mails[:number]
        return mails

    def spend(self, size_bytes: int) -> None:
        """Note what was fetched."""
        if self.left is not None and size_bytes:
            self.left, self.is_fresh = self.left - size_bytes, False


def budget_of_today(bytes_per_day: int | None, memory: Memory, now: datetime) -> ByteBudget:
    """Return what is left today; days are those of UTC, whoever fetched and on whichever host."""
    if bytes_per_day is None:
        return ByteBudget(None)
    spent = memory.bytes_since(now.replace(hour=0, minute=0, second=0, microsecond=0))
    return ByteBudget(bytes_per_day - spent, is_fresh=spent == 0)
