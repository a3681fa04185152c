"""When a person is needed at the latest: what has an end, and how long ahead it is told."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from postroom.config.oauth_settings import OAuth

ALARM = timedelta(days=14)
"""How long before a known end it is told."""


def first_end(oauth: OAuth, ends_at: datetime | None) -> datetime | None:
    """Return when a person is needed at the latest: the end of the login, or of the client's secret.

    A secret is good until its last day is over, UTC.  None where neither is known.
    """
    day = oauth.secret_expires
    secret_ends = datetime.combine(day, time(0), UTC) + timedelta(days=1) if day else None
    return min((end for end in (ends_at, secret_ends) if end is not None), default=None)
