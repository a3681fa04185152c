"""Announcements as log lines: what there is until a receiver is configured."""

from __future__ import annotations

import structlog

from postroom.core.announcement import Announcement

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.announce")


class LogNotifier:
    """Says each announcement in the log; it cannot fail."""

    def send(self, announcement: Announcement) -> None:
        _log.info(
            "announced",
            kind=announcement.event,
            event_id=str(announcement.event_id),
            org=announcement.org,
            row=str(announcement.message_id),
            document=str(announcement.document_id) if announcement.document_id else None,
        )
