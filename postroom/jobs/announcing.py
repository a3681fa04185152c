"""The task of announcing: what is owed to the next system, leased as extraction is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import structlog

from postroom.db.outcomes import Told
from postroom.db.values import Owed
from postroom.errors import LeaseLost
from postroom.failpoints import reach
from postroom.jobs.house import House
from postroom.jobs.keeping import kept
from postroom.pipeline.announce import tell
from postroom.stages import in_track, stage

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")
_TOGETHER_SECONDS = 0.05


@in_track("work")
def announce_due(house: House) -> int:
    """Announce what is owed; return how many the next system took.  A failure waits for its next time."""
    taken = 0
    while not house.stopping.is_set() and not house.work_until.is_over:
        seconds = house.pace.lease_seconds
        with stage("claim"):
            most = house.to_announce.size
            claimed = house.outbox.claim(
                limit=most, holder=house.holder, lease_seconds=seconds, now=house.now()
            )
        began = time.monotonic()
        if claimed:
            reach("announce.claimed")
        with kept(partial(_renew_owed, claimed, house), lease_seconds=seconds):
            taken += _announce(claimed, house)
        house.to_announce.done(len(claimed), time.monotonic() - began)
        if len(claimed) < most:
            break
    return taken


def _renew_owed(claimed: Sequence[Owed], house: House) -> None:
    house.outbox.renew(claimed, lease_seconds=house.pace.lease_seconds, now=house.now())


def _announce(some: Sequence[Owed], house: House) -> int:
    """Announce what is owed; return how many the next system took.

    What it took in so short a time is written down together.
    """
    taken, told = 0, list[Told]()
    since = time.monotonic()
    for owed in some:
        with stage("tell"):
            told.append(tell(owed, notifier=house.notifier, now=house.now, jitter=house.jitter))
        if owed is some[-1] or time.monotonic() - since > _TOGETHER_SECONDS:
            taken += _conclude(told, house)
            told, since = [], time.monotonic()
    return taken


def _conclude(told: Sequence[Told], house: House) -> int:
    with stage("conclude"):
        ours = house.outbox.conclude(told, house.now())
    reach("announce.concluded")
    for each in told:
        if each.owed.message_id not in ours:
            _log.warning("passed over", row=str(each.owed.message_id), code=LeaseLost.code)
    return sum(len(each.told) for each in told if each.owed.message_id in ours)
