"""Tell the next system what is owed to it: at least once, with an event id that stays the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from postroom.core.announcement import Announcement
from postroom.core.retry import pause_seconds
from postroom.db.outcomes import Told
from postroom.db.values import Owed, Untold
from postroom.errors import PostroomError
from postroom.failpoints import reach
from postroom.notify.notifier import Notifier

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.announce")
_FIRST_SECONDS = 5.0
_CAP_SECONDS = 3600.0


def tell(owed: Owed, *, notifier: Notifier, now: Callable[[], datetime], jitter: Callable[[], float]) -> Told:
    """Send what is owed of one message; return what the next system took, and what is tried again later.

    A crash before that is written down sends it again with the same event ids, which is what the receiver
    knows it by.
    """
    untold = tuple(
        failed
        for announcement in owed.announcements
        if (failed := _send(announcement, notifier, now, jitter)) is not None
    )
    reach("announce.sent")
    waiting = {failed.event_id for failed in untold}
    told = tuple(each.event_id for each in owed.announcements if each.event_id not in waiting)
    return Told(owed, told, untold)


def _send(
    announcement: Announcement,
    notifier: Notifier,
    now: Callable[[], datetime],
    jitter: Callable[[], float],
) -> Untold | None:
    """Send one announcement; return why it failed and when it is tried again, or None."""
    try:
        notifier.send(announcement)
    except PostroomError as error:
        pause = pause_seconds(
            announcement.attempts + 1, first=_FIRST_SECONDS, cap=_CAP_SECONDS, jitter=jitter()
        )
        record = {"code": error.code, "message": str(error), "at": now().isoformat()}
        _log.warning("not announced", event_id=str(announcement.event_id), code=error.code, error=str(error))
        return Untold(announcement.event_id, record, now() + timedelta(seconds=pause))
    return None
