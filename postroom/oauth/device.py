"""The device flow (RFC 8628): a person enters a short code in a browser anywhere, and we wait for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from postroom.config.masked import Secret
from postroom.errors import LoginNeeded, TokenServerFault, TokenServerUnreachable
from postroom.oauth.client import Client
from postroom.oauth.endpoint import Reply
from postroom.oauth.tokens import Token, token_from

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_INTERVAL_SECONDS = 5.0  # RFC 8628 3.2, where the server says none
_SLOWER_SECONDS = 5.0  # RFC 8628 3.5
_LONGEST_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the person is told: go to `url` and enter `user_code`, before `expires_at`."""

    url: str
    user_code: str
    expires_at: datetime
    interval_seconds: float
    device_code: Secret = field(repr=False)


def begin(client: Client) -> Invitation:
    """Ask for a code (RFC 8628 3.1).  Raises what a grant of `client` raises."""
    reply = client.reply(client.oauth.device_url, {"scope": client.scope})
    if reply.error:
        client.refuse(reply)
    fields = reply.fields
    url = fields.get("verification_uri") or fields.get("verification_url")  # Google's name of it
    words = (url, fields.get("user_code"), fields.get("device_code"))
    if not all(isinstance(word, str) and word for word in words):
        raise TokenServerFault("the server's answer invites nobody", fix="correct `device_url`")
    seconds = min(_number(fields.get("expires_in"), _LONGEST_SECONDS), _LONGEST_SECONDS)
    return Invitation(
        url=str(words[0]),
        user_code=str(words[1]),
        expires_at=client.now() + timedelta(seconds=seconds),
        interval_seconds=_number(fields.get("interval"), _INTERVAL_SECONDS),
        device_code=Secret(str(words[2])),
    )


def wait_for(client: Client, invitation: Invitation, *, pause: Callable[[float], object]) -> Token:
    """Return the token once the person has entered the code; `pause` waits between two questions.

    A server that is away for a moment ends nothing (RFC 8628 3.5).  Raises LoginNeeded when the time is over
    or the person declined, and what a grant of `client` raises.
    """
    interval = invitation.interval_seconds
    while client.now() < invitation.expires_at:
        pause(interval)
        asked_at = client.now()
        try:
            reply = _ask(client, invitation)
        except (TokenServerUnreachable, TokenServerFault):
            interval = min(interval * 2, 60.0)
            continue
        if not reply.error:
            found = token_from(reply.fields, now=asked_at, before=None, login_days=client.oauth.login_days)
            return client.lasting(found)
        if reply.error == "slow_down":
            interval += _SLOWER_SECONDS
        elif reply.error == "expired_token":
            break
        elif reply.error != "authorization_pending":
            client.refuse(reply)
    raise LoginNeeded(
        f"nobody entered the code for {client.name} in time", fix=f"postroom oauth login {client.name}"
    )


def _ask(client: Client, invitation: Invitation) -> Reply:
    form = {"grant_type": _GRANT, "device_code": invitation.device_code.reveal()}
    return client.reply(client.oauth.token_url, form)


def _number(found: object, default: float) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float) or not found > 0:
        return default
    return float(found)
