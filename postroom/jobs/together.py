"""What is done for one org, held back until it can be committed together."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar
from uuid import UUID

_MOST: Final = 50
_LONGEST_SECONDS: Final = 0.25

T = TypeVar("T")


class Together(Generic[T]):
    """Gathers by org what comes in no order: `expected` names an org once for each that is to come.

    A group is complete when nothing more is to come for its org, when it is 50, or when its first has waited
    for a quarter of a second.
    """

    def __init__(self, expected: Iterable[UUID], clock: Callable[[], float] = time.monotonic) -> None:
        self._left = Counter(expected)
        self._clock = clock
        self._groups: defaultdict[UUID, list[T]] = defaultdict(list)
        self._since: dict[UUID, float] = {}

    def add(self, org_id: UUID, one: T) -> list[list[T]]:
        """Take one in; return the groups that are complete now, of whichever orgs."""
        now = self._clock()
        self._left[org_id] -= 1
        self._groups[org_id].append(one)
        self._since.setdefault(org_id, now)
        return [self._taken(each) for each in list(self._groups) if self._is_complete(each, now)]

    def _is_complete(self, org_id: UUID, now: float) -> bool:
        has_waited = now - self._since[org_id] >= _LONGEST_SECONDS
        return self._left[org_id] <= 0 or len(self._groups[org_id]) >= _MOST or has_waited

    def _taken(self, org_id: UUID) -> list[T]:
        del self._since[org_id]
        return self._groups.pop(org_id)
