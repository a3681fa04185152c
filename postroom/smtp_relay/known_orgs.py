"""Whether an org is known: asked of the directory, and remembered over a short outage of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from enum import StrEnum

from postroom.errors import TransientError

FRESH_SECONDS = 30.0
BRIDGE_SECONDS = 3600.0
_MOST = 100_000


class Verdict(StrEnum):
    KNOWN = "known"
    UNKNOWN = "unknown"
    AWAY = "away"


class KnownOrgs:
    """The orgs that the directory confirmed lately.

    A known org is asked for again after 30 seconds; where the directory is away it counts as known for an
    hour.  An unknown one is never remembered, so that a new org gets its first mail at once.
    `ask` raises TransientError for a directory that is away.
    """

    def __init__(self, ask: Callable[[str], Awaitable[bool]], *, clock: Callable[[], float]) -> None:
        self._ask = ask
        self._clock = clock
        self._confirmed: OrderedDict[str, float] = OrderedDict()

    async def verdict(self, slug: str) -> Verdict:
        """Return what is known about `slug` now; never raises for a directory that is away."""
        age = self._clock() - self._confirmed.get(slug, float("-inf"))
        if age <= FRESH_SECONDS:
            return Verdict.KNOWN
        try:
            known = await self._ask(slug)
        except TransientError:
            return Verdict.KNOWN if age <= BRIDGE_SECONDS else Verdict.AWAY
        self._confirmed.pop(slug, None)
        if not known:
            return Verdict.UNKNOWN
        self._confirmed[slug] = self._clock()
        if len(self._confirmed) > _MOST:
            self._confirmed.popitem(last=False)
        return Verdict.KNOWN
