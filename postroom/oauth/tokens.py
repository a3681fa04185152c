"""A token as the token server gives it, and how long it is good for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from postroom.config.masked import Secret
from postroom.errors import TokenServerFault

AHEAD = timedelta(minutes=5)
_UNTOLD = timedelta(minutes=10)  # RFC 6749 5.1: expires_in is only recommended
_LONGEST = timedelta(days=3650)
_TOKEN = re.compile(r"[\x21-\x7e]+")  # RFC 6749 A.12 has VSCHAR; a blank or \x01 would break out of SASL


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and the refresh token that renews it, where there is one; times are aware.

    `ends_at` is when the refresh token ends, None where nobody knows.
    """

    access: Secret
    refresh: Secret | None
    obtained_at: datetime
    expires_at: datetime
    ends_at: datetime | None

    def is_due(self, now: datetime) -> bool:
        """Return whether it is time to renew it: five minutes ahead, or after half of a short life."""
        ahead = min(AHEAD, (self.expires_at - self.obtained_at) / 2)
        return now >= self.expires_at - ahead

    def is_good(self, now: datetime) -> bool:
        """Return whether a mail server may still take it."""
        return now < self.expires_at


def token_from(
    answer: Mapping[str, object], *, now: datetime, before: Token | None, login_days: int | None
) -> Token:
    """Return the token of a successful answer (RFC 6749 5.1).

    A refresh token that is not replaced stays good (RFC 6749 6): it is taken over from `before`.
    Raises TokenServerFault for an answer without a usable token.
    """
    access = _secret(answer, "access_token")
    if access is None:
        raise TokenServerFault("the token server's answer has no access_token", fix="correct `token_url`")
    kind = answer.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise TokenServerFault("the token server gave no Bearer token, but one of another type")
    renewed = _secret(answer, "refresh_token")
    refresh = renewed or (before.refresh if before else None)
    return Token(
        access=access,
        refresh=refresh,
        obtained_at=now,
        expires_at=now + (_duration(answer, "expires_in") or _UNTOLD),
        ends_at=_end(answer, now, before if renewed is None else None, login_days) if refresh else None,
    )


def _end(
    answer: Mapping[str, object], now: datetime, before: Token | None, login_days: int | None
) -> datetime | None:
    """Return when the refresh token ends; Google and Keycloak say it in fields of their own."""
    told = _duration(answer, "refresh_token_expires_in") or _duration(answer, "refresh_expires_in")
    if told is not None:
        return now + told
    if login_days is not None:
        return now + timedelta(days=login_days)
    return before.ends_at if before else None


def _secret(answer: Mapping[str, object], name: str) -> Secret | None:
    found = answer.get(name)
    if found is None or found == "":
        return None
    if not isinstance(found, str) or not _TOKEN.fullmatch(found):
        raise TokenServerFault(f"the token server's {name} is no token")
    return Secret(found)


def _duration(answer: Mapping[str, object], name: str) -> timedelta | None:
    """Return a number of seconds, which some servers write as text; None where there is none, or 0."""
    found = answer.get(name)
    if isinstance(found, str) and re.fullmatch(r"[0-9]{1,12}", found):
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int | float) or not found > 0:
        return None
    return timedelta(seconds=min(float(found), _LONGEST.total_seconds()))
