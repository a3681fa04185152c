"""One bounded round of everything due, for cron."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from postroom.errors import OperatorError, PostroomError, SettleFailed, TransientError
from postroom.jobs.announcing import announce_due
from postroom.jobs.house import House, SourceKit
from postroom.jobs.tasks import extract_due, poll, rescue_stalled
from postroom.pipeline.tally import Tally

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")


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
    """Poll each source once, extract all that is due, announce it.

    A source in trouble holds up no other, not even where the trouble is a bug.  Raises OperatorError.
    """
    counted, fine, troubled = list[Tally](), list[str](), dict[str, PostroomError]()
    for kit in kits:
        if house.stopping.is_set():
            break
        try:
            polled = poll(kit, house, limit=limit, since=since, report=counted.append)
            if polled.refused:
                troubled[kit.name] = SettleFailed(polled.refused)
            else:
                fine.append(kit.name)
        except TransientError as error:
            troubled[kit.name] = error
        except OperatorError:
            raise
        except Exception as error:
            _log.exception("bug", source=kit.name, code="E-BUG")
            troubled[kit.name] = PostroomError(f"{type(error).__name__}: {error}")
    rescue_stalled(house)
    tally = sum(counted, Tally())
    outage: PostroomError | None = None
    try:
        tally += extract_due(house, until_empty=True)
        announce_due(house)
    except TransientError as error:
        outage = error
    return Round(tally, tuple(fine), troubled, outage)
