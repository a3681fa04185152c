"""How late the mail of each source is: the age of the oldest one that was not yet taken and let go."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from postroom.app.compose import App
from postroom.db import reading_status
from postroom.db.reading_status import LastPoll

_SILENT_AT_LEAST: Final = timedelta(minutes=15)
_MISSED_POLLS: Final = 3


def lag_seconds(app: App, name: str, poll: LastPoll | None, now: datetime) -> int | None:
    """Return the lag of one source, None where nothing waits that anybody knows of.

    Where nobody can look, or nobody did for long, it grows from the last moment at which all that had come
    was taken: mail that came since then is not known, but may be as old as that.
    """
    waits = [reading_status.oldest_unsettled(app.database, name)]
    if poll is not None and (poll.is_behind or now - poll.last_attempt_at > _silence(app, name)):
        waits.append(poll.taken_until)
    oldest = min((moment for moment in waits if moment is not None), default=None)
    return max(0, int((now - oldest).total_seconds())) if oldest else None


def _silence(app: App, name: str) -> timedelta:
    """Return how long after the last attempt it is no chance any more that nobody looked."""
    source = app.settings.source(name)
    missed = _MISSED_POLLS * timedelta(seconds=source.poll_seconds) if source else _SILENT_AT_LEAST
    return max(missed, _SILENT_AT_LEAST)
