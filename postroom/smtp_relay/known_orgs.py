"""Whether an org is known: asked of the directory, and remembered over a short outage of it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from enum import Enum, auto

from postroom.errors import TransientError

FRESH_SECONDS = 30.0
BRIDGE_SECONDS = 3600.0
_MOST = 100_000


class Verdict(Enum):
    KNOWN = auto()
    UNKNOWN = auto()
    AWAY = auto()


class KnownOrgs:
    """The orgs that the directory confirmed lately.

    A known org is asked for again after 30 seconds; where the directory is away it counts as known for an
    hour.  An unknown one is never remembered, so that a new org gets its first mail at once.
    """

    def __init__(
        self, knows_org: Callable[[str], bool], *, executor: Executor, clock: Callable[[], float]
    ) -> None:
        self._knows_org = knows_org
        self._executor = executor
        self._clock = clock
        self._confirmed: OrderedDict[str, float] = OrderedDict()

    async def verdict(self, slug: str) -> Verdict:
        """Return what is known about `slug` now; never raises for a directory that is away."""
        age = self._clock() - self._confirmed.get(slug, float("-inf"))
        if age <= FRESH_SECONDS:
            return Verdict.KNOWN
        try:
            known = await asyncio.get_running_loop().run_in_executor(self._executor, self._knows_org, slug)
        except TransientError:
            return Verdict.KNOWN if age <= BRIDGE_SECONDS else Verdict.AWAY
        self._confirmed.pop(slug, None)
        if not known:
            return Verdict.UNKNOWN
        self._confirmed[slug] = self._clock()
        if len(self._confirmed) > _MOST:
            self._confirmed.popitem(last=False)
        return Verdict.KNOWN
