"""Tell the next system what is owed to it: at least once, with an event id that stays the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from postroom.core.announcement import Announcement
from postroom.core.retry import pause_seconds
from postroom.db.protocols import OutboxQueue
from postroom.errors import PostroomError
from postroom.notify.notifier import Notifier

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.announce")
_FIRST_SECONDS = 5.0
_CAP_SECONDS = 3600.0


def announce(
    announcement: Announcement,
    *,
    notifier: Notifier,
    outbox: OutboxQueue,
    now: Callable[[], datetime],
    jitter: Callable[[], float],
) -> bool:
    """Send one announcement and strike it off; return False when it failed and will be tried again.

    A crash between the two sends it again with the same event id, which is what the receiver knows it by.
    Raises DatabaseUnavailable.
    """
    try:
        notifier.send(announcement)
    except PostroomError as error:
        pause = pause_seconds(
            announcement.attempts + 1, first=_FIRST_SECONDS, cap=_CAP_SECONDS, jitter=jitter()
        )
        record = {"code": error.code, "message": str(error), "at": now().isoformat()}
        outbox.failed(announcement.event_id, record, now() + timedelta(seconds=pause))
        _log.warning("not announced", event_id=str(announcement.event_id), code=error.code, error=str(error))
        return False
    outbox.announced(announcement.event_id, now())
    return True
