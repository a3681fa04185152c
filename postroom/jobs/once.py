"""One bounded round of everything due, for cron."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from postroom.errors import PostroomError, TransientError
from postroom.jobs.house import House, SourceKit
from postroom.jobs.tasks import announce_due, extract_due, poll, rescue_stalled
from postroom.pipeline.tally import Tally


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to: the sum, the sources that went well, the errors of those that did not."""

    tally: Tally
    fine: tuple[str, ...]
    troubled: dict[str, PostroomError]
    outage: PostroomError | None = None


def one_round(
    kits: Sequence[SourceKit], house: House, *, limit: int | None = None, since: datetime | None = None
) -> Round:
    """Poll each source once, extract all that is due, announce it.  A source in trouble holds up no other."""
    tally, fine, troubled = Tally(), list[str](), dict[str, PostroomError]()
    for kit in kits:
        if house.stopping.is_set():
            break
        try:
            tally += poll(kit, house, limit=limit, since=since)
            fine.append(kit.name)
        except TransientError as error:
            troubled[kit.name] = error
    rescue_stalled(house)
    outage: PostroomError | None = None
    try:
        tally += extract_due(house, until_empty=True)
        announce_due(house)
    except TransientError as error:
        outage = error
    return Round(tally, tuple(fine), troubled, outage)
