"""Announcements as log lines: what there is until a receiver is configured."""

from __future__ import annotations

from typing import Final

import structlog

from postroom.core.announcement import Announcement
from postroom.errors import LogUnwritable

ANNOUNCED: Final = "postroom.notify.log"
"""The logger of announcements.  Who sets up the log lets what goes wrong there be raised."""

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(ANNOUNCED)


class LogNotifier:
    """Says each announcement in the log."""

    def send(self, announcement: Announcement) -> None:
        """Write it down.  Raises LogUnwritable where the log did not take it."""
        try:
            _log.info(
                "announced",
                kind=announcement.event,
                event_id=str(announcement.event_id),
                org=announcement.org,
                row=str(announcement.message_id),
                document=str(announcement.document_id) if announcement.document_id else None,
            )
        except OSError as error:
            raise LogUnwritable(f"the log takes no line: {error.strerror}") from error
