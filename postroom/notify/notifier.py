"""What postroom asks of a way to tell the next system."""

from __future__ import annotations

from typing import Protocol

from postroom.core.announcement import Announcement


class Notifier(Protocol):
    """Sends one announcement; it may be sent more than once, always with the same event id."""

    def send(self, announcement: Announcement) -> None:
        """Send it.  Raises TransientError when the receiver should be tried again later."""
        ...
