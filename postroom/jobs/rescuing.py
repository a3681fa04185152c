"""The task of rescuing: what the dead held, and mails that nobody comes for any more."""

from __future__ import annotations

from datetime import timedelta

import structlog

from postroom.errors import SourceVanished
from postroom.jobs.house import House

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")
_GIVEN_UP_AFTER = timedelta(days=1)


def rescue_stalled(house: House) -> int:
    """Free the claims of workers that died, and give up mails that left their source; return how many."""
    now = house.now()
    freed = house.workbench.rescue(now)
    lost = house.inbox.give_up_received(unseen_since=now - _GIVEN_UP_AFTER, now=now)
    if lost:
        _log.error("failed", mails=lost, code=SourceVanished.code)
    if freed:
        _log.warning("rescued", claims=freed)
    return freed + lost
