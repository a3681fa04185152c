"""The Date field, read leniently (RFC 5322 3.3 and the obsolete forms of 4.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(
    rb"(?P<day>\d{1,2})[ \t-]+(?P<month>[A-Za-z]{3})[a-z]*[ \t,-]+(?P<year>\d{2,4})"
    rb"[ \t]+(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?"
    rb"(?:\.\d+)?[ \t]*(?P<zone>[+-]\d{4}|[A-Za-z]{1,5})?"
)
_AMERICAN = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
_ZONES = _AMERICAN | {"CET": 1, "CEST": 2}
_LOOKED_AT = 200


def read_date(body: bytes) -> datetime | None:
    """Return the time that a Date field names, in UTC, or None where it names none; never raises.

    An unknown zone, and -0000, count as UTC (RFC 5322 3.3 says the local zone is not known then).
    """
    found = _DATE.search(body[:_LOOKED_AT])
    if found is None or found["month"].lower().decode() not in _MONTHS:
        return None
    month = _MONTHS.index(found["month"].lower().decode()) + 1
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    try:
        zone = _zone((found["zone"] or b"").decode())
        local = datetime(
            _year(found["year"]), month, int(found["day"]), hour, minute, min(second, 59), tzinfo=zone
        )
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _year(digits: bytes) -> int:
    year = int(digits)
    if len(digits) == 2:  # noqa: PLR2004  (RFC 5322 4.3: 00-49 is 20xx)
        return year + (2000 if year < 50 else 1900)  # noqa: PLR2004  (as above)
    return year + 1900 if len(digits) == 3 else year  # noqa: PLR2004  (RFC 5322 4.3: three digits count from 1900)


def _zone(name: str) -> timezone:
    if name[:1] in ("+", "-"):
        minutes = int(name[1:3]) * 60 + int(name[3:5])
        return timezone(timedelta(minutes=-minutes if name[0] == "-" else minutes))
    return timezone(timedelta(hours=_ZONES.get(name.upper(), 0)))
