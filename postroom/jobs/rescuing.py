"""The task of rescuing: what the dead held, and mails that nobody comes for any more."""

from __future__ import annotations

from datetime import timedelta

import structlog

from postroom.errors import SourceVanished
from postroom.jobs.house import House

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")
_GIVEN_UP_AFTER = timedelta(days=1)
_LONGEST_PAUSE = timedelta(hours=2)  # between two tries to announce it is one hour at most


def rescue_stalled(house: House) -> int:
    """Free the claims of workers that died, and give up mails that left their source; return how many.

    What is due later than any pause is due at once: it was written while the clock was wrong.
    """
    now = house.now()
    freed = house.workbench.rescue(now)
    longest = max(_LONGEST_PAUSE, timedelta(seconds=2 * house.pace.backoff_cap_seconds))
    pulled = house.workbench.pull_in(now + longest, now)
    if pulled:
        _log.warning("due at once", messages=pulled, error="put off for days: the clock was wrong")
    lost = house.inbox.give_up_received(unseen_since=now - _GIVEN_UP_AFTER, now=now)
    if lost:
        _log.error("failed", mails=lost, code=SourceVanished.code)
    if freed:
        _log.warning("rescued", claims=freed)
    return freed + lost
