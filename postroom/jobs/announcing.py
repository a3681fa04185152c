"""The task of announcing: what is owed to the next system, leased as extraction is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import structlog

from postroom.db.values import Owed
from postroom.errors import LeaseLost
from postroom.failpoints import reach
from postroom.jobs.house import House
from postroom.jobs.keeping import kept
from postroom.pipeline.announce import announce

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")
_ANNOUNCED_AT_ONCE = 20


def announce_due(house: House) -> int:
    """Announce what is owed; return how many the next system took.  A failure waits for its next time."""
    taken = 0
    while not house.stopping.is_set() and not house.work_until.is_over:
        seconds = house.pace.lease_seconds
        claimed = house.outbox.claim(
            limit=_ANNOUNCED_AT_ONCE, holder=house.holder, lease_seconds=seconds, now=house.now()
        )
        if claimed:
            reach("announce.claimed")
        with kept(partial(_renew_owed, claimed, house), lease_seconds=seconds):
            taken += sum(announce_one(owed, house) for owed in claimed)
        if len(claimed) < _ANNOUNCED_AT_ONCE:
            break
    return taken


def _renew_owed(claimed: Sequence[Owed], house: House) -> None:
    house.outbox.renew(claimed, lease_seconds=house.pace.lease_seconds, now=house.now())


def announce_one(owed: Owed, house: House) -> int:
    """Announce what is owed of one claimed message; return how many the next system took."""
    try:
        return announce(
            owed, notifier=house.notifier, outbox=house.outbox, now=house.now, jitter=house.jitter
        )
    except LeaseLost as error:
        _log.warning("passed over", row=str(owed.message_id), code=error.code, error=str(error))
        return 0
